import sys
from datetime import UTC, datetime

from datawarp.operations.stage import stage

with stage(snakemake, "discover") as job:
    from datawarp.acquire.discover import discover
    from datawarp.operations.options import flag, names
    from datawarp.registry.edit import add_releases

    today = datetime.now(UTC).date()
    found = discover(job.registry, job.paths, job.settings, today, names(snakemake.config, "pub"))
    sys.stdout.write(found.text(job.registry))
    if flag(snakemake.config, "write") and found.proposals:
        add_releases(job.registry.path, found.releases())
        sys.stdout.write(f"# written into {job.registry.path}\n")
