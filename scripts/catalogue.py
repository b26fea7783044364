from datawarp.operations.stage import stage

with stage(snakemake, "catalogue") as job:
    from datawarp.publish.catalogue import catalogue

    catalogue(job.paths, job.settings, job.registry)
