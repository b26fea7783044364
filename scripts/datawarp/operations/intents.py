"""Stages that a run set out to do anew although an older result stands, until they end well.

Snakemake puts the old output of a job that fails or is killed back with a new time stamp, and then takes the job for
done. A job says that it works (see ``failures.py``), but not before its interpreter has started; what the driver
writes down before the first job closes that gap. One small file per unit, ``.datawarp/intents/<unit>.json``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datawarp.files import read_json, write_json
from datawarp.processes import runs
from datawarp.registry.paths import Paths


def intend(unit: str, stages: Iterable[str], results: Mapping[str, Path], paths: Paths) -> None:
    """Record that this process will do ``stages`` of ``unit`` anew; those without a result yet need no record.

    ``results`` are the files of all stages. What an earlier run left undone stays recorded with that run's time.
    """
    standing = [stage for stage in results if stage in set(stages) and results[stage].exists()]
    if not standing:
        return
    before = _read(unit, paths)
    since = {stage: time.time_ns() for stage in standing}
    record = {"pid": os.getpid(), "host": socket.gethostname(), "since": {**since, **before.get("since", {})}}
    write_json(paths.intent(unit), record)


def fulfil(unit: str, stage: str, paths: Paths) -> None:
    """Record that ``stage`` of ``unit`` ended well."""
    record = _read(unit, paths)
    if stage not in record.get("since", {}):
        return
    del record["since"][stage]
    if record["since"]:
        write_json(paths.intent(unit), record)
    else:
        paths.intent(unit).unlink(missing_ok=True)


def intended(paths: Paths) -> frozenset[str]:
    """The units with stages that some run set out to do anew and that have not ended well."""
    try:
        return frozenset(name.removesuffix(".json") for name in os.listdir(paths.intent("x").parent))
    except FileNotFoundError:
        return frozenset()


def abandoned(unit: str, results: Mapping[str, Path], paths: Paths) -> str | None:
    """The first stage of ``unit`` that a run which is over set out to do, and whose old result was touched instead.

    A stage that was never begun has its result's old time: Snakemake sees by itself that it is stale.
    """
    record = _read(unit, paths)
    since = record.get("since", {})
    if not since or runs(record["pid"], record["host"], since=min(since.values()) / 1e9):
        return None
    for stage in results:
        if stage in since and results[stage].exists() and results[stage].stat().st_mtime_ns >= since[stage]:
            return stage
    return None


def _read(unit: str, paths: Paths) -> dict[str, Any]:
    try:
        record = read_json(paths.intent(unit))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) and {"pid", "host", "since"} <= record.keys() else {}
