from datawarp.operations.stage import stage

with stage(snakemake, "preview") as job:
    from datawarp.publish.preview import preview

    preview(job.unit, job.paths, job.settings)
