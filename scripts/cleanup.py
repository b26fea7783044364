from datawarp.operations.stage import stage

with stage(snakemake, "cleanup") as job:
    from datawarp.lifecycle.targets import cleanup

    cleanup(job.paths, job.settings, job.registry, snakemake.config, snakemake.params.project)
