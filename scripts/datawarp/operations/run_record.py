"""What the running workflow set out to do, for jobs that must not depend on timing.

``.datawarp/run.json`` is ``{"run", "started", "pid", "host", "units", "reasons", "stages"}``: ``started`` in
seconds since 1970, ``reasons`` why a unit has work to do, where the driver knows, ``stages`` the rules that
will run for each unit. Several runs of one
installation work on different units at once, so a run that begins while another lives adds its units
to that one's, and keeps its earlier start.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

from datawarp.files import read_json, write_json
from datawarp.processes import runs
from datawarp.registry.paths import Paths


def write_run_record(
    paths: Paths,
    run: str,
    units: Iterable[str],
    reasons: Mapping[str, str] | None = None,
    pid: int | None = None,
    stages: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Any]:
    """Record that ``run``, driven by process ``pid`` (this one), will process ``units``; returns the record."""
    from filelock import FileLock  # only a run that does something pays for it

    record: dict[str, Any] = {
        "run": run,
        "started": time.time(),
        "pid": os.getpid() if pid is None else pid,
        "host": socket.gethostname(),
        "units": sorted(set(units)),
        "reasons": dict(reasons or {}),
        "stages": {unit: sorted(set(rules)) for unit, rules in (stages or {}).items()},
    }
    paths.private.mkdir(parents=True, exist_ok=True)

    with FileLock(f"{paths.run_record}.lock"):
        other = read_run_record(paths)
        if other and other["pid"] != record["pid"] and runs(other["pid"], other["host"], elsewhere=False):
            record["started"] = min(record["started"], other["started"])
            record["units"] = sorted({*record["units"], *other["units"]})
            record["reasons"] = {**other.get("reasons", {}), **record["reasons"]}
            record["stages"] = {**other.get("stages", {}), **record["stages"]}
        write_json(paths.run_record, record)
    return record


def read_run_record(paths: Paths) -> dict[str, Any] | None:
    """The record of the current or last run, or ``None``."""
    try:
        record = read_json(paths.run_record)
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) and {"run", "started", "pid", "host", "units"} <= record.keys() else None


def reason_of(unit: str, paths: Paths) -> str:
    """Why the current run processes ``unit``; empty when only a person knows."""
    record = read_run_record(paths)
    return str(record.get("reasons", {}).get(unit, "")) if record else ""
