from datawarp.operations.stage import stage

with stage(snakemake, "request_refresh") as job:
    from datawarp.operations.options import read_options
    from datawarp.operations.refresh import request_refresh
    from datawarp.operations.run_record import reason_of

    why = reason_of(job.subject, job.paths)
    request_refresh(job.subject, snakemake.wildcards.run, job.paths, read_options(snakemake.config), why)
