"""What the fast reader leaves out of an .xlsb: a walk over its records ([MS-XLSB] 2.4)."""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator

from datawarp.sheets.grid import Merge
from datawarp.sheets.number_formats import telling_styles
from datawarp.sheets.parts import Parts, SheetParts
from datawarp.sheets.xls_parts import ERRORS, MOST_FORMATS

ROW_HEADER, CELL_ERROR, FORMULA_ERROR, LAST_CELL = 0, 3, 11, 11
FORMAT, XF, COLUMN, BUNDLE_SHEET, MERGE, BEGIN_CELL_XFS, END_CELL_XFS = 44, 47, 60, 156, 176, 617, 618


class XlsbParts(Parts):
    """The parts of one .xlsb package."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        names = package.namelist()
        workbook = next(n for n in names if n.lower().endswith("workbook.bin"))
        folder = posixpath.dirname(workbook)
        rels = package.read(f"{folder}/_rels/workbook.bin.rels").decode("utf-8", "replace")
        targets = {}
        for tag in re.findall(r"<Relationship\s([^>]*)>", rels):
            attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            target = attributes.get("Target", "")
            targets[attributes.get("Id")] = target.lstrip("/") if target[:1] == "/" else f"{folder}/{target}"
        self._sheets = []
        for record, data in _records(package.read(workbook)):
            if record == BUNDLE_SHEET:
                (length,) = struct.unpack_from("<I", data, 8)
                length = 0 if length == 0xFFFFFFFF else length
                self._sheets.append(targets.get(data[12 : 12 + 2 * length].decode("utf-16-le")))
        styles = next((n for n in names if n.lower().endswith("styles.bin")), None)
        self._styles = _telling_styles(package.read(styles)) if styles else {}

    def scan(self, index: int) -> SheetParts:
        """Scan sheet ``index`` of the workbook; an unknown part gives an empty answer."""
        formats: dict[tuple[int, int], str] = {}
        parts = SheetParts(number_formats=formats)
        part = self._sheets[index] if index < len(self._sheets) else None
        if part is None or part not in self._package.namelist():
            return parts
        row, styles = 0, self._styles
        for record, data in _records(self._package.read(part)):
            if record == ROW_HEADER:
                (row,) = struct.unpack_from("<I", data, 0)
                if len(data) > 11 and data[11] & 0x10:
                    parts.hidden_rows.add(row)
            elif 1 < record <= LAST_CELL and len(data) >= 8:
                (column,) = struct.unpack_from("<I", data, 0)
                style = int.from_bytes(data[4:7], "little")
                if record in (CELL_ERROR, FORMULA_ERROR):
                    parts.errors.append((row, column, ERRORS.get(data[8], "#N/A")))
                elif style in styles and len(formats) < MOST_FORMATS:
                    formats[row, column] = styles[style]
            elif record == COLUMN and len(data) >= 18:
                first, last, _, _, flags = struct.unpack_from("<IIIIH", data, 0)
                if flags & 1:
                    parts.hidden_columns.update(range(first, min(last, 16_383) + 1))
            elif record == MERGE:
                top, bottom, left, right = struct.unpack_from("<IIII", data, 0)
                parts.merges.append(Merge(top, left, bottom, right))
        return parts


def _telling_styles(data: bytes) -> dict[int, str]:
    codes: dict[int, str] = {}
    formats: list[int] = []
    within = False
    for record, body in _records(data):
        if record == FORMAT:
            number, length = struct.unpack_from("<HI", body, 0)
            codes[number] = body[6 : 6 + 2 * length].decode("utf-16-le", "replace")
        elif record in (BEGIN_CELL_XFS, END_CELL_XFS):
            within = record == BEGIN_CELL_XFS
        elif record == XF and within:
            formats.append(struct.unpack_from("<H", body, 2)[0])
    return telling_styles(formats, codes)


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at, end = 0, len(data)
    while at < end:
        record = data[at]
        at += 1
        if record & 0x80 and at < end:
            record = (record & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        size = shift = 0
        while at < end:
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift > 21:
                break
        yield record, data[at : at + size]
        at += size
