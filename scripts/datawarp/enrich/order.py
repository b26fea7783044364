"""The order of things within a publication: which earlier releases count, and when they are settled.

What a release is matched to must not depend on which job ends first. So before a release is matched,
every earlier release of its publication that this run takes on has been drafted or has failed. Nothing
waits for ever: when the run is over, or nothing at all happens for a long time, the release fails with
a clear text and the next run takes it up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from datawarp.errors import EnrichError
from datawarp.files import read_json
from datawarp.processes import runs
from datawarp.registry.models import Unit, split_unit_name
from datawarp.registry.paths import Paths
from datawarp.registry.periods import Period, parse_period


@dataclass(frozen=True)
class Clock:
    """Time as :func:`wait_for_earlier` sees it; tests pass their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class RunPlan:
    """What the running workflow does to each unit: ``units`` maps names to the rules that will run."""

    run: str
    started: float
    pid: int
    host: str
    units: dict[str, frozenset[str]]

    @property
    def alive(self) -> bool:
        """Whether the workflow's process still lives; one on another machine is taken to."""
        return runs(self.pid, self.host)


def read_plan(paths: Paths) -> RunPlan | None:
    """The plan of the run that is going on, from ``.datawarp/run.json``; ``None`` when there is none."""
    try:
        record: dict[str, Any] = read_json(paths.run_record)
        stages = record.get("stages") or dict.fromkeys(record["units"])
        return RunPlan(
            str(record["run"]),
            float(record["started"]),
            int(record["pid"]),
            str(record["host"]),
            {name: frozenset(rules) if rules is not None else _by_files(name, paths) for name, rules in stages.items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _by_files(unit: str, paths: Paths) -> frozenset[str]:
    """The stages that ``unit``'s files show to be undone, for a record that names none."""
    receipt, pending, enriched = (
        _mtime(p) for p in (paths.download_receipt(unit), paths.pending_manifest(unit), paths.enriched_manifest(unit))
    )
    undone = set()
    if receipt is None or pending is None or pending < receipt:
        undone.add("draft")
    if undone or enriched is None or (pending or 0) > enriched:
        undone.add("enrich")
    return frozenset(undone)


def release_periods(publication: str, paths: Paths, plan: RunPlan | None) -> dict[str, Period]:
    """The periods of all units of ``publication`` that have a manifest or are in the run, by unit name."""
    names = {
        p.name.removesuffix(".enriched.yaml")
        for p in _files(paths.enriched_manifest(f"{publication}_x").parent, "*.enriched.yaml")
    }
    names |= {p.name.removesuffix(".yaml") for p in _files(paths.pending_manifest(f"{publication}_x").parent, "*.yaml")}
    names |= {n for n in (plan.units if plan else ()) if split_unit_name(n)[0] == publication}
    return {name: parse_period(split_unit_name(name)[1]) for name in sorted(names)}


def _files(folder: Path, pattern: str) -> list[Path]:
    return [p for p in folder.glob(pattern) if not p.name.startswith(".")]


def drafted(unit: str, paths: Paths, plan: RunPlan) -> bool:
    """Whether the run has nothing more to do to ``unit``'s draft: done, failed, or not part of the run."""
    if "draft" not in plan.units.get(unit, frozenset()):
        return True
    made = _mtime(paths.pending_manifest(unit))
    return (made is not None and made >= plan.started) or _failed(unit, paths, plan)


def _failed(unit: str, paths: Paths, plan: RunPlan) -> bool:
    try:
        record = read_json(paths.failure(unit))
        at = datetime.fromisoformat(record["at"]).timestamp()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    # Records tell whole seconds.
    return bool(record.get("stage") in ("download", "draft") and at >= int(plan.started))


def current(unit: str, paths: Paths, plan: RunPlan | None) -> bool:
    """Whether ``unit``'s enriched manifest is there and is what the run leaves it as."""
    enriched = _mtime(paths.enriched_manifest(unit))
    if enriched is None:
        return False
    if plan is not None and "enrich" in plan.units.get(unit, frozenset()):
        return enriched >= plan.started
    pending = _mtime(paths.pending_manifest(unit))
    return pending is None or enriched >= pending


def wait_for_earlier(
    unit: Unit, earlier: list[str], paths: Paths, plan: RunPlan | None, patience: float, clock: Clock | None = None
) -> None:
    """Return once every unit of ``earlier`` is drafted or has failed.

    Raises :class:`EnrichError` when the run that was to draft them is over, or when for ``patience``
    seconds no job of the run began, ended or failed.
    """
    if plan is None:
        return
    clock = clock or Clock()
    last, since, pause = "", clock.monotonic(), 0.05
    while True:
        waiting = [name for name in earlier if not drafted(name, paths, plan)]
        if not waiting:
            return
        signs = _signs_of_life(paths, unit.name)
        if signs != last:
            last, since = signs, clock.monotonic()
        if not plan.alive:
            raise _gave_up(unit, waiting, "the run that was to draft it has ended")
        if clock.monotonic() - since > patience:
            raise _gave_up(unit, waiting, f"nothing has happened in the run for {patience:g} s")
        clock.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _gave_up(unit: Unit, waiting: list[str], why: str) -> EnrichError:
    return EnrichError(
        f"the earlier release {waiting[0]} has to be drafted first, and {why}",
        where=unit.name,
        hint=f"run `snakemake all` again; if {waiting[0]} cannot be had, take it out of the registry",
    )


def _signs_of_life(paths: Paths, unit: str) -> str:
    """What changes whenever a job of the run begins, ends or fails."""
    folders = {paths.working(unit).parent, paths.failure(unit).parent, paths.pending_manifest(unit).parent}
    return "|".join(f"{f}:{_mtime(f)}" for f in sorted(folders))


def _mtime(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None
