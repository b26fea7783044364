"""A large sheet held as arrays, column by column: a cell becomes a Python object only when someone looks at it.

It reads as rows of cells like any other grid's; what is asked of whole columns is answered by the arrays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from datawarp.sheets.grid import Cell
from datawarp.sheets.whole_column import WholeColumn
from datawarp.sheets.xlsx_cells import BLANK, BOOLEAN, DAY, NUMBER, OWN, SHARED, BlockCells, Figures, Kinds
from datawarp.sheets.xlsx_texts import Irregular, as_arrow

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = SHARED
_DAY_MS = 86_400_000
_LARGEST_EXACT = 2**53
# Days before 1 March 1900 are one later: their numbers count a 29 February that never was.
_LEAP = 60
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class PackedSheet:
    """``kinds`` and ``numbers`` are columns by rows; the number of a text is its place in ``texts``.

    ``epoch`` is the day before the one with serial number 1, as numbers from March 1900 on count.
    """

    kinds: Kinds
    numbers: Figures
    texts: pa.StringArray
    epoch: date

    @cached_property
    def white(self) -> NDArray[np.bool_] | None:
        """Which texts are nothing but white space; None when none is."""
        import pyarrow.compute as pc

        blank = pc.equal(pc.utf8_trim_whitespace(self.texts), "")
        return np.array(blank.to_pylist(), bool) if pc.any(blank).as_py() else None

    def column(self, index: int, rows: slice | NDArray[np.int64]) -> PackedColumn:
        """Cells of column ``index``; blank beyond the last one."""
        if index >= len(self.kinds):
            size = len(range(*rows.indices(self.kinds.shape[1]))) if isinstance(rows, slice) else len(rows)
            return PackedColumn(self, np.zeros(size, np.int8), np.zeros(size))
        return PackedColumn(self, self.kinds[index][rows], self.numbers[index][rows])


class PackedColumn(WholeColumn):
    """Cells of one column, top down."""

    def __init__(self, sheet: PackedSheet, kinds: Kinds, numbers: Figures) -> None:
        self._sheet, self._kinds, self._numbers = sheet, kinds, numbers

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, at: int) -> Cell: ...
    @overload
    def __getitem__(self, at: slice) -> PackedColumn: ...
    def __getitem__(self, at: int | slice) -> Cell | PackedColumn:
        if isinstance(at, slice):
            return PackedColumn(self._sheet, self._kinds[at], self._numbers[at])
        return PackedColumn(self._sheet, self._kinds[at : at + 1 or None], self._numbers[at : at + 1 or None])._cells[0]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    @cached_property
    def _cells(self) -> list[Cell]:
        """The cells as Python objects."""
        present = np.bincount(self._kinds, minlength=OWN)
        cells: list[Any] = self._numbers.tolist()
        if present[NUMBER] == len(cells):
            return cells
        made = np.empty(len(cells), object)
        made[:] = cells
        made[self._kinds == BLANK] = None
        if present[TEXT]:
            made[self._kinds == TEXT] = self.printed().to_pylist()
        if present[BOOLEAN]:
            truths = self._kinds == BOOLEAN
            made[truths] = [bool(n) for n in self._numbers[truths]]
        if present[DAY]:
            days = self._kinds == DAY
            made[days] = [self._day(n) for n in self._numbers[days].tolist()]
        return list(made)

    def _day(self, serial: float) -> date | datetime:
        """The day of a serial number, with its time where it has one."""
        days, part = divmod(serial, 1)
        day = self._sheet.epoch + timedelta(days=int(days) + int(self._early(days)))
        if not part:
            return day
        return datetime(day.year, day.month, day.day) + timedelta(milliseconds=round(part * _DAY_MS))

    def _early(self, days: Any) -> Any:
        return (days < _LEAP) & (self._sheet.epoch.year < 1904)

    @cached_property
    def types(self) -> frozenset[type]:
        """The Python types of the cells that hold anything."""
        present = np.bincount(self._kinds, minlength=OWN)
        found: set[type] = set()
        for kind, of in ((NUMBER, float), (TEXT, str), (BOOLEAN, bool)):
            if present[kind]:
                found.add(of)
        if present[DAY]:
            whole = self.serials() % 1 == 0
            found.update(of for of, some in ((date, whole.any()), (datetime, not whole.all())) if some)
        return frozenset(found)

    def serials(self) -> Figures:
        """The serial numbers of the days."""
        found: Figures = self._numbers[self._kinds == DAY]
        return found

    def figures(self) -> Figures:
        """The true numbers."""
        found: Figures = self._numbers[self._kinds == NUMBER]
        return found

    def count_figures(self) -> int:
        """How many cells are true numbers."""
        return int((self._kinds == NUMBER).sum())

    def whole(self) -> bool:
        """Whether all true numbers are whole and exact as 64-bit integers; so is a column without any."""
        figures = self.figures()
        return bool((figures == np.rint(figures)).all() and (np.abs(figures) <= _LARGEST_EXACT).all())

    def printed(self) -> pa.StringArray:
        """The texts among the cells, top down."""
        return self._sheet.texts.take(as_arrow(self._numbers[self._kinds == TEXT].astype(np.int32)))

    @cached_property
    def counted(self) -> Counter[str]:
        """How often each text occurs, in the order of their first cells."""
        counts = self.printed().value_counts()
        return Counter(dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)))

    def array(self, of: type) -> pa.Array:
        """The cells of one Python type (str, float, bool, date) as Arrow, null where a cell is anything else."""
        import pyarrow as pa

        if of is str:
            return self._sheet.texts.take(self._nullable(self._numbers.astype(np.int32), self._kinds == TEXT))
        if of is bool:
            return self._nullable(self._numbers, self._kinds == BOOLEAN).cast(pa.bool_())
        if of is date:
            days = self._numbers.astype(np.int32) + np.int32((self._sheet.epoch - date(1970, 1, 1)).days)
            days += self._early(self._numbers)
            return self._nullable(days, self._kinds == DAY).cast(pa.date32())
        return self._nullable(self._numbers, self._kinds == NUMBER)

    def mapped(self, texts: Mapping[str, Any], to: pa.DataType) -> tuple[pa.Array, pa.Array]:
        """Numbers as they are and each text as what ``texts`` says; and beside them the texts it says None of."""
        import pyarrow as pa
        import pyarrow.compute as pc

        words = self.array(str).dictionary_encode()
        listed = words.dictionary.to_pylist()
        known = pa.array([texts[text] for text in listed], to)
        odd = pa.array([text if texts[text] is None and text.strip() else None for text in listed], pa.string())
        return pc.coalesce(known.take(words.indices), self.array(float).cast(to)), odd.take(words.indices)

    @staticmethod
    def _nullable(numbers: NDArray[Any], valid: NDArray[np.bool_]) -> pa.Array:
        import pyarrow as pa

        array = as_arrow(np.ascontiguousarray(numbers))
        if valid.all():
            return array
        bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
        return pa.Array.from_buffers(array.type, len(array), [bits, array.buffers()[1]])


class PackedRows(Sequence[Sequence[Cell]]):
    """The rows of a packed sheet, without the blank cells at their ends."""

    def __init__(self, sheet: PackedSheet) -> None:
        self.sheet = sheet

    def __len__(self) -> int:
        return int(self.sheet.kinds.shape[1])

    @overload
    def __getitem__(self, at: int) -> list[Cell]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[Cell]]: ...
    def __getitem__(self, at: int | slice) -> list[Cell] | list[list[Cell]]:
        if isinstance(at, slice):
            return self.pick(range(*at.indices(len(self))))
        (row,) = self.pick([range(len(self))[at]])
        return row

    def __iter__(self) -> Iterator[list[Cell]]:
        for first in range(0, len(self), ROWS_AT_ONCE):
            yield from self.pick(range(first, min(first + ROWS_AT_ONCE, len(self))))

    def pick(self, rows: Iterable[int]) -> list[list[Cell]]:
        """The rows of these numbers, 0-based."""
        at = np.fromiter(rows, np.int64)
        columns = [self.sheet.column(index, at) for index in range(len(self.sheet.kinds))]
        if not columns:
            return [[] for _ in at]
        return [_trimmed(list(row)) for row in zip(*columns, strict=True)]

    @property
    def width(self) -> int:
        """How many columns there are up to the last with any cell."""
        return len(self.sheet.kinds)

    def fills(self) -> list[int]:
        """How many cells of each row hold anything."""
        found: list[int] = (self.sheet.kinds != BLANK).sum(axis=0).tolist()
        return found

    def filled(self, first: int, last: int, left: int, right: int) -> NDArray[np.int64]:
        """The 0-based rows of a range with anything but white space in columns ``left`` to ``right``."""
        kinds = self.sheet.kinds[left : right + 1, first:last]
        filled = kinds != BLANK
        if self.sheet.white is not None:
            numbers = self.sheet.numbers[left : right + 1, first:last]
            text = kinds == TEXT
            filled[text] = ~self.sheet.white[numbers[text].astype(np.int64)]
        return np.flatnonzero(filled.any(axis=0)) + first


def _trimmed(row: list[Cell]) -> list[Cell]:
    while row and row[-1] is None:
        row.pop()
    return row


def packed(blocks: list[BlockCells], shared: pa.StringArray, epoch: date) -> PackedSheet:
    """A sheet put together from its blocks, which are taken off the list; raises :class:`Irregular`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    height = blocks[-1].first_row + blocks[-1].kinds.shape[1] if blocks else 0
    width = max((len(block.kinds) for block in blocks), default=0)
    if height * width > 64 * (sum(block.filled for block in blocks) + 4096):
        raise Irregular("cells far apart")
    kinds, numbers = np.zeros((width, height), np.int8), np.zeros((width, height))
    texts, known, row = [shared], len(shared), 0
    blocks.reverse()
    while blocks:
        block = blocks.pop()
        if block.first_row < row:
            raise Irregular("rows out of order")
        row = block.first_row + block.kinds.shape[1]
        if ((block.kinds == SHARED) & (block.numbers >= len(shared))).any():
            raise Irregular("shared texts that the workbook does not hold")
        own = block.kinds == OWN
        block.numbers[own] += known
        block.kinds[own] = TEXT
        kinds[: len(block.kinds), block.first_row : row] = block.kinds
        numbers[: len(block.kinds), block.first_row : row] = block.numbers
        texts.append(block.own)
        known += len(block.own)
    if sum(len(part.buffers()[2] or b"") for part in texts) >= 2**31:
        raise Irregular("more text than one array holds")
    every = pa.concat_arrays(texts)
    empty = pc.equal(pc.binary_length(every), 0)
    if pc.any(empty).as_py():
        blank = np.array(empty.to_pylist(), bool)
        text = kinds == TEXT
        kinds[text] = np.where(blank[numbers[text].astype(np.int64)], BLANK, TEXT)
    width, height = (int(np.flatnonzero(kinds.any(axis=axis)).max(initial=-1)) + 1 for axis in (1, 0))
    return PackedSheet(kinds[:width, :height], numbers[:width, :height], every, epoch)
