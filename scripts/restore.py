from datawarp.operations.stage import stage

with stage(snakemake, "restore") as job:
    from datawarp.lifecycle.targets import restore

    restore(
        snakemake.params.restored,
        job.paths,
        job.settings,
        job.registry,
        snakemake.config,
        snakemake.params.project,
    )
