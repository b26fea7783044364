"""What the fast reader leaves out of an .xlsx: found by a scan of the package's XML bytes.

Error cells, formulas without a stored value, hidden rows and columns, number formats, and how far the cells
really reach (a dimension may lie). The scan looks for rare byte sequences block by block, so that its
memory does not grow with the sheet and its time is a small part of reading it.
"""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import IO, TYPE_CHECKING

from datawarp.lean import bring_back
from datawarp.sheets.blob import read_up_to
from datawarp.sheets.grid import Grid, column_index
from datawarp.sheets.number_formats import day_styles, telling_styles
from datawarp.sheets.parts import Parts, SheetParts, spans_too_much
from datawarp.sheets.xlsx_formats import CellFormats

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20
# Number formats are those of columns: the first blocks of a sheet show them.
FORMAT_BYTES = 12 << 20
# Workbooks whose sheets have more XML than this are read as arrays, the small sheets among them apart: what that
# takes to begin is soon made up for.
LARGE, WORTHWHILE = 4 << 20, 1 << 20
MOST_COLUMNS = 16_384

_ATTRIBUTE = re.compile(rb'([\w:]+)\s*=\s*"([^"]*)"')
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"')
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\bhidden="(?:1|true)"[^>]*>')
_COLUMN = re.compile(rb"<(?:\w+:)?col\b([^>]*)>")
_STYLE = re.compile(rb"<(?:\w+:)?xf\s([^>]*)>")
_NUMBER_FORMAT = re.compile(rb'\bnumFmtId\s*=\s*"(\d+)"')
_ENCODING = re.compile(rb'\s*<\?xml[^>]*\bencoding=["\']([^"\']+)')
_DATE_1904 = re.compile(rb'<(?:\w+:)?workbookPr\b[^>]*\bdate1904="(?:1|true)"')
_WIDE = re.compile(rb' r="([A-Z]{2,3})[0-9]')
_ERROR = re.compile(rb'<(?:\w+:)?c\b([^>]*\bt="e"[^>]*)>(.*?)</(?:\w+:)?c>', re.S)
_VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>([^<]*)<")
_UNCALCULATED = re.compile(
    rb'<(?:\w+:)?c r="([A-Z]+[0-9]+)"(?:(?! t="str")[^>])*><(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)'
    rb"(?:<(?:\w+:)?v ?/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_MAYBE_UNCALCULATED = (b"f></c>", b"f><v></v>", b"f><v/>", b"/></c>", b"/><v></v>", b"f><v />")


class XlsxParts(Parts):
    """The parts of one .xlsx or .xlsm package."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        self._names = {name.lower().lstrip("/"): name for name in package.namelist()}
        self._workbook = self._workbook_part()
        self.sheets = self._sheet_parts(self._workbook)
        self._formats, self._codes = self._number_formats()
        self._styles = telling_styles(self._formats, self._codes)

    def _read(self, part: str) -> bytes:
        name = self._names.get(part.lower().lstrip("/"))
        return self._package.read(name) if name else b""

    def _workbook_part(self) -> str:
        for attributes in _tags(self._read("_rels/.rels"), b"Relationship"):
            if attributes.get("Type", "").endswith("/officeDocument"):
                return attributes["Target"].lstrip("/")
        return "xl/workbook.xml"

    def _related(self, workbook: str) -> Iterator[tuple[dict[str, str], str]]:
        folder, name = posixpath.split(workbook)
        for attributes in _tags(self._read(f"{folder}/_rels/{name}.rels"), b"Relationship"):
            target = attributes.get("Target", "")
            yield attributes, target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)

    def _sheet_parts(self, workbook: str) -> list[str | None]:
        parts = {attributes.get("Id"): part for attributes, part in self._related(workbook)}
        found = []
        for attributes in _tags(self._read(workbook), b"sheet"):
            ids = [value for name, value in attributes.items() if name.endswith(":id")]
            found.append(parts.get(ids[0]) if ids else None)
        return found

    def _part_of_type(self, name: str, usual: str) -> str:
        """The part that the workbook relates to by this type."""
        return next((p for a, p in self._related(self._workbook) if a.get("Type", "").endswith(f"/{name}")), usual)

    def _number_formats(self) -> tuple[list[int], dict[int, str]]:
        """The format number of each style, and the codes of the formats that the workbook defines."""
        xml = self._read(self._part_of_type("styles", "xl/styles.xml"))
        codes = {int(a["numFmtId"]): a.get("formatCode", "") for a in _tags(xml, b"numFmt") if "numFmtId" in a}
        start = re.search(rb"<(?:\w+:)?cellXfs\b", xml)
        end = re.search(rb"</(?:\w+:)?cellXfs>", xml)
        if not start or not end:
            return [], codes
        formats = [_NUMBER_FORMAT.search(style) for style in _STYLE.findall(xml, start.end(), end.start())]
        return [int(found[1]) if found else 0 for found in formats], codes

    def _name_of(self, index: int) -> str | None:
        """The name in the package of sheet ``index``; None for an unknown part."""
        part = self.sheets[index] if index < len(self.sheets) else None
        return self._names.get(part.lower()) if part else None

    @cached_property
    def _large(self) -> bool:
        names = filter(None, map(self._name_of, range(len(self.sheets))))
        return sum(self._package.getinfo(name).file_size for name in set(names)) >= LARGE

    @cached_property
    def _shared(self) -> pa.StringArray:
        from datawarp.sheets.xlsx_texts import shared_strings

        return shared_strings(self._read(self._part_of_type("sharedStrings", "xl/sharedStrings.xml")))

    def read_whole(self, index: int, grid: Grid) -> bool:
        """Read sheet ``index`` as arrays, where the workbook is large and written as spreadsheet programs write."""
        name = self._name_of(index)
        if name is None or not self._large or self._package.getinfo(name).file_size < WORTHWHILE:
            return False
        bring_back("numpy")
        from datawarp.sheets.xlsx_cells import Styles
        from datawarp.sheets.xlsx_reader import read_rows
        from datawarp.sheets.xlsx_texts import Irregular

        epoch = date(1904, 1, 1) if _DATE_1904.search(self._read(self._workbook)) else date(1899, 12, 30)
        try:
            with self._package.open(name) as stream:
                styles = Styles(*day_styles(self._formats, self._codes))
                rows, around, parts = read_rows(stream, styles, self._shared, epoch, FORMAT_BYTES)
        except Irregular:
            return False
        declared = _ENCODING.match(around.head)
        if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
            return False
        _scan_columns(around.head, parts)
        if self._styles:
            parts.number_formats = CellFormats(around.first, self._styles)
        grid.rows = grid.packed = rows
        grid.n_rows, grid.reader = len(rows), "arrays"
        parts.complete(grid)
        return True

    def scan(self, index: int) -> SheetParts:
        """Scan sheet ``index`` of the workbook; an unknown part gives an empty answer."""
        parts = SheetParts()
        name = self._name_of(index)
        if name is None:
            return parts
        kept = []
        alone = self._package.getinfo(name).file_size < BLOCK
        with self._package.open(name) as stream:
            for number, block in enumerate(_blocks(stream)):
                _scan_block(block, parts, alone=alone)
                if number == 0:
                    _scan_columns(block, parts)
                if self._styles and number * BLOCK < FORMAT_BYTES:
                    kept.append(block)
        if self._styles:
            parts.number_formats = CellFormats(kept, self._styles)
        return parts


def _tags(xml: bytes, name: bytes) -> Iterator[dict[str, str]]:
    """The attributes of every tag of that name."""
    for match in re.finditer(rb"<(?:\w+:)?" + name + rb"\s([^>]*)>", xml):
        yield {k.decode(): html.unescape(v.decode("utf-8", "replace")) for k, v in _ATTRIBUTE.findall(match[1])}


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in blocks that end where a cell begins, so that no cell is cut."""
    rest = b""
    while block := read_up_to(stream, BLOCK):
        block = rest + block
        cut = max(block.rfind(b"<row "), block.rfind(b"<c "), block.rfind(b":c "))
        if cut <= 0 or len(block) < BLOCK:
            rest = b""
            yield block
        else:
            cut = block.rfind(b"<", 0, cut + 1)
            rest = block[cut:]
            yield block[:cut]
    if rest:
        yield rest


def _scan_block(block: bytes, parts: SheetParts, *, alone: bool) -> None:
    parts.size += len(block)
    last = None
    at = max(block.rfind(b"<row "), block.rfind(b":row "))
    if at >= 0:
        last = _ROW.search(block, max(0, at - 20))
    if last:
        parts.rows = max(parts.rows, int(last[1]))
    if not alone or spans_too_much(parts.rows * MOST_COLUMNS, parts.size):  # else its width does not matter
        widest = max(set(_WIDE.findall(block)), key=lambda letters: (len(letters), letters), default=b"Z")
        parts.columns = max(parts.columns, column_index(widest.decode()) + 1)
    parts.errors.extend(_errors(block))
    note_rare(block, parts)


def note_rare(block: bytes, parts: SheetParts) -> None:
    """Add the hidden rows of a block and its formulas without a stored value."""
    for start in _tags_with(block, b"hidden="):
        tag = _HIDDEN_ROW.match(block, start)
        row = _ROW.match(tag[0]) if tag else None
        if row:
            parts.hidden_rows.add(int(row[1]) - 1)
    if b"<f" in block:
        places = sorted({at for sign in _MAYBE_UNCALCULATED for at in _cells_ending(block, sign)})
        for match in filter(None, (_UNCALCULATED.match(block, at) for at in places)):
            parts.uncalculated += 1
            parts.first_uncalculated = parts.first_uncalculated or match[1].decode()


def _tags_with(block: bytes, sign: bytes) -> Iterator[int]:
    """Where the tags begin that hold ``sign``."""
    at = block.find(sign)
    while at >= 0:
        yield block.rfind(b"<", 0, at)
        at = block.find(sign, block.find(b">", at) + 1 or len(block))


def _cells_ending(block: bytes, sign: bytes) -> Iterator[int]:
    """Where the cells begin whose last bytes include ``sign``."""
    at = block.find(sign)
    while at >= 0:
        start = block.rfind(b'c r="', 0, at)
        if start >= 0:
            yield block.rfind(b"<", 0, start)
        at = block.find(sign, at + 1)


def _scan_columns(block: bytes, parts: SheetParts) -> None:
    data = block.find(b"sheetData")
    if b"hidden=" not in block[:data]:
        return
    for match in _COLUMN.finditer(block[:data]):
        attributes = dict(_ATTRIBUTE.findall(match[1]))
        if attributes.get(b"hidden") in (b"1", b"true"):
            first, last = int(attributes[b"min"]), min(int(attributes[b"max"]), MOST_COLUMNS)
            parts.hidden_columns.update(range(first - 1, last))


def _errors(block: bytes) -> Iterator[tuple[int, int, str]]:
    for start in _tags_with(block, b't="e"'):
        match = _ERROR.match(block, start)
        place = re.search(rb'\br="([A-Z]+)([0-9]+)"', match[1]) if match else None
        value = _VALUE.search(match[2]) if match else None
        if place and value:
            yield int(place[2]) - 1, column_index(place[1].decode()), html.unescape(value[1].decode("utf-8", "replace"))
