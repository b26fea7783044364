"""The grid: what every reader makes of a sheet, whatever the file's format.

A grid is anchored at A1: ``rows[0]`` is sheet row 1 and ``rows[r][0]`` is column A. Rows may be
ragged (shorter rows end in blanks). A cell is ``None`` (blank), ``str`` (as printed, error cells as
``#N/A``, ``#REF!`` and so on), ``bool``, ``int``, ``float``, ``date``, ``datetime``, ``time`` or ``timedelta``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

from datawarp.sheets.notation import Decimal

if TYPE_CHECKING:
    from datawarp.sheets.csv_stream import CsvStream
    from datawarp.sheets.packed import PackedRows

Cell = str | bool | int | float | date | datetime | time | timedelta | None
Visibility = Literal["visible", "hidden", "veryhidden"]
SheetType = Literal["worksheet", "chart", "dialog", "macro", "csv"]


@dataclass(frozen=True)
class Merge:
    """A merged range: 0-based, inclusive rows and columns."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Grid:
    """One sheet (or CSV file, or CSV member of an archive) as cells.

    ``number_formats`` maps (row, column) 0-based to the printed form's format code where that
    matters (percent and date formats); readers that cannot tell leave it empty.
    ``complete`` is False when ``rows`` is a sample of a file too large for memory: then ``rows`` is its
    head, ``tail`` its last rows, ``n_rows`` the true number of rows, and the body is streamed.
    """

    sheet: str | None
    member: str | None
    rows: Sequence[Sequence[Cell]]
    reader: str
    sheet_type: SheetType = "worksheet"
    visibility: Visibility = "visible"
    merges: list[Merge] = field(default_factory=list)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    number_formats: Mapping[tuple[int, int], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what the reader had to work around, in words
    n_rows: int = 0
    complete: bool = True
    tail: Sequence[Sequence[Cell]] = ()
    stream: CsvStream | None = None  # the whole body, when the grid is not complete
    packed: PackedRows | None = None  # the same as ``rows``, where the sheet is held as arrays
    unread: str | None = None  # why a member of an archive was left out: it is no data file
    decimal: Decimal = "."  # how the texts of a text file write figures, by and large
    even: bool = False  # all records of a text file, blank lines apart, have the same number of fields, three or more

    def __post_init__(self) -> None:
        self.n_rows = self.n_rows or len(self.rows)

    def column(self, index: int, first: int, last: int) -> Iterator[Cell]:
        """Cells of column ``index`` (0-based) in the sheet rows from ``first`` to ``last`` (1-based)."""
        if self.packed is not None:
            return iter(self.packed.sheet.column(index, slice(first - 1, last)))
        return (row[index] if index < len(row) else None for row in self.rows[first - 1 : last])


def column_letters(index: int) -> str:
    """0 → ``A``, 25 → ``Z``, 26 → ``AA``."""
    letters = ""
    index += 1
    while index:
        index, remainder = divmod(index - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def column_index(letters: str) -> int:
    """``A`` → 0, ``AA`` → 26; raises ``ValueError`` for anything but letters."""
    index = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z":
            raise ValueError(f"{letters!r} is not a column")
        index = index * 26 + ord(letter) - 64
    return index - 1
