import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime

from datawarp.operations.stage import stage

with stage(snakemake, "validate") as job:
    from datawarp.operations.cadence import cadence
    from datawarp.operations.options import flag
    from datawarp.warehouse.connection import connect
    from datawarp.warehouse.validate import validate

    today = datetime.now(UTC).date()
    with closing(connect(job.paths, job.settings)) as connection:
        report = validate(
            connection,
            job.paths,
            job.registry,
            lambda periods, frequency: cadence(periods, frequency, today).gaps,
            hashes=not flag(snakemake.config, "quick"),
        )
    sys.stdout.write(report.told(shutil.get_terminal_size((140, 24)).columns) + "\n")
    report.raise_if_severe()
