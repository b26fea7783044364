from datawarp.operations.stage import stage

with stage(snakemake, "enrich") as job:
    from datawarp.enrich.enrich import enrich

    enrich(job.unit, job.paths, job.settings)
