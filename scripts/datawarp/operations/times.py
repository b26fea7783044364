"""How long jobs took, so that an estimate rests on what was measured here.

``.datawarp/times/<stage>.jsonl`` has a line per job that ended well; only the newest are read.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from datawarp.operations.failures import STAGES
from datawarp.registry.paths import Paths

_NEWEST = 64 * 1024  # bytes read from the end of a file: some 600 jobs


def record_time(stage: str, unit: str, seconds: float, paths: Paths) -> None:
    """Append that ``stage`` of ``unit`` took ``seconds``; lines of parallel jobs do not mix."""
    path = _path(stage, paths)
    path.parent.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"unit": unit, "seconds": round(seconds, 3), "at": at}) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def unit_seconds(paths: Paths) -> dict[str, float]:
    """Seconds of work that each unit's last way through all stages took; units measured in part are left out."""
    by_stage = [_last_times(stage, paths) for stage in STAGES]
    complete = set.intersection(*(set(times) for times in by_stage))
    return {unit: sum(times[unit] for times in by_stage) for unit in sorted(complete)}


def _last_times(stage: str, paths: Paths) -> dict[str, float]:
    try:
        with open(_path(stage, paths), "rb") as f:
            f.seek(max(0, f.seek(0, os.SEEK_END) - _NEWEST))
            lines = f.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    times: dict[str, float] = {}
    for line in lines:
        try:
            job = json.loads(line)
            times[job["unit"]] = float(job["seconds"])
        except (ValueError, KeyError, TypeError):
            continue  # the first line may be cut, the last one may belong to a job that was killed
    return times


def _path(stage: str, paths: Paths) -> Path:
    return paths.private / "times" / f"{stage}.jsonl"
