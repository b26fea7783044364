"""The state of every unit, in one word each: what status, assessment, health and alerts all speak of.

===========  ======================================================================
done         all stages are through and nothing is newer
pending      never begun, or to be redone
partial      begun; the stages after the last finished one are missing
failed       its last job failed; the next run tries it again
waiting      its last job failed; a night tries it again later
parked       failed so often that no night tries it any more
unpublished  its publisher has not put it up yet
archived     its manifests and Parquet are in the archive
===========  ======================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from datawarp.operations.alerts import Trouble
from datawarp.operations.failures import STAGES, Failure, failures
from datawarp.operations.pending import pending_units, targets
from datawarp.operations.retries import retry_after
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths

State = Literal["done", "pending", "partial", "failed", "waiting", "parked", "unpublished", "archived"]
IN_TROUBLE: frozenset[State] = frozenset({"failed", "waiting", "parked"})


@dataclass(frozen=True)
class UnitState:
    """``reason`` says in words why a unit is not done; ``stages`` are those whose file is there."""

    unit: Unit
    state: State
    reason: str = ""
    stages: tuple[str, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None


def unit_states(units: Sequence[Unit], paths: Paths, now: datetime) -> list[UnitState]:
    """The state of each of ``units`` at ``now`` (with a time zone), in their order."""
    failed = failures(paths)
    pending = pending_units(units, paths)
    found = []
    for unit in units:
        failure = failed.get(unit.name)
        if paths.archived_record(unit.name).exists():
            found.append(UnitState(unit, "archived"))
        elif failure:
            found.append(_failed(unit, failure, paths, now))
        elif item := pending.get(unit.name):
            stages = _stages(unit.name, paths)
            # A unit that is complete and only asked for again counts as pending, not as half done.
            state: State = "partial" if stages and "export" not in stages else "pending"
            found.append(UnitState(unit, state, item.reason, stages))
        else:
            found.append(UnitState(unit, "done", stages=STAGES))
    return found


def troubles(states: Iterable[UnitState]) -> list[Trouble]:
    """What people are to be told about ``states``: units that fail, and those given up."""
    return [
        Trouble(
            s.unit.name,
            f"{s.failure.stage} {s.failure.error}" + (" parked" if s.state == "parked" else ""),
            f"in {s.failure.stage}: {s.failure.message}"
            + (f" (given up after {s.failure.attempts} attempts)" if s.state == "parked" else ""),
        )
        for s in states
        if s.failure and s.state in IN_TROUBLE
    ]


def _failed(unit: Unit, failure: Failure, paths: Paths, now: datetime) -> UnitState:
    retry = retry_after(asdict(failure), now)
    state: State
    if failure.error == "NotPublishedYet":
        state = "unpublished"
    elif retry.state == "parked":
        state = "parked"
    else:
        state = "waiting" if retry.state == "waiting" else "failed"
    return UnitState(unit, state, failure.text, _stages(unit.name, paths), failure, retry.at)


def _stages(unit: str, paths: Paths) -> tuple[str, ...]:
    return tuple(stage for stage, path in targets(unit, paths).items() if path.exists())
