"""What detection finds on a sheet: its tables, their columns, and where every row went.

Rows are 1-based sheet rows, columns are letters, as in the manifest; ``manifest.draft`` translates these
dataclasses into its own models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from datawarp.sheets.grid import Cell
from datawarp.sheets.notation import Notation
from datawarp.sheets.whole_column import WholeColumn

Kind = Literal["data", "notes", "empty", "chart", "form"]
ColumnKind = Literal["integer", "numeric", "text", "date", "timestamp", "boolean"]


@dataclass
class ColumnFinding:
    """One column of a table: ``index`` is 0-based on the sheet, ``column`` its letters.

    ``original_name`` is the header as printed, tiers joined with `` | ``; ``name`` the physical name. ``markers``
    counts printed texts kept beside a typed column; ``period`` and ``period_label`` are set on the
    columns of a wide run; ``notation`` is how its texts write figures, once its body was looked at.
    """

    index: int
    column: str
    original_name: str
    name: str
    type: ColumnKind = "text"
    markers: dict[str, int] = field(default_factory=dict)
    unit: str | None = None
    period: str | None = None
    period_label: str | None = None
    notation: Notation | None = None


@dataclass
class WideFinding:
    """The period columns of a table (letters, left to right) and whether they are stored long."""

    columns: list[str]
    unpivoted: bool = True


@dataclass
class ExcludedRows:
    """Rows (inclusive) that belong to no table, and why."""

    rows: tuple[int, int]
    reason: str


@dataclass
class Account:
    """Where every row of the sheet went, as one table sees it; the parts add up to ``sheet_rows``."""

    sheet_rows: int
    header: int
    body: int
    blank: int
    footnotes: int
    excluded: int
    other_tables: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        parts = self.header + self.body + self.blank + self.footnotes + self.excluded + self.other_tables
        return self.sheet_rows == parts


def types_of(cells: Sequence[Cell]) -> frozenset[type]:
    """The Python types of cells, blanks apart."""
    if isinstance(cells, WholeColumn):
        return cells.types
    return frozenset(map(type, cells)) - {type(None)}


@dataclass
class BodyCells:
    """A table's body rows that hold any value: their 1-based sheet rows, and their cells column by column."""

    numbers: list[int]
    columns: dict[int, Sequence[Cell]]
    _types: dict[int, frozenset[type]] = field(default_factory=dict, repr=False, compare=False)

    def types(self, index: int) -> frozenset[type]:
        """The Python types of a column's cells that hold anything; found once."""
        found = self._types.get(index)
        if found is None:
            found = self._types[index] = types_of(self.columns[index])
        return found


@dataclass
class TableFinding:
    """One table: where it lies, what its columns are, and the evidence for it in words."""

    header_rows: tuple[int, int] | None
    data_rows: tuple[int, int]
    first_column: int
    last_column: int
    n_rows: int
    columns: list[ColumnFinding]
    footnote_rows: tuple[int, int] | None = None
    wide_periods: WideFinding | None = None
    title: str | None = None
    excluded: list[ExcludedRows] = field(default_factory=list)
    account: Account | None = None
    evidence: list[str] = field(default_factory=list)
    # The numbers and columns of the body, kept between detection and typing of one grid.
    body: BodyCells | None = field(default=None, repr=False, compare=False)

    @property
    def n_columns(self) -> int:
        """Columns with a header or any value."""
        return len(self.columns)

    @property
    def column_range(self) -> tuple[str, str]:
        """Letters of the first and the last column."""
        return (self.columns[0].column, self.columns[-1].column)


@dataclass
class SheetFinding:
    """What a sheet is: data with its tables, or something else with the reason in words."""

    kind: Kind
    reason: str | None = None
    tables: list[TableFinding] = field(default_factory=list)
