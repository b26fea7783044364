"""What went wrong with a unit, and which units were being worked on when a run was killed.

Two small records per unit under ``.datawarp``: ``working/<unit>.json`` exists while a job of the unit
runs, ``failures/<unit>.json`` from a job that failed until its stage, or a later one, ends well. What
is left of either tells the next run that the unit's files are not to be trusted: Snakemake puts the
old output of a failed job back with a new time stamp, and then takes the job for done.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from datawarp.files import read_json, write_json
from datawarp.processes import runs
from datawarp.registry.paths import Paths

STAGES = ("download", "draft", "enrich", "load", "export")
OF_A_UNIT = ("request_refresh", *STAGES, "finish_refresh")
"""The jobs that change a unit, in their order."""

STANDING = frozenset({*OF_A_UNIT, "catalogue", "validate", "archive", "sync", "backup"})
"""The jobs whose failure leaves something undone that `status` tells of until they pass."""


@dataclass(frozen=True)
class Failure:
    """Why the last job of ``unit`` failed; ``at`` is UTC in ISO form, ``attempts`` counts in a row."""

    unit: str
    stage: str
    error: str
    message: str
    where: str | None
    hint: str | None
    log: str
    at: str
    attempts: int

    @property
    def text(self) -> str:
        """The reason as one text: where, what, and what to do."""
        first = f"{self.where}: {self.message}" if self.where else self.message
        return f"{first}\nwhat to do: {self.hint}" if self.hint else first


@dataclass(frozen=True)
class Working:
    """A job that has begun: its process on its machine."""

    unit: str
    stage: str
    pid: int
    host: str
    at: str

    @property
    def alive(self) -> bool:
        """Whether the job's process still runs; one on another machine is taken to."""
        return runs(self.pid, self.host, since=datetime.fromisoformat(self.at).timestamp())


def begin(unit: str, stage: str, paths: Paths) -> None:
    """Record that this process works on ``stage`` of ``unit``."""
    record = Working(unit, stage, os.getpid(), socket.gethostname(), _now())
    write_json(paths.working(unit), asdict(record))


def succeed(unit: str, stage: str, paths: Paths) -> None:
    """Record that ``stage`` of ``unit`` ended well: what it or an earlier stage failed with is over.

    A refresh that is asked for ends no failure: attempts are counted until the failed stage passes.
    """
    failure = read_failure(unit, paths)
    if failure and (failure.stage == stage or _order(failure.stage) < _order(stage)):
        paths.failure(unit).unlink(missing_ok=True)
    paths.working(unit).unlink(missing_ok=True)


def fail(
    unit: str, stage: str, paths: Paths, log: str, error: str, message: str, where: str | None, hint: str | None
) -> Failure:
    """Record why ``stage`` of ``unit`` failed, and that it is the unit's nth failure in a row."""
    previous = read_failure(unit, paths)
    attempts = previous.attempts + 1 if previous else 1
    record = Failure(unit, stage, error, message, where, hint, log, _now(), attempts)
    write_json(paths.failure(unit), asdict(record))
    paths.working(unit).unlink(missing_ok=True)
    return record


def passing(
    subject: str, stage: str, paths: Paths, log: str, error: str, message: str, where: str | None, hint: str | None
) -> Failure:
    """A failure that is told and forgotten: of a command that only looks, or that a person has just typed wrongly."""
    paths.working(subject).unlink(missing_ok=True)
    return Failure(subject, stage, error, message, where, hint, log, _now(), 1)


def read_failure(unit: str, paths: Paths) -> Failure | None:
    """The failure record of ``unit``, or ``None``; one cut off by a crash counts as none."""
    try:
        return Failure(**read_json(paths.failure(unit)))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def read_working(unit: str, paths: Paths) -> Working | None:
    """The record of the job that works, or worked, on ``unit``."""
    try:
        return Working(**read_json(paths.working(unit)))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def failures(paths: Paths) -> dict[str, Failure]:
    """All failure records by unit, in the order of their names."""
    found = ((name, read_failure(name, paths)) for name in _names(paths.failure("x").parent))
    return {name: failure for name, failure in found if failure}


def working(paths: Paths) -> dict[str, Working]:
    """The jobs that run, or were killed, by unit."""
    found = ((name, read_working(name, paths)) for name in _names(paths.working("x").parent))
    return {name: record for name, record in found if record}


def _names(folder: Path) -> Iterator[str]:
    try:
        entries = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    yield from (e.removesuffix(".json") for e in entries if e.endswith(".json") and not e.startswith("."))


def _order(stage: str) -> int:
    return OF_A_UNIT.index(stage) if stage in OF_A_UNIT else -1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
