from datawarp.operations.stage import stage

with stage(snakemake, "request_refresh") as job:
    from datawarp.operations.options import read_options
    from datawarp.operations.refresh import request_refresh

    request_refresh(job.unit, snakemake.wildcards.run, job.paths, read_options(snakemake.config), snakemake.params.why)
