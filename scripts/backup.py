from pathlib import Path

from snakemake.script import snakemake

from datawarp.operations.stage import stage

with stage(snakemake, "backup") as job:
    from datawarp.lifecycle.targets import backup

    backup(job.paths, Path(snakemake.params.project))
