from datawarp.operations.stage import stage

with stage(snakemake, "archive") as job:
    from datawarp.lifecycle.targets import archive

    archive(job.paths, job.settings, job.registry, snakemake.config, snakemake.params.project)
