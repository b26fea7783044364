"""What the fast reader leaves out of an .xls: a walk over its BIFF records ([MS-XLS] 2.4).

Error cells, hidden rows and columns, and number formats of BIFF5 and BIFF8 files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from datawarp.sheets.number_formats import telling_styles
from datawarp.sheets.parts import Parts, SheetParts

BOF, EOF, BOUNDSHEET, FORMAT, XF = 0x0809, 0x000A, 0x0085, 0x041E, 0x00E0
ROW, COLINFO, NUMBER, RK, MULRK, FORMULA, BOOLERR = 0x0208, 0x007D, 0x0203, 0x027E, 0x00BD, 0x0006, 0x0205
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
_HEAD = struct.Struct("<HH")
_CELL = struct.Struct("<HHH")
MOST_FORMATS = 200_000


class XlsParts(Parts):
    """The workbook stream of one .xls file."""

    def __init__(self, data: bytes) -> None:
        """``data`` is the whole file; raises ``ValueError`` when it has no BIFF5 or BIFF8 stream."""
        self._stream = _workbook_stream(data)
        self._offsets: list[int] = []
        formats: list[int] = []
        codes: dict[int, str] = {}
        wide = True
        for record, at, size in _records(self._stream, 0):
            if record == BOF:
                wide = struct.unpack_from("<H", self._stream, at)[0] >= 0x0600
            elif record == BOUNDSHEET:
                self._offsets.append(struct.unpack_from("<I", self._stream, at)[0])
            elif record == XF:
                formats.append(struct.unpack_from("<H", self._stream, at + 2)[0])
            elif record == FORMAT:
                number, code = _format(self._stream[at : at + size], wide)
                codes[number] = code
        self._styles = telling_styles(formats, codes)

    def scan(self, index: int) -> SheetParts:
        """Scan sheet ``index`` of the workbook."""
        formats: dict[tuple[int, int], str] = {}
        parts = SheetParts(number_formats=formats)
        if index >= len(self._offsets):
            return parts
        stream, styles = self._stream, self._styles
        for record, at, size in _records(stream, self._offsets[index]):
            if record in (NUMBER, RK, FORMULA, BOOLERR):
                r, c, style = _CELL.unpack_from(stream, at)
                if record == FORMULA and stream[at + 12 : at + 14] == b"\xff\xff" and stream[at + 6] == 2:
                    parts.errors.append((r, c, ERRORS.get(stream[at + 8], "#N/A")))
                elif record == BOOLERR and stream[at + 7]:
                    parts.errors.append((r, c, ERRORS.get(stream[at + 6], "#N/A")))
                elif style in styles and len(formats) < MOST_FORMATS:
                    formats[r, c] = styles[style]
            elif record == MULRK:
                r, first = struct.unpack_from("<HH", stream, at)
                for k in range((size - 6) // 6):
                    (style,) = struct.unpack_from("<H", stream, at + 4 + 6 * k)
                    if style in styles and len(formats) < MOST_FORMATS:
                        formats[r, first + k] = styles[style]
            elif record == ROW and size >= 14:
                if stream[at + 12] & 0x20:
                    parts.hidden_rows.add(struct.unpack_from("<H", stream, at)[0])
            elif record == COLINFO and size >= 10:
                first, last, _, _, options = struct.unpack_from("<5H", stream, at)
                if options & 1:
                    parts.hidden_columns.update(range(first, min(last, 255) + 1))
        return parts


def _workbook_stream(data: bytes) -> bytes:
    if data[:4] != b"\xd0\xcf\x11\xe0":
        return data
    from xlrd.compdoc import CompDoc, CompDocError

    try:
        document = CompDoc(data, logfile=Silent())
        for name in ("Workbook", "Book"):
            memory, base, length = document.locate_named_stream(name)
            if memory:
                return bytes(memory[base : base + length])
    except (CompDocError, AssertionError, IndexError, struct.error) as problem:
        raise ValueError(str(problem)) from None
    raise ValueError("no workbook stream")


class Silent:
    """A log that nobody reads: xlrd's remarks on file structure."""

    def write(self, text: str) -> int:
        return len(text)


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """(record, where its data begin, their size) of one substream, from its BOF to its EOF."""
    depth, end = 0, len(stream) - 4
    while at <= end:
        record, size = _HEAD.unpack_from(stream, at)
        at += 4
        if at + size > len(stream):
            return
        if record == BOF:
            depth += 1
        elif record == EOF:
            depth -= 1
            if depth <= 0:
                return
        if depth <= 1:
            yield record, at, size
        at += size


def _format(data: bytes, wide: bool) -> tuple[int, str]:
    (number,) = struct.unpack_from("<H", data, 0)
    if not wide:
        return number, data[3 : 3 + data[2]].decode("cp1252", "replace")
    length, flags = struct.unpack_from("<HB", data, 2)
    if flags & 1:
        return number, data[5 : 5 + 2 * length].decode("utf-16-le", "replace")
    return number, data[5 : 5 + length].decode("latin-1")
