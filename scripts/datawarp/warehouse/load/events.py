"""Drift events in the database: those of one load, and those between neighbouring periods.

Events between two periods are a function of the two alone. Which periods are neighbours changes with every load, so
a load works out anew all comparisons that it changes: the record does not depend on the order of loads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from datawarp.registry.periods import Period
from datawarp.warehouse.load.compare import compare, compare_releases
from datawarp.warehouse.load.drift import BETWEEN_PERIODS, BETWEEN_RELEASES, DriftEvent
from datawarp.warehouse.load.recordset import recordset
from datawarp.warehouse.load.resemblance import likeness_of_values, snapshot
from datawarp.warehouse.load.standing import following, preceding, standing_loads

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


_EVENTS = """
INSERT INTO datawarp.tbl_drift_events (
    load_id, unit, publication, canonical_period, against_period, source_code, subject, column_name, kind, severity,
    message, expected, found, details)
SELECT %s, unit, publication, period, against, source, subject, "column", kind, severity, message, expected, found,
    details
FROM json_to_recordset(%s) AS r (
    unit text, publication text, period text, against text, source text, subject text, "column" text, kind text,
    severity text, message text, expected text, found text, details jsonb)
"""


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


_Found = tuple[Subject, str | None, Sequence[DriftEvent]]
"""What events are about, the period that they compare it with, and the events."""


def record_events(cursor: Cursor, load_id: int, events: Iterable[tuple[Subject, Iterable[DriftEvent]]]) -> None:
    """Add what happened in one load."""
    _write(cursor, load_id, [(subject, None, list(happened)) for subject, happened in events])


def record_drift_of_sources(cursor: Cursor, load_id: int, unit: ReleasedUnit, codes: Collection[str]) -> None:
    """Compare the unit's periods of sources with those before them, and those after them with what is before those.

    To be called when the unit's standing loads of the sources are new, or gone.
    """
    compared = [(unit.name, code) for code in codes]
    changes: list[_Found] = []
    for code, standing in standing_loads(cursor, codes).items():
        own = [s for s in standing if s.unit == unit.name]
        for after in [*own, *following(standing, unit.when.start, unit.when.end)]:
            compared.append((after.unit, code))
            before = preceding(standing, after.start, after.end)
            if before is not None:
                events = compare(snapshot(before), snapshot(after), likeness_of_values(cursor, before, after))
                changes.append((Subject(after.unit, unit.publication, after.period, code), before.period, events))
    forget_events(cursor, compared)
    _write(cursor, load_id, changes)


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
    later = following(releases, unit.when.start, unit.when.end)
    cursor.execute(
        "DELETE FROM datawarp.tbl_drift_events WHERE unit = ANY(%s) AND kind = ANY(%s) AND resolved_at IS NULL",
        ([r.unit for r in (*own, *later)], list(BETWEEN_RELEASES)),
    )
    changes: list[_Found] = []
    for after in [*own, *later]:
        before = preceding(releases, after.start, after.end)
        if before is not None:
            for source, event in compare_releases(before.sources, after.sources, before.period):
                about = Subject(after.unit, unit.publication, after.period, source)
                changes.append((about, before.period, [event]))
    _write(cursor, load_id, changes)


def forget_events(cursor: Cursor, compared: Collection[tuple[str, str]]) -> None:
    """Drop the events between periods of these units and sources that nobody has dealt with."""
    if not compared:
        return
    cursor.execute(
        "DELETE FROM datawarp.tbl_drift_events WHERE (unit, subject) IN (SELECT * FROM unnest(%s::text[], %s::text[])) "
        "AND kind = ANY(%s) AND resolved_at IS NULL",
        ([unit for unit, _ in compared], [code for _, code in compared], list(BETWEEN_PERIODS)),
    )


def _releases(cursor: Cursor, publication: str) -> list[Release]:
    cursor.execute(
        "SELECT unit, canonical_period, period_start, period_end, array_agg(source_code) "
        "FROM datawarp.tbl_load_history WHERE publication = %s AND is_current GROUP BY 1, 2, 3, 4 ORDER BY 3, 4, 1",
        (publication,),
    )
    return [
        Release(unit, period, start, end, frozenset(sources)) for unit, period, start, end, sources in cursor.fetchall()
    ]


def _write(cursor: Cursor, load_id: int, found: Iterable[_Found]) -> None:
    """Add events; one that is there already, because a person has dealt with it or a load is repeated, only once."""
    found = [(about, against, events) for about, against, events in found if events]
    if not found:
        return
    cursor.execute(
        "SELECT unit, subject, kind, column_name, message FROM datawarp.tbl_drift_events "
        "WHERE (unit, subject) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([about.unit for about, _, _ in found], [about.source for about, _, _ in found]),
    )
    written = set(cursor.fetchall())
    rows = [
        {
            "unit": about.unit,
            "publication": about.publication,
            "period": about.period,
            "against": against,
            "source": about.source if about.is_loaded else None,
            "subject": about.source,
            "column": event.column,
            "kind": event.kind,
            "severity": event.severity,
            "message": event.message,
            "expected": event.expected,
            "found": event.found,
            "details": event.details,
        }
        for about, against, events in found
        for event in events
        if (about.unit, about.source, event.kind, event.column, event.message) not in written
    ]
    cursor.execute(_EVENTS, (load_id, recordset(rows)))
