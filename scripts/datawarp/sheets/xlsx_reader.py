"""Large sheets of .xlsx packages, read as arrays: unpacked in one thread, block by block, and taken apart in others.

Made for sheets as spreadsheet programs write them; :class:`Irregular` says that a sheet is not of that kind.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import IO, TYPE_CHECKING

from datawarp.sheets.blob import read_up_to
from datawarp.sheets.grid import Merge, column_index
from datawarp.sheets.packed import PackedRows, packed
from datawarp.sheets.parts import SheetParts
from datawarp.sheets.xlsx_cells import BlockCells, Styles, cells_in
from datawarp.sheets.xlsx_texts import Irregular, without_prefix

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 2 << 20
WORKERS, MOST_WAITING = 2, 6
# What comes before the rows: views, widths of columns.
LONGEST_HEAD = 4 << 20
_BEGIN = re.compile(rb"<(\w+:)?sheetData\b[^>]*?(/?)>")
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell ref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')


@dataclass
class Sheet:
    """One sheet's XML around its rows, and its first blocks of rows, once it has been read."""

    head: bytes = b""
    tail: bytes = b""
    first: list[bytes] = field(default_factory=list)


def read_rows(
    stream: IO[bytes], styles: Styles, shared: pa.StringArray, epoch: date, kept: int
) -> tuple[PackedRows, Sheet, SheetParts]:
    """The rows of a sheet's XML, what is around them with the first blocks up to ``kept`` bytes, and what is rare.

    Raises :class:`Irregular`, also for XML that makes no sense where it is looked at.
    """
    sheet, parts = Sheet(), SheetParts()
    blocks: list[BlockCells] = []
    waiting: deque[Future[tuple[BlockCells, SheetParts]]] = deque()

    def take() -> None:
        cells, rare = waiting.popleft().result()
        blocks.append(cells)
        parts.add(rare)

    try:
        with ThreadPoolExecutor(WORKERS) as workers:
            for block in _rows_of(stream, sheet):
                if len(sheet.first) * BLOCK < kept:
                    sheet.first.append(block)
                waiting.append(workers.submit(_taken_apart, block, styles))
                if len(waiting) == MOST_WAITING:
                    take()
            while waiting:
                take()
        rows = PackedRows(packed(blocks, shared, epoch))
    except (ValueError, IndexError, TypeError, UnicodeDecodeError) as problem:
        raise Irregular(str(problem)) from None
    parts.merges = list(_merges(sheet.tail))
    return rows, sheet, parts


def _taken_apart(block: bytes, styles: Styles) -> tuple[BlockCells, SheetParts]:
    from datawarp.sheets.xlsx_parts import note_rare

    rare = SheetParts()
    note_rare(block, rare)
    return cells_in(block, styles), rare


def _rows_of(stream: IO[bytes], sheet: Sheet) -> Iterator[bytes]:
    """The XML of a sheet's rows in blocks that end where a row begins, its tags without a prefix."""
    xml = b""
    while (begin := _BEGIN.search(xml)) is None:
        more = read_up_to(stream, BLOCK)
        if not more or len(xml) > LONGEST_HEAD:
            raise Irregular("no rows where they stand as a rule")
        xml += more
    prefix = begin[1] or b""
    last, row = b"</" + prefix + b"sheetData>", b"<" + prefix + b"row "
    sheet.head, xml = xml[: begin.end()], xml[begin.end() :]
    if begin[2]:
        sheet.tail = xml + stream.read()
        return
    while (end := xml.find(last)) < 0:
        cut = xml.rfind(row)
        if cut > 0:
            yield without_prefix(xml[:cut], prefix)
            xml = xml[cut:]
        more = read_up_to(stream, BLOCK)
        if not more:
            raise Irregular("rows without an end")
        xml += more
    if xml[:end].strip():
        yield without_prefix(xml[:end], prefix)
    sheet.tail = xml[end:] + stream.read()


def _merges(tail: bytes) -> Iterator[Merge]:
    for left, top, right, bottom in _MERGE.findall(tail):
        yield Merge(int(top) - 1, column_index(left.decode()), int(bottom) - 1, column_index(right.decode()))
