from datawarp.operations.stage import stage

with stage(snakemake, "adopt") as job:
    from datawarp.lifecycle.targets import adopt

    adopt(job.paths, job.settings, job.registry)
