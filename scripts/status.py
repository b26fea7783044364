from datawarp.operations.stage import stage

with stage(snakemake, "status") as job:
    from datetime import UTC, datetime

    from rich.console import Console

    from datawarp.operations.failures import failures
    from datawarp.operations.states import unit_states
    from datawarp.operations.status import print_status

    units = job.registry.units()
    others = [f for name, f in failures(job.paths).items() if name.startswith("_")]
    print_status(unit_states(units, job.paths, datetime.now(UTC)), others, Console())
