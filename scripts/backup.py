from datawarp.operations.stage import stage

with stage(snakemake, "backup") as job:
    from datawarp.lifecycle.targets import backup

    backup(job.paths, snakemake.params.project)
