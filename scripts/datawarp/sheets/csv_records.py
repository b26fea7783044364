"""The records of a text file as rows, and what is uneven about them: told, never silently put right."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.cells import is_marker, number_in
from datawarp.sheets.csv_dialect import Dialect
from datawarp.sheets.grid import Cell

LONGEST_FIELD = 1 << 24
END_OF_FILE: list[Cell] = ["\x1a"]  # what DOS programs close a text with
MOST_NAMED = 3  # rows that a note names
NA = "NA"
_MADE_UP = re.compile(r"\.\.\.\d+|Unnamed: \d+(?:_level_\d+)?")
JUDGED = 200  # records that show what the columns hold


@dataclass(frozen=True)
class Shape:
    """What the first records of a file say of all: their usual number of fields, and the header (1-based row)."""

    width: int = 0
    header_row: int = 0
    header: tuple[str, ...] = ()
    unnamed_first: bool = False  # the header has one field fewer: the first column has no name
    dump: bool = False  # a program wrote a sheet whole: NA for blank cells, or names it made up for the first row

    @property
    def plain(self) -> bool:
        """Whether every record is a row as it stands."""
        return not self.unnamed_first and not self.dump

    @classmethod
    def of(cls, text: str, dialect: Dialect) -> Shape:
        """The shape of the records in the first part of a file."""
        try:
            first = list(dialect.reader(io.StringIO(text, newline="")))
        except csv.Error:
            return cls()
        widths = Counter(len(record) for record in first if len(record) > 1)
        if not widths:
            return cls()
        begins = next(len(record) for record in first if len(record) > 1)
        width = max(widths, key=lambda w: (widths[w], w == begins, w))
        if any(set(record) == {NA} and len(record) > 1 for record in first) or _made_up(first[0]):
            return cls(width, dump=True)
        row = next(n for n, record in enumerate(first, 1) if len(record) == width)
        below = [record for record in first[row : row + JUDGED] if len(record) == width]
        if row == 2 and len(first[0]) == width - 1 and len(below) > 1 and widths.total() == widths[width] + 1:
            names_all = all(first[0]) and len(set(first[0])) == len(first[0])
            if names_all and _is_header(first[0], [r[1:] for r in below]) and any(r[-1] for r in below):
                return cls(width, 1, ("", *first[0]), True)
        header = first[row - 1]
        return cls(width, row, tuple(header) if all(header) and _is_header(header, below) else ())


def _made_up(record: Sequence[str]) -> bool:
    """Whether most cells of a first record are names that pandas or R gives to columns without one."""
    made_up = sum(_MADE_UP.fullmatch(cell) is not None for cell in record)
    return made_up > 1 and 2 * made_up >= len(record)


def _undumped(record: list[str], first: bool) -> list[str]:
    """A record of a sheet that a program wrote whole, as it stood on the sheet."""
    return ["" if cell == NA or (first and _MADE_UP.fullmatch(cell)) else cell for cell in record]


def _is_header(record: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a record names columns: texts, above a column of figures."""
    if any(number_in(cell) is not None for cell in record):
        return False
    for c in range(len(record)):
        cells = [r[c] for r in below if r[c] and not is_marker(r[c])]
        if cells and sum(number_in(cell) is not None for cell in cells) > 0.6 * len(cells):
            return True
    return False


@dataclass
class Uneven:
    """Rows whose records are not like the others, as they go by."""

    longer: list[int] = field(default_factory=list)
    shorter: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    even: int = 0
    other: int = 0  # records of another number of fields, blank lines apart

    def notes(self, shape: Shape) -> list[str]:
        """What is uneven, in words."""
        words = []
        if shape.unnamed_first:
            words.append("the header has one field fewer than the records: the first column has no name")
        if shape.dump:
            words.append(
                "a program wrote a sheet whole: NA and the names it made up for the first row are read as blank"
            )
        if self.longer:
            words.append(f"{_rows(self.longer)} more than the usual {shape.width} fields: cells may have shifted")
        if self.shorter and len(self.shorter) <= max(MOST_NAMED, 0.1 * self.even):
            words.append(f"{_rows(self.shorter)} fewer than the usual {shape.width} fields")
        if self.repeated:
            words.append(f"{_rows(self.repeated)} the header once more: left out")
        return words


def _rows(rows: list[int]) -> str:
    named = ", ".join(str(n) for n in rows[:MOST_NAMED])
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return f"row {named} has" if len(rows) == 1 else f"rows {named}{more} have"


def records(
    blob: Blob, lines: Iterable[str], dialect: Dialect, shape: Shape | None = None, uneven: Uneven | None = None
) -> Iterator[list[Cell]]:
    """The records in ``lines`` (line ends kept) as rows: blank cells as None, none of them at a row's end.

    With a ``shape``, ``lines`` begin at the file's first: the header is left out where it comes again, and what is
    uneven is written down in ``uneven``. Raises :class:`SheetError` for a quotation mark that is never closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    header, header_row = (list(shape.header), shape.header_row) if shape and shape.header else (None, 0)
    width = shape.width if shape and not shape.dump else 0
    seen = uneven or Uneven()
    last: list[Cell] = []
    pending: list[int] = []  # short rows: a note below the table is none of it
    number = 0
    try:
        for number, record in enumerate(dialect.reader(lines), 1):
            if number == 1 and record and record[0].startswith("\ufeff"):
                record[0] = record[0].lstrip("\ufeff")
            if shape is not None and shape.dump:
                record = _undumped(record, number == 1)
            row: list[Cell] = [cell or None for cell in record] if "" in record else list(record)
            while row and row[-1] is None:
                row.pop()
            if width:
                seen.other += len(record) not in (0, width)
                if len(record) == width:
                    seen.even += 1
                    if pending:
                        seen.shorter += pending
                        pending = []
                    # Below a title or a blank line it heads another table.
                    if record == header and number > header_row and len(last) - last.count(None) > 1:
                        seen.repeated.append(number)
                        row = []
                elif len(row) > width:
                    seen.longer.append(number)
                elif shape is not None and number == 1 and shape.unnamed_first:
                    row.insert(0, None)
                elif row and len(record) < width and seen.even:
                    pending.append(number)
            last = row
            yield row if row != END_OF_FILE else []
    except csv.Error as problem:
        raise SheetError(
            f"the record cannot be read: {problem}",
            where=f"{blob.where}, record {number + 1}",
            hint="look for a quotation mark that is never closed",
        ) from None
