from datawarp.operations.stage import stage

with stage(snakemake, "enrich") as job:
    from datawarp.enrich.enrich import enrich

    def warehouse(publication):
        from datawarp.warehouse.canonical import canonical_manifests

        return canonical_manifests(publication, job.paths, job.settings)

    enrich(job.unit, job.paths, job.settings, warehouse)
