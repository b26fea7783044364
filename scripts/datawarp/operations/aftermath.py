"""What follows a run: its summary, the status page and the monitor's file, and whoever is to be told.

Nothing here can fail a run: what goes wrong is printed, and the run's outcome stands.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Collection
from datetime import datetime

from datawarp.files import write_json
from datawarp.operations.alerts import announce_run
from datawarp.operations.failures import Failure
from datawarp.operations.overview import write_overview
from datawarp.operations.states import troubles, unit_states
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings


def conclude(
    run: str,
    begun: datetime,
    units: Collection[str],
    failed: Collection[Failure],
    registry: Registry,
    paths: Paths,
    settings: Settings,
    now: datetime,
) -> None:
    """Conclude ``run`` over ``units``, of which ``failed`` failed: ``output/last_run.json``, page, health, alerts."""
    try:
        names = {f.unit for f in failed}
        write_json(
            paths.output / "last_run.json",
            {
                "run": run,
                "began": begun.isoformat(timespec="seconds"),
                "ended": now.isoformat(timespec="seconds"),
                "seconds": round((now - begun).total_seconds(), 1),
                "units": len(units),
                "done": sorted(set(units) - names),
                "failed": [{"unit": f.unit, "stage": f.stage, "reason": f.text, "log": f.log} for f in failed],
            },
        )
        states = unit_states(registry.units(), paths, now)
        write_overview(registry, states, paths, settings, now)
        for line in announce_run(troubles(states), settings.alerts, paths, now):
            sys.stderr.write(f"{line}\n")
    except Exception:  # the data are in; a full disk or a broken page must not turn that into a failure
        sys.stderr.write(f"the run could not be concluded:\n{traceback.format_exc()}")
