from datawarp.operations.stage import stage

with stage(snakemake, "draft") as job:
    from datawarp.manifest.draft import draft

    draft(job.unit, job.paths, job.settings)
