"""Refreshes as files: a stamp asks for one, its completion record says that it is through.

``.datawarp/refresh/<unit>/<unit>@<run>.json`` is an input of the unit's download, so a new one makes
every stage due. ``<unit>@<run>.done`` comes last. The newest stamp without one is a refresh that
failed or was cut off. Run ids sort by time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from datawarp.registry.paths import Paths


def new_run_id(now: datetime | None = None) -> str:
    """``20260801T093000123456Z``: unique on a machine, sorted by time."""
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def stamp_path(unit: str, run: str, paths: Paths) -> Path:
    """The stamp with which ``run`` asks to refresh ``unit``."""
    return paths.refresh_stamps(unit) / f"{unit}@{run}.json"


def done_path(unit: str, run: str, paths: Paths) -> Path:
    """The record that the refresh asked for by ``run`` is through."""
    return paths.refresh_stamps(unit) / f"{unit}@{run}.done"


def newest_stamp(unit: str, paths: Paths) -> Path | None:
    """The last stamp of ``unit``, if it was ever refreshed."""
    stamps = sorted(n for n in _entries(paths.refresh_stamps(unit)) if n.endswith(".json") and not n.startswith("."))
    return paths.refresh_stamps(unit) / stamps[-1] if stamps else None


def unfinished_refreshes(paths: Paths) -> dict[str, str]:
    """The units whose last refresh is not through, each with its run id."""
    found: dict[str, str] = {}
    for unit in sorted(_entries(paths.refresh_stamps("x").parent)):
        stamp = newest_stamp(unit, paths)
        if stamp and not stamp.with_suffix(".done").exists():
            found[unit] = stamp.stem.partition("@")[2]
    return found


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
