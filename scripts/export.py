from datawarp.operations.stage import stage

with stage(snakemake, "export") as job:
    from datawarp.operations.pending import record_built
    from datawarp.publish.export import export

    export(job.unit, job.paths, job.settings)
    record_built(job.unit, job.paths)
