import sys
from datetime import UTC, datetime

from datawarp.operations.stage import stage

with stage(snakemake, "assess") as job:
    from datawarp.operations.assess import assess, report
    from datawarp.operations.driver import Plan

    taken = list(Plan.of(snakemake.config, job.paths, job.paths.root, []).pending)
    cores = snakemake.params.cores or 1
    assessment = assess(job.registry, taken, job.paths, job.settings, cores, datetime.now(UTC))
    sys.stdout.write(report(assessment) + "\n")
