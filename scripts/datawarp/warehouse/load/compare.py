"""What changed from one period to the next, in words, with a severity: a function of the two periods alone."""

from __future__ import annotations

from collections.abc import Collection

from datawarp.warehouse.load.drift import DriftEvent, Resemblance, Severity, Snapshot
from datawarp.warehouse.load.plan import MARKER
from datawarp.warehouse.load.renames import renames
from datawarp.warehouse.types import wider

_ROWS_WORTH_TELLING = 0.1
_ROWS_WORTH_A_WARNING = 0.3
_ROWS_RARELY_LOST = 0.5


def compare_releases(before: Collection[str], after: Collection[str], period: str) -> list[tuple[str, DriftEvent]]:
    """Which sources came and went since the release of ``period``, which had the sources ``before``."""
    gone = [
        (code, DriftEvent("source_vanished", "warning", f"{period} had {code}, and this release has not"))
        for code in sorted(set(before) - set(after))
    ]
    new = [
        (code, DriftEvent("source_added", "info", f"{code} is new: {period} did not have it"))
        for code in sorted(set(after) - set(before))
    ]
    return gone + new


def compare(before: Snapshot, after: Snapshot, resemblance: Resemblance | None = None) -> list[DriftEvent]:
    """The events from ``before`` to ``after``.

    ``resemblance`` is asked only about columns that may be one renamed.
    """
    gone = [n for n in before.columns if n not in after.columns and not n.endswith(MARKER)]
    new = [n for n in after.columns if n not in before.columns and not n.endswith(MARKER)]
    events = [*renames(before, after, gone, new, resemblance)]
    renamed = {e.details["to"] for e in events}
    for name in gone:
        events.append(
            DriftEvent(
                "column_vanished",
                "warning",
                f"column {name!r} is no longer there; the table keeps it, empty for {after.period}",
                name,
                expected=before.header(name),
            )
        )
    for name in new:
        severity: Severity = "warning" if name in renamed else "info"
        events.append(DriftEvent("column_added", severity, f"column {name!r} is new", name, found=after.header(name)))
    for name in before.columns:
        if name in after.columns:
            events.extend(_column_events(name, before, after))
    events.extend(_row_events(before, after))
    return events


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


def _severity(change: float) -> Severity:
    """A table that lost more than half of its rows is rarely whole."""
    if change < -_ROWS_RARELY_LOST:
        return "severe"
    return "warning" if abs(change) >= _ROWS_WORTH_A_WARNING else "info"


def _row_events(before: Snapshot, after: Snapshot) -> list[DriftEvent]:
    if before.body_rows == 0 or before.body_rows == after.body_rows:
        return []
    change = (after.body_rows - before.body_rows) / before.body_rows
    if abs(change) < _ROWS_WORTH_TELLING:
        return []
    return [
        DriftEvent(
            "rows_changed",
            _severity(change),
            f"{after.body_rows:,} rows, where {before.period} had {before.body_rows:,} ({change:+.0%})",
            expected=str(before.body_rows),
            found=str(after.body_rows),
            details={"change": round(change, 4)},
        )
    ]
