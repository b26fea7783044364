from datawarp.operations.stage import stage

with stage(snakemake, "catalogue") as job:
    from datawarp.publish.catalogue import catalogue

    # Decisions that were killed half-way, see rules/review.smk.
    if any((job.paths.private / "approvals").glob("*.json")):
        from datawarp.lifecycle.approve import close_merged

        close_merged(job.paths, job.settings)
    catalogue(job.paths, job.settings, job.registry)
