"""What the fast reader leaves out of a sheet, as a scan of the file's own bytes finds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from datawarp.sheets.grid import Cell, Grid, Merge

# A cell takes at least so many bytes of XML, so that a sheet's size says how many cells there can be.
BYTES_PER_CELL = 24


def spans_too_much(area: int, size: int) -> bool:
    """Whether cells that span ``area`` are far fewer, by the ``size`` of their XML in bytes, and the area is large."""
    return area > 20_000_000 and area > 8 * (size // BYTES_PER_CELL)


class Parts(ABC):
    """What a scan of a workbook's own bytes adds to the fast reader's cells."""

    @abstractmethod
    def scan(self, index: int) -> SheetParts:
        """What it finds on sheet ``index`` of the workbook."""

    def read_whole(self, index: int, grid: Grid) -> bool:
        """Read sheet ``index`` into ``grid`` without the fast reader, where there is a faster way; whether it was."""
        return False


@dataclass
class SheetParts:
    """What a scan of one sheet found; rows and columns are 0-based, extents are counts."""

    errors: list[tuple[int, int, str]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    number_formats: Mapping[tuple[int, int], str] = field(default_factory=dict)
    uncalculated: int = 0
    first_uncalculated: str = ""
    merges: list[Merge] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    size: int = 0

    @property
    def sparse(self) -> bool:
        """Whether a few cells far apart span an area that would not fit in memory."""
        return spans_too_much(self.rows * self.columns, self.size)

    def add(self, other: SheetParts) -> None:
        """Add what was found in a later part of the sheet."""
        self.errors += other.errors
        self.hidden_rows |= other.hidden_rows
        self.hidden_columns |= other.hidden_columns
        self.uncalculated += other.uncalculated
        self.first_uncalculated = self.first_uncalculated or other.first_uncalculated

    def complete(self, grid: Grid) -> None:
        """Put into ``grid`` what the fast reader left out."""
        grid.hidden_rows = frozenset(self.hidden_rows)
        grid.hidden_columns = frozenset(self.hidden_columns)
        grid.number_formats = self.number_formats
        grid.merges = grid.merges or self.merges
        put_errors(grid, self.errors)
        if self.uncalculated:
            grid.notes.append(
                f"{self.uncalculated} formulas have no stored value (the first is {self.first_uncalculated}): "
                "these cells are blank until the workbook is calculated and saved"
            )


def put_errors(grid: Grid, errors: list[tuple[int, int, str]]) -> None:
    """Print error cells as Excel does where the fast reader gave blanks; rows and columns 0-based."""
    if not errors:
        return
    rows: list[list[Cell]] = grid.rows if isinstance(grid.rows, list) else [list(row) for row in grid.rows]
    for r, c, text in errors:
        while len(rows) <= r:
            rows.append([])
        row = rows[r]
        row.extend([None] * (c + 1 - len(row)))
        if row[c] is None:
            row[c] = text
    grid.rows, grid.n_rows = rows, len(rows)
