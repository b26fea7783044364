import sys

from datawarp.operations.stage import stage

with stage(snakemake, "check_updates") as job:
    from datawarp.acquire.updates import check_updates, updates_text
    from datawarp.operations.options import names

    units = job.registry.units(*names(snakemake.config, "pub"))
    findings = check_updates(units, job.paths, job.settings)
    sys.stdout.write(updates_text(findings))
