"""The words of drift: events with their kinds and severities, and a period as events compare it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "severe"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "severe")

# Kinds that are worked out from two periods of a source, or two releases of a publication; the others happened in
# one load.
BETWEEN_PERIODS = ("column_added", "column_vanished", "column_renamed", "type_changed", "rows_changed", "markers_new")
BETWEEN_RELEASES = ("source_added", "source_vanished")


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

    def header(self, name: str) -> str | None:
        """The printed header of a column, where one is known."""
        header = self.columns[name].get("header")
        return None if header is None else str(header)


Resemblance = Callable[[Collection[tuple[str, str]]], Mapping[tuple[str, str], float | None]]
"""How alike the values of a column of one period and of one of another are, for pairs of their names: 0 to 1, None when
that cannot be said."""
