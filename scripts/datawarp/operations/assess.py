"""What a backfill would have to do, whether there is room for it, and how long it will take."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from datawarp.errors import DatawarpError
from datawarp.files import read_json, write_json
from datawarp.operations.batch import spoken
from datawarp.operations.cadence import cadence
from datawarp.operations.states import State, UnitState, unit_states
from datawarp.operations.times import unit_seconds
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings

# Before anything was measured here: seconds and bytes of a unit, from small workbooks to large ones.
_UNMEASURED_SECONDS = (2.0, 5.0, 60.0)
_UNMEASURED_BYTES = 20_000_000
_ROWS_AGAINST_PARQUET = 8  # rows in a table against the same rows in compressed Parquet, roughly
_HEADROOM = 1.5  # a refresh holds a unit's old and new files side by side


@dataclass(frozen=True)
class PublicationWork:
    """One publication: units by state, and what the calendar expects beyond them."""

    code: str
    frequency: str
    states: dict[State, int]
    invalid: list[str]
    gaps: list[str]
    late: list[str]
    next_due: date | None


@dataclass(frozen=True)
class Resources:
    """Bytes: of the disk that holds the installation, of memory, and of the database if it answers."""

    disk_free: int
    disk_total: int
    installation: int
    memory_available: int
    database: int | None
    database_problem: str | None = None


@dataclass(frozen=True)
class Estimate:
    """Units to do, seconds of waiting from good to bad, and bytes needed; ``measured`` units it rests on."""

    units: int
    seconds: tuple[float, float, float]
    bytes_needed: int
    measured: int


@dataclass(frozen=True)
class Assessment:
    """The whole assessment; ``plan`` lists the units in the order of work, ``warnings`` what stands in the way."""

    at: str
    publications: list[PublicationWork]
    resources: Resources
    estimate: Estimate
    plan: list[str]
    warnings: list[str]


def assess(
    registry: Registry, taken: Sequence[str], paths: Paths, settings: Settings, cores: int, now: datetime
) -> Assessment:
    """Assess a run over the units ``taken`` (what the strategy chose) with ``cores`` jobs at once.

    Writes ``output/assessment.json``. A database that does not answer is a warning, not an error.
    """
    states = unit_states(registry.units(), paths, now)
    invalid = invalid_units(paths)
    publications = [
        _publication(code, registry, [s for s in states if s.unit.publication == code], invalid, now.date())
        for code in registry.publications
    ]
    resources = _resources(paths, settings)
    estimate = _estimate(taken, states, paths, cores)
    result = Assessment(
        now.isoformat(timespec="seconds"),
        publications,
        resources,
        estimate,
        list(taken),
        _warnings(resources, estimate, states),
    )
    write_json(paths.output / "assessment.json", asdict(result))
    return result


def invalid_units(paths: Paths) -> list[str]:
    """What the last validation found severely wrong, units among it; empty when none was made."""
    try:
        findings: list[dict[str, Any]] = read_json(paths.output / "validation.json")["findings"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []
    return sorted({f["subject"] for f in findings if f.get("severity") == "severe" and f.get("subject")})


def report(assessment: Assessment) -> str:
    """The assessment as text for a terminal."""
    lines = [f"assessment of {assessment.at}", ""]
    lines += [_row("publication", "frequency", "done", "to do", "failed", "invalid", "gaps", "late", "next due")]
    for p in assessment.publications:
        count: Mapping[State, int] = p.states
        lines.append(
            _row(
                p.code,
                p.frequency,
                count.get("done", 0) + count.get("archived", 0),
                count.get("pending", 0) + count.get("partial", 0),
                sum(count.get(state, 0) for state in _FAILED),
                len(p.invalid),
                len(p.gaps),
                len(p.late),
                p.next_due or "",
            )
        )
    for p in assessment.publications:
        for words, codes in (("missing between releases", p.gaps), ("due and not registered", p.late)):
            if codes:
                lines.append(f"  {p.code}: {words}: {', '.join(codes[:12])}" + (" …" if len(codes) > 12 else ""))
    resources, estimate = assessment.resources, assessment.estimate
    low, middle, high = map(spoken, estimate.seconds)
    database = "does not answer" if resources.database is None else _size(resources.database)
    lines += [
        "",
        f"disk       {_size(resources.disk_free)} free of {_size(resources.disk_total)}; "
        f"this installation holds {_size(resources.installation)}",
        f"memory     {_size(resources.memory_available)} available",
        f"database   {database}",
        "",
        f"plan       {estimate.units} unit{'s' * (estimate.units != 1)}"
        + (f": {', '.join(assessment.plan[:8])}" if assessment.plan else "")
        + (" …" if len(assessment.plan) > 8 else ""),
        f"time       about {middle} ({low} to {high}), "
        + (f"from {estimate.measured} units measured here" if estimate.measured else "nothing was measured here yet"),
        f"room       about {_size(estimate.bytes_needed)} of disk",
    ]
    return "\n".join(lines + [f"warning    {w}" for w in assessment.warnings])


_FAILED: tuple[State, ...] = ("failed", "waiting", "parked", "unpublished")


def _row(code: str, frequency: str, *figures: object) -> str:
    return f"{code:<32} {frequency:<10}" + "".join(f"{figure!s:>9}" for figure in figures[:-1]) + f"  {figures[-1]}"


def _publication(
    code: str, registry: Registry, states: Sequence[UnitState], invalid: Sequence[str], today: date
) -> PublicationWork:
    publication = registry.publications[code]
    expected = cadence([s.unit.when for s in states], publication.frequency, today, publication.lag_days)
    return PublicationWork(
        code,
        publication.frequency,
        dict(Counter(s.state for s in states)),
        [s.unit.name for s in states if s.unit.name in invalid],
        [p.code for p in expected.gaps],
        [p.code for p in expected.late],
        expected.next_due,
    )


def _resources(paths: Paths, settings: Settings) -> Resources:
    import psutil

    disk = shutil.disk_usage(paths.root)
    size, problem = None, None
    try:
        from datawarp.warehouse.connection import connect

        connection = connect(paths, settings)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_database_size(current_database())")
                row = cursor.fetchone()
                size = int(row[0]) if row else None
        finally:
            connection.close()
    except DatawarpError as refused:
        problem = str(refused)
    return Resources(disk.free, disk.total, _tree_size(paths.root), psutil.virtual_memory().available, size, problem)


def _tree_size(root: Path) -> int:
    """Bytes of what the workflow wrote under ``root``."""
    total = 0
    for name in ("downloads", "manifests", "output", "archive", ".datawarp"):
        for folder, _, files in os.walk(root / name):
            for file in files:
                try:
                    total += os.lstat(os.path.join(folder, file)).st_size
                except OSError:
                    continue  # went meanwhile, or belongs to the database's own user
    return total


def _estimate(taken: Sequence[str], states: Sequence[UnitState], paths: Paths, cores: int) -> Estimate:
    measured = unit_seconds(paths)
    by_publication: dict[str, list[float]] = {}
    for unit, seconds in measured.items():
        by_publication.setdefault(unit.rpartition("_")[0], []).append(seconds)
    everything = sorted(measured.values())
    low = middle = high = 0.0
    for unit in taken:
        times = sorted(by_publication.get(unit.rpartition("_")[0], [])) or everything
        a, b, c = (times[0], times[len(times) // 2], times[-1]) if times else _UNMEASURED_SECONDS
        low, middle, high = low + a, middle + b, high + c
    # Jobs of different units run side by side, but no run is shorter than its longest unit.
    wide = max(1, min(cores, len(taken)))
    longest = everything[-1] if everything and taken else 0.0
    spread = (low / wide, middle / wide, max(high / wide, longest))
    done = [s.unit.name for s in states if s.state == "done"]
    sizes = sorted(filter(None, (_unit_bytes(unit, paths) for unit in done[-200:])))
    typical = sizes[len(sizes) // 2] if sizes else _UNMEASURED_BYTES
    return Estimate(len(taken), spread, int(len(taken) * typical * _HEADROOM), len(measured))


def _unit_bytes(unit: str, paths: Paths) -> int:
    """Bytes of a unit's downloads, its Parquet, and its rows in the database."""
    try:
        files = read_json(paths.download_receipt(unit))["files"]
        sources = read_json(paths.export_receipt(unit))["sources"]
    except (FileNotFoundError, ValueError, KeyError):
        return 0
    parquet = 0
    for source in sources:
        path = paths.root / source["parquet"]
        parquet += path.stat().st_size if path.exists() else 0
    return sum(int(f["size_bytes"]) for f in files) + parquet * (1 + _ROWS_AGAINST_PARQUET)


def _warnings(resources: Resources, estimate: Estimate, states: Sequence[UnitState]) -> list[str]:
    found = []
    if resources.database_problem:
        found.append(f"the database does not answer: {resources.database_problem}")
    if estimate.bytes_needed > resources.disk_free:
        found.append(
            f"the plan needs about {_size(estimate.bytes_needed)} and {_size(resources.disk_free)} are free: "
            "archive or make room first, or take fewer units with max_units="
        )
    if resources.memory_available < 1_000_000_000:
        found.append(f"only {_size(resources.memory_available)} of memory are available; a load takes up to 1 GB")
    parked = [s.unit.name for s in states if s.state == "parked"]
    if parked:
        found.append(f"given up after too many failures, no night tries them again: {', '.join(parked)}")
    return found


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
