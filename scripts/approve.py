import sys

from datawarp.operations.stage import stage

with stage(snakemake, "approve") as job:
    from datawarp.lifecycle.approve import approve
    from datawarp.operations.options import text
    from datawarp.publish.catalogue import catalogue

    who, note = text(snakemake.config, "who"), text(snakemake.config, "reason")
    outcome = approve(job.unit, job.paths, job.settings, job.registry.unit, who, note)
    if outcome.redone:
        catalogue(job.paths, job.settings, job.registry)
    sys.stdout.write("\n".join(outcome.lines) + "\n")
