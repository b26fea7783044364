from snakemake.script import snakemake

from datawarp.operations.stage import stage

with stage(snakemake, "finish_refresh") as job:
    from datawarp.operations.refresh import finish_refresh

    finish_refresh(job.unit, snakemake.wildcards.run, job.paths, job.settings)
