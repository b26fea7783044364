from datawarp.operations.stage import stage

with stage(snakemake, "finish_refresh") as job:
    from contextlib import closing

    from datawarp.operations.refresh import finish_refresh
    from datawarp.warehouse.connection import connect

    with closing(connect(job.paths, job.settings)) as connection:
        finish_refresh(job.subject, snakemake.wildcards.run, job.paths, connection)
