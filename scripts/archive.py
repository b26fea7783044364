from pathlib import Path

from snakemake.script import snakemake

from datawarp.operations.stage import stage

with stage(snakemake, "archive") as job:
    from datawarp.lifecycle.targets import archive

    archive(job.paths, job.settings, job.registry, snakemake.config, Path(snakemake.params.project))
