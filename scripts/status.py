import sys

from datawarp.operations.stage import stage

with stage(snakemake, "status") as job:
    from datetime import UTC, datetime

    from rich.console import Console

    from datawarp.operations.failures import failures
    from datawarp.operations.overview import keep, overview
    from datawarp.operations.states import unit_states
    from datawarp.operations.status import print_status

    now = datetime.now(UTC)
    states = unit_states(job.registry.units(), job.paths, now)
    others = [f for name, f in failures(job.paths).items() if name.startswith("_")]
    found = overview(job.registry, states, job.paths, job.settings, now)
    print_status(found, others, Console(width=None if sys.stdout.isatty() else 160))
    keep(found, job.paths)
