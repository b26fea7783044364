"""Drift events in the database: those of one load, and those between neighbouring periods.

Events between two periods are a function of the two alone. Which periods are neighbours changes with every load, so
a load works out anew all comparisons that it changes: the record does not depend on the order of loads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from psycopg2.extras import execute_values

from datawarp.registry.periods import Period
from datawarp.warehouse.load.compare import compare, compare_releases
from datawarp.warehouse.load.drift import BETWEEN_PERIODS, BETWEEN_RELEASES, DriftEvent
from datawarp.warehouse.load.resemblance import likeness_of_values, snapshot
from datawarp.warehouse.load.standing import following, preceding, standing_loads

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


class ReleasedUnit(Protocol):
    """A unit of a publication with its period; :class:`~datawarp.registry.models.Unit` is one."""

    @property
    def name(self) -> str: ...

    @property
    def publication(self) -> str: ...

    @property
    def when(self) -> Period: ...


@dataclass(frozen=True)
class Release:
    """A unit with the sources that stand in the warehouse."""

    unit: str
    period: str
    start: date
    end: date
    sources: frozenset[str]


@dataclass(frozen=True)
class Subject:
    """What events are about: a unit, and a source of it, which may be one that was not loaded."""

    unit: str
    publication: str
    period: str
    source: str
    is_loaded: bool = True


def record_events(cursor: Cursor, load_id: int, subject: Subject, events: Iterable[DriftEvent]) -> None:
    """Add what happened in one load."""
    _write(cursor, load_id, subject, None, events)


def record_drift_of_source(cursor: Cursor, load_id: int, unit: ReleasedUnit, code: str) -> None:
    """Compare the unit's period of a source with the one before it, and the one after it with what is before that.

    To be called when the unit's standing load of the source is new, or gone.
    """
    standing = standing_loads(cursor, code)
    _forget(cursor, unit.name, BETWEEN_PERIODS, code)
    own = [s for s in standing if s.unit == unit.name]
    for after in [*own, *following(standing, unit.when.start, unit.when.end)]:
        before = preceding(standing, after.start, after.end)
        _forget(cursor, after.unit, BETWEEN_PERIODS, code)
        if before is not None:
            events = compare(snapshot(before), snapshot(after), likeness_of_values(cursor, before, after))
            about = Subject(after.unit, unit.publication, after.period, code)
            _write(cursor, load_id, about, before.period, events)


def record_drift_of_publication(cursor: Cursor, load_id: int, unit: ReleasedUnit) -> None:
    """Compare which sources the unit has with those of the release before it, and the release after it with its.

    The caller holds the publication's lock. Releases that are no longer there lose their events.
    """
    releases = _releases(cursor, unit.publication)
    cursor.execute(
        "DELETE FROM datawarp.tbl_drift_events WHERE publication = %s AND kind = ANY(%s) AND resolved_at IS NULL "
        "AND NOT unit = ANY(%s)",
        (unit.publication, list(BETWEEN_RELEASES), [r.unit for r in releases]),
    )
    own = [r for r in releases if r.unit == unit.name]
    for after in [*own, *following(releases, unit.when.start, unit.when.end)]:
        before = preceding(releases, after.start, after.end)
        _forget(cursor, after.unit, BETWEEN_RELEASES)
        if before is not None:
            for source, event in compare_releases(before.sources, after.sources, before.period):
                about = Subject(after.unit, unit.publication, after.period, source)
                _write(cursor, load_id, about, before.period, [event])


def forget_unit(cursor: Cursor, unit: str, source: str) -> None:
    """Drop the events between periods of a source of a unit whose place another took."""
    _forget(cursor, unit, BETWEEN_PERIODS, source)


def _releases(cursor: Cursor, publication: str) -> list[Release]:
    cursor.execute(
        "SELECT unit, canonical_period, period_start, period_end, array_agg(source_code) "
        "FROM datawarp.tbl_load_history WHERE publication = %s AND is_current GROUP BY 1, 2, 3, 4 ORDER BY 3, 4, 1",
        (publication,),
    )
    return [
        Release(unit, period, start, end, frozenset(sources)) for unit, period, start, end, sources in cursor.fetchall()
    ]


def _forget(cursor: Cursor, unit: str, kinds: Sequence[str], source: str | None = None) -> None:
    cursor.execute(
        "DELETE FROM datawarp.tbl_drift_events WHERE unit = %s AND kind = ANY(%s) AND resolved_at IS NULL "
        "AND subject = coalesce(%s, subject)",
        (unit, list(kinds), source),
    )


def _write(cursor: Cursor, load_id: int, about: Subject, against: str | None, events: Iterable[DriftEvent]) -> None:
    """Add events; one that is there already, because a person has dealt with it or a load is repeated, only once."""
    cursor.execute(
        "SELECT kind, column_name, message FROM datawarp.tbl_drift_events WHERE unit = %s AND subject = %s",
        (about.unit, about.source),
    )
    written = set(cursor.fetchall())
    code = about.source if about.is_loaded else None
    rows = [
        (
            *(load_id, about.unit, about.publication, about.period, against, code, about.source),
            *(e.column, e.kind, e.severity, e.message, e.expected, e.found, json.dumps(e.details, ensure_ascii=False)),
        )
        for e in events
        if (e.kind, e.column, e.message) not in written
    ]
    if rows:
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_drift_events (load_id, unit, publication, canonical_period, against_period, "
            "source_code, subject, column_name, kind, severity, message, expected, found, details) VALUES %s",
            rows,
        )
