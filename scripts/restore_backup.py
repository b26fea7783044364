from datawarp.operations.stage import stage

with stage(snakemake, "restore_backup") as job:
    from datawarp.lifecycle.targets import restore_backup

    restore_backup(job.paths, snakemake.config, snakemake.params.project)
