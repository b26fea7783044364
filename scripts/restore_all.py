from datawarp.operations.stage import stage

with stage(snakemake, "restore_all") as job:
    from datawarp.lifecycle.targets import restore_all

    restore_all(job.paths, job.settings, job.registry, snakemake.config, snakemake.params.project)
