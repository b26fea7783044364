from datawarp.operations.stage import stage

with stage(snakemake, "download") as job:
    from datawarp.operations.refresh import replay, replays

    if replays(job.unit.name, job.paths):
        replay(job.unit, job.paths)
    else:
        from datawarp.acquire.download import download

        download(job.unit, job.paths, job.settings)
