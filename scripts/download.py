from snakemake.script import snakemake

from datawarp.operations.stage import stage

with stage(snakemake, "download") as job:
    from datawarp.acquire.download import download

    download(job.unit, job.paths, job.settings)
