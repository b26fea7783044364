"""A run as a batch: how far it is, and when so much fails that going on does harm.

A database that is full or a publisher's site that has moved makes every unit fail; a run of hundreds
then only hides the cause. Snakemake has no such limit, so each job looks before it begins.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datawarp.errors import DatawarpError
from datawarp.files import read_json
from datawarp.operations.failures import failures
from datawarp.operations.wording import plural
from datawarp.registry.paths import Paths
from datawarp.registry.settings import BackfillSettings


class RunStopped(DatawarpError):
    """Too many units of the run failed; what was not begun is left for another run."""


@dataclass(frozen=True)
class Progress:
    """Units of a run that are done and that failed, out of all, after ``seconds``."""

    done: int
    failed: int
    units: int
    seconds: float

    @property
    def line(self) -> str:
        """``12 of 40 units done, 1 failed; 6.0 a minute, about 5 min left``."""
        text = f"{self.done} of {self.units} units done" + (f", {self.failed} failed" if self.failed else "")
        settled = self.done + self.failed
        if not settled or self.seconds <= 0:
            return text
        rate = settled / self.seconds
        left = (self.units - settled) / rate
        return f"{text}; {rate * 60:.1f} a minute" + (f", about {spoken(left)} left" if settled < self.units else "")


def progress(run: dict[str, Any], paths: Paths, now: float) -> Progress:
    """How far ``run`` (the run record) is at ``now``, seconds since 1970: receipts and failures since its start."""
    done = sum(_written_since(str(paths.export_receipt(unit)), run["started"]) for unit in run["units"])
    return Progress(done, len(failed_since(run, paths)), len(run["units"]), now - run["started"])


def unit_done(unit: str, run: dict[str, Any] | None, paths: Paths, now: float) -> str:
    """A line for the terminal once ``unit`` is through: its rows and tables, and how far the run is."""
    sources = read_json(paths.export_receipt(unit))["sources"]
    rows = sum(int(source["rows"]) for source in sources)
    line = f"{unit} is done: {plural(rows, 'row')} in {plural(len({s['table'] for s in sources}), 'table')}"
    return f"{line}. {progress(run, paths, now).line}" if run and unit in run["units"] else line


def stop_when_too_many_fail(run: dict[str, Any] | None, limits: BackfillSettings, paths: Paths) -> None:
    """Raise :class:`RunStopped` when more of the run's units failed than ``limits`` allow.

    Releases that are not published yet do not count: nothing is wrong with the run.
    """
    if run is None:
        return
    failed = [u for u, error in failed_since(run, paths).items() if error != "NotPublishedYet"]
    if len(failed) < limits.min_failures or len(failed) <= limits.failure_threshold * len(run["units"]):
        return
    raise RunStopped(
        f"{len(failed)} of {len(run['units'])} units of this run have failed, more than "
        f"{limits.failure_threshold:.0%}: {', '.join(failed[:5])}" + (" …" if len(failed) > 5 else ""),
        hint="`snakemake status` says why they failed; the rest is left as it was. To go on all the same, "
        "set backfill: {failure_threshold: 1} in config/config.yaml",
    )


def failed_since(run: dict[str, Any], paths: Paths) -> dict[str, str]:
    """The run's units whose last job failed after its start, each with the error's name."""
    began = run["started"]
    units = set(run["units"])
    return {
        unit: failure.error
        for unit, failure in failures(paths).items()
        if unit in units and datetime.fromisoformat(failure.at).timestamp() >= int(began)
    }


def spoken(seconds: float) -> str:
    """A duration as people say it: ``40 s``, ``5 min``, ``3.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _written_since(path: str, began: float) -> bool:
    try:
        return os.stat(path).st_mtime >= began
    except FileNotFoundError:
        return False
