"""Two older formats of workbooks in plain text: XML Spreadsheet 2003 and SYLK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.grid import Cell, Grid, Merge, Visibility
from datawarp.sheets.number_formats import tells

_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_X = "{urn:schemas-microsoft-com:office:excel}"
_NAMED = {"Percent": "0.00%", "Currency": "£#,##0.00", "Short Date": "dd/mm/yyyy", "General Date": "dd/mm/yyyy h:mm"}
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384


def read_spreadsheetml(blob: Blob) -> Iterator[Grid]:
    """The sheets of an XML Spreadsheet 2003 file; raises :class:`SheetError` when it is cut off."""
    from lxml import etree

    formats: dict[str, str] = {}
    with blob.opener() as stream:
        try:
            tags = [_SS + "Style", _SS + "Worksheet"]
            for _, element in etree.iterparse(stream, tag=tags, huge_tree=True, resolve_entities=False):
                if element.tag == _SS + "Style":
                    number_format = element.find(_SS + "NumberFormat")
                    code = number_format.get(_SS + "Format") if number_format is not None else None
                    if code:
                        formats[element.get(_SS + "ID")] = _NAMED.get(code, code)
                else:
                    yield _xml_sheet(element, blob, formats)
                    element.clear()
        except (etree.XMLSyntaxError, ValueError) as problem:
            raise SheetError(
                f"expected a complete XML Spreadsheet 2003 file: {problem}", where=blob.where, hint="download it again"
            ) from None


def _xml_sheet(sheet: Any, blob: Blob, formats: dict[str, str]) -> Grid:
    visible = sheet.findtext(f"{_X}WorksheetOptions/{_X}Visible", "visible").lower().removeprefix("sheet")
    visibility: Visibility = "hidden" if visible == "hidden" else "veryhidden" if visible == "veryhidden" else "visible"
    grid = Grid(sheet.get(_SS + "Name"), blob.member, [], "spreadsheetml", visibility=visibility)
    table = sheet.find(_SS + "Table")
    rows: list[list[Cell]] = []
    hidden: set[int] = set()
    telling: dict[tuple[int, int], str] = {}
    r = 0
    for row in table.iter(_SS + "Row") if table is not None else ():
        r = int(row.get(_SS + "Index", r + 1))
        if r > MOST_ROWS:
            raise ValueError(f"row {r} does not exist")
        rows.extend([] for _ in range(r - len(rows)))
        if row.get(_SS + "Hidden") == "1":
            hidden.add(r - 1)
        c = 0
        for cell in row.iter(_SS + "Cell"):
            c = int(cell.get(_SS + "Index", c + 1))
            if c > MOST_COLUMNS:
                raise ValueError(f"column {c} does not exist")
            across, down = int(cell.get(_SS + "MergeAcross", 0)), int(cell.get(_SS + "MergeDown", 0))
            if across or down:
                grid.merges.append(Merge(r - 1, c - 1, r - 1 + down, c - 1 + across))
            value = _xml_value(cell.find(_SS + "Data"))
            if value is not None:
                rows[r - 1].extend([None] * (c - len(rows[r - 1])))
                rows[r - 1][c - 1] = value
                code = formats.get(cell.get(_SS + "StyleID") or row.get(_SS + "StyleID") or "")
                if code and tells(code):
                    telling[r - 1, c - 1] = code
            c += across
        r += int(row.get(_SS + "Span", 0))
    grid.rows, grid.n_rows, grid.hidden_rows = rows, len(rows), frozenset(hidden)
    grid.number_formats = telling
    return grid


def _xml_value(data: Any) -> Cell:
    if data is None:
        return None
    text = "".join(data.itertext())
    kind = data.get(_SS + "Type")
    if kind == "Number":
        return float(text)
    if kind == "Boolean":
        return text == "1"
    if kind == "DateTime":
        moment = datetime.fromisoformat(text)
        return moment.date() if text[11:19] in ("", "00:00:00") else moment
    return text or None


def read_sylk(blob: Blob) -> Iterator[Grid]:
    """The one sheet of a SYLK file; raises :class:`SheetError` for records that are none."""
    with blob.opener() as stream:
        text = stream.read().decode("cp1252", "replace")
    reader = _Sylk()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.record([field.replace("\0", ";") for field in line.replace(";;", "\0").split(";")])
        except ValueError as problem:
            raise SheetError(
                f"the SYLK record cannot be read: {problem}", where=f"{blob.where}, line {number}"
            ) from None
    grid = Grid("Sheet1", blob.member, reader.rows, "sylk")
    grid.number_formats = reader.telling
    yield grid


class _Sylk:
    """The cells of a SYLK file, record by record: ``C`` sets a value, ``F`` a format, ``P`` defines one."""

    def __init__(self) -> None:
        self.rows: list[list[Cell]] = []
        self.telling: dict[tuple[int, int], str] = {}
        self._formats: list[str] = []
        self._here: dict[tuple[int, int], str] = {}
        self._x = self._y = 1
        self._epoch = date(1899, 12, 30)

    def record(self, fields: list[str]) -> None:
        """Take one record, its fields split at semicolons."""
        kind, rest = fields[0], [f for f in fields[1:] if f]
        if kind == "P" and rest and rest[0][0] == "P":
            self._formats.append(rest[0][1:])
        elif kind == "O" and "V4" in rest:
            self._epoch = date(1904, 1, 1)
        elif kind in ("C", "F"):
            for field in rest:
                if field[0] == "X":
                    self._x = int(field[1:])
                elif field[0] == "Y":
                    self._y = int(field[1:])
            if not (1 <= self._y <= MOST_ROWS and 1 <= self._x <= MOST_COLUMNS):
                raise ValueError(f"there is no row {self._y}, column {self._x}")
            for field in rest:
                if kind == "F" and re.fullmatch(r"P\d+", field) and int(field[1:]) < len(self._formats):
                    self._here[self._y, self._x] = self._formats[int(field[1:])]
                elif kind == "C" and field[0] == "K":
                    self._put(field[1:])

    def _put(self, text: str) -> None:
        code = self._here.get((self._y, self._x), "")
        value = self._value(text, code)
        self.rows.extend([] for _ in range(self._y - len(self.rows)))
        row = self.rows[self._y - 1]
        row.extend([None] * (self._x - len(row)))
        row[self._x - 1] = value
        if tells(code):
            self.telling[self._y - 1, self._x - 1] = code

    def _value(self, text: str, code: str) -> Cell:
        if text.startswith('"'):
            return text.strip('"') or None
        if text in ("TRUE", "FALSE"):
            return text == "TRUE"
        if text.startswith("#"):
            return text
        number = float(text)
        if re.search(r"[dy]", re.sub(r'"[^"]*"|\[[^\]]*\]', "", code), re.I):
            moment = datetime(self._epoch.year, self._epoch.month, self._epoch.day) + timedelta(days=number)
            return moment.date() if number.is_integer() else moment
        return number
