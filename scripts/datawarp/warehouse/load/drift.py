"""What changed from one period of a source to the next, in words, with a severity.

Events between two periods are a function of the two alone. When a period is loaded, those against the period
before it and of the period after it are worked out anew, so that the record does not depend on the order of loads.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load.plan import MARKER
from datawarp.warehouse.types import wider

Severity = Literal["info", "warning", "severe"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "severe")

# Kinds that are worked out from two periods; the others happened in one load.
BETWEEN_PERIODS = ("column_added", "column_vanished", "column_renamed", "type_changed", "rows_changed", "markers_new")

RENAME_THRESHOLD = 0.6
_ROWS_WORTH_TELLING = 0.1
_ROWS_WORTH_A_WARNING = 0.3


@dataclass(frozen=True)
class DriftEvent:
    """One change. ``kind`` is one of those in docs/reference/drift.md."""

    kind: str
    severity: Severity
    message: str
    column: str | None = None
    expected: str | None = None
    found: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """A source as one period delivered it: body rows, and per column name, type, values, markers, header, position."""

    period: str
    body_rows: int
    columns: Mapping[str, Mapping[str, Any]]


Resemblance = Callable[[str, str], float | None]


def compare(before: Snapshot, after: Snapshot, resemblance: Resemblance | None = None) -> list[DriftEvent]:
    """The events from ``before`` to ``after``.

    ``resemblance(old, new)`` says how alike the values of a column of ``before`` and one of ``after`` are, from 0 to 1,
    or None when that cannot be said; it is asked only about columns that may be one renamed.
    """
    gone = [n for n in before.columns if n not in after.columns and not n.endswith(MARKER)]
    new = [n for n in after.columns if n not in before.columns and not n.endswith(MARKER)]
    events = [*_renames(before, after, gone, new, resemblance)]
    renamed = {e.details["to"] for e in events}
    for name in gone:
        events.append(
            DriftEvent(
                "column_vanished",
                "warning",
                f"column {name!r} is no longer there; the table keeps it, empty for {after.period}",
                name,
                expected=_header(before, name),
            )
        )
    for name in new:
        severity: Severity = "warning" if name in renamed else "info"
        events.append(DriftEvent("column_added", severity, f"column {name!r} is new", name, found=_header(after, name)))
    for name in before.columns:
        if name in after.columns:
            events.extend(_column_events(name, before, after))
    events.extend(_row_events(before, after))
    return events


def _header(snapshot: Snapshot, name: str) -> str | None:
    header = snapshot.columns[name].get("header")
    return None if header is None else str(header)


def _column_events(name: str, before: Snapshot, after: Snapshot) -> list[DriftEvent]:
    first, second = before.columns[name], after.columns[name]
    events = []
    old, new = first["type"], second["type"]
    if old != new and first["values"] and second["values"]:
        severity: Severity = "info" if wider(old, new) != "text" else "warning"
        events.append(
            DriftEvent("type_changed", severity, f"column {name!r} was {old} and is {new}", name, str(old), str(new))
        )
    unknown = sorted(set(second.get("markers") or {}) - set(first.get("markers") or {}))
    if unknown:
        shown = ", ".join(map(repr, unknown[:8])) + (" …" if len(unknown) > 8 else "")
        events.append(
            DriftEvent(
                "markers_new", "info", f"column {name!r} has markers it did not have: {shown}", name, found=shown
            )
        )
    return events


def _row_events(before: Snapshot, after: Snapshot) -> list[DriftEvent]:
    if before.body_rows == 0 or before.body_rows == after.body_rows:
        return []
    change = (after.body_rows - before.body_rows) / before.body_rows
    if abs(change) < _ROWS_WORTH_TELLING:
        return []
    return [
        DriftEvent(
            "rows_changed",
            "warning" if abs(change) >= _ROWS_WORTH_A_WARNING else "info",
            f"{after.body_rows:,} rows, where {before.period} had {before.body_rows:,} ({change:+.0%})",
            expected=str(before.body_rows),
            found=str(after.body_rows),
            details={"change": round(change, 4)},
        )
    ]


def _renames(
    before: Snapshot, after: Snapshot, gone: list[str], new: list[str], resemblance: Resemblance | None
) -> list[DriftEvent]:
    """Pairs that are probably one column, best first, each column in at most one. A proposal, never applied."""
    scored = []
    for old in gone:
        for name in new:
            score, evidence = _likeness(before, after, old, name, resemblance)
            if score >= RENAME_THRESHOLD:
                scored.append((score, old, name, evidence))
    events: list[DriftEvent] = []
    used: set[str] = set()
    for score, old, name, evidence in sorted(scored, key=lambda s: (-s[0], s[1], s[2])):
        if {"<" + old, ">" + name} & used:
            continue
        used |= {"<" + old, ">" + name}
        events.append(
            DriftEvent(
                "column_renamed",
                "warning",
                f"{old!r} is probably {name!r} now ({score:.0%}: {', '.join(evidence)}); nothing was renamed",
                name,
                expected=_header(before, old),
                found=_header(after, name),
                details={"from": old, "to": name, "score": round(score, 3), "evidence": evidence},
            )
        )
    return events


def _likeness(
    before: Snapshot, after: Snapshot, old: str, new: str, resemblance: Resemblance | None
) -> tuple[float, list[str]]:
    """How probable it is that two columns are one: place 0.35, kind of values 0.35, words 0.3."""
    first, second = before.columns[old], after.columns[new]
    evidence = []
    place = _same_place(before, after, old, new)
    if place == 1:
        evidence.append("between the same columns")
    kinds: tuple[ColumnType, ColumnType] = (first["type"], second["type"])
    values = 1.0 if kinds[0] == kinds[1] else 0.5 if wider(*kinds) != "text" else 0.0
    if values and resemblance is not None and place + _words(old, new) > 0.5:
        alike = resemblance(old, new)
        if alike is not None:
            values *= alike
    if values >= 0.5:
        evidence.append(f"values of the same kind ({kinds[1]})")
    words = _words(old, new)
    if words >= 0.5:
        evidence.append("similar words")
    return 0.35 * place + 0.35 * values + 0.3 * words, evidence


def _same_place(before: Snapshot, after: Snapshot, old: str, new: str) -> float:
    """The share of the two neighbours that are the same."""
    first, second = _neighbours(before, old), _neighbours(after, new)
    return sum(a == b for a, b in zip(first, second, strict=True)) / 2


def _neighbours(snapshot: Snapshot, name: str) -> tuple[str | None, str | None]:
    names = [n for n in snapshot.columns if not n.endswith(MARKER)]
    at = names.index(name)
    return (names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None)


def _words(old: str, new: str) -> float:
    first, second = re.split(r"_+", old), re.split(r"_+", new)
    shared = len(set(first) & set(second)) / max(len(set(first)), len(set(second)))
    return max(shared, difflib.SequenceMatcher(None, old, new).ratio())
