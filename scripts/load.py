from datawarp.operations.stage import stage

with stage(snakemake, "load") as job:
    from datawarp.warehouse.load import load

    load(job.unit, job.paths, job.settings)
