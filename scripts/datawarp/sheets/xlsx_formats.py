"""Number formats of the cells of an .xlsx sheet, read from its XML for the rows that someone asks about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from datawarp.sheets.grid import column_index

_Default = TypeVar("_Default")
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"')
# Where so many rows fit into so many bytes they are read at once.
ROWS_AHEAD, FAR = 32, 1 << 17
_FIRST_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*>")


class CellFormats(Mapping[tuple[int, int], str]):
    """(row, column), 0-based, → format code, for the cells whose style tells something.

    Takes the first blocks of a sheet's XML and the codes of the telling styles. Detection asks about a few rows of
    each table: a row is searched for when it is first asked about.
    """

    def __init__(self, blocks: list[bytes], styles: Mapping[int, str]) -> None:
        self._blocks = blocks
        self._codes = {str(style).encode(): code for style, code in styles.items()}
        self._cell = re.compile(rb'<(?:\w+:)?c r="([A-Z]+)([0-9]+)" s="(' + b"|".join(self._codes) + rb')"')
        self._found: dict[tuple[int, int], str] = {}
        self._rows: set[int] = set()
        self._all = not styles
        self._at, self._last = 0, -1  # where the last row that was found begins, and its number

    def __bool__(self) -> bool:
        return bool(self._codes)

    def __len__(self) -> int:
        return len(self._every())

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._every())

    def __getitem__(self, place: tuple[int, int]) -> str:
        if place[0] not in self._rows and not self._all:
            self._look_up(place[0])
        return self._found[place]

    @overload
    def get(self, place: tuple[int, int], /) -> str | None: ...
    @overload
    def get(self, place: tuple[int, int], /, default: str | _Default) -> str | _Default: ...
    def get(self, place: tuple[int, int], /, default: object = None) -> object:
        """The code of a cell, or ``default``."""
        if place[0] not in self._rows and not self._all:
            self._look_up(place[0])
        return self._found.get(place, default)

    def _every(self) -> dict[tuple[int, int], str]:
        if not self._all:
            self._read(0, len(self._xml()))
            self._all = True
        return self._found

    def _xml(self) -> bytes:
        if len(self._blocks) != 1:
            self._blocks = [b"".join(self._blocks)]
        return self._blocks[0]

    def _look_up(self, row: int) -> None:
        xml = self._xml()
        if not self._rows:
            first = _FIRST_ROW.search(xml)
            if first is None or _ROW.match(first[0]) is None:
                self._every()  # rows without numbers
                return
        self._rows.add(row)
        at = xml.find(b' r="%d"' % (row + 1), self._at if row > self._last else 0)
        while at >= 0:
            start = xml.rfind(b"<", 0, at)
            if (tag := _ROW.match(xml, start)) and int(tag[1]) == row + 1:
                self._at, self._last = start, row
                end = xml.find(b' r="%d"' % (row + 1 + ROWS_AHEAD), at, at + FAR)
                if end >= 0:
                    self._rows.update(range(row, row + ROWS_AHEAD))
                else:
                    end = xml.find(b"row>", at)
                self._read(start, end if end >= 0 else len(xml))
                return
            at = xml.find(b' r="%d"' % (row + 1), at + 1)

    def _read(self, start: int, end: int) -> None:
        for match in self._cell.finditer(self._xml(), start, end):
            self._found[int(match[2]) - 1, column_index(match[1].decode())] = self._codes[match[3]]
