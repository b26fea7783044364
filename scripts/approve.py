import sys

from datawarp.operations.stage import stage

with stage(snakemake, "approve") as job:
    from datawarp.lifecycle.approve import approve
    from datawarp.operations.options import text

    who, note = text(snakemake.config, "who"), text(snakemake.config, "reason")
    outcome = approve(job.unit, job.paths, job.settings, job.registry.unit, who, note)
    sys.stdout.write("\n".join(outcome.lines) + "\n")
