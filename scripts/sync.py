from datawarp.operations.stage import stage

with stage(snakemake, "sync") as job:
    from datawarp.lifecycle.targets import sync

    sync(job.paths, snakemake.config, snakemake.params.project)
