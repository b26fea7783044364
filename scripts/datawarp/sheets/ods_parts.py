"""What the fast reader leaves out of an .ods: merged ranges, hidden rows and columns, error cells, percent.

One pass over ``content.xml`` (OpenDocument 1.3 part 3, 9.1); repeated blank cells and rows cost nothing.
"""

from __future__ import annotations

import zipfile
from typing import Any

from datawarp.sheets.grid import Merge
from datawarp.sheets.parts import Parts, SheetParts

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_WIDE, _TALL = _TABLE + "number-columns-repeated", _TABLE + "number-rows-repeated"
_ROWS_SPANNED, _COLUMNS_SPANNED = _TABLE + "number-rows-spanned", _TABLE + "number-columns-spanned"
_VISIBILITY, _VALUE_TYPE, _CALC_TYPE = _TABLE + "visibility", _OFFICE + "value-type", _CALC + "value-type"
_CURRENCIES = {"GBP": "£#,##0.00", "EUR": "€#,##0.00", "USD": "$#,##0.00"}
MOST_REPEATED = 1000
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384


class OdsParts(Parts):
    """The sheets of one .ods package, scanned together."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        from lxml import etree

        self._sheets: list[SheetParts] = []
        tags = [_TABLE + name for name in ("table", "table-row", "table-column")]
        with package.open("content.xml") as stream:
            walker = _Walker()
            for event, element in etree.iterparse(stream, ("start", "end"), tag=tags, huge_tree=True):
                if event == "start":
                    if element.tag == _TABLE + "table":
                        walker.begin()
                elif element.tag == _TABLE + "table-row":
                    walker.row(element)
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
                elif element.tag == _TABLE + "table-column":
                    walker.column(element)
                else:
                    self._sheets.append(walker.end())

    def scan(self, index: int) -> SheetParts:
        """What was found on sheet ``index``."""
        return self._sheets[index] if index < len(self._sheets) else SheetParts()


class _Walker:
    """Counts rows and columns through one table after another."""

    def __init__(self) -> None:
        self._open: list[tuple[SheetParts, dict[tuple[int, int], str], int, int]] = []
        self._formats: dict[tuple[int, int], str] = {}
        self._parts, self._at_row, self._at_column = SheetParts(), 0, 0

    def begin(self) -> None:
        self._open.append((self._parts, self._formats, self._at_row, self._at_column))
        self._formats = {}
        self._parts, self._at_row, self._at_column = SheetParts(number_formats=self._formats), 0, 0

    def end(self) -> SheetParts:
        done = self._parts
        self._parts, self._formats, self._at_row, self._at_column = self._open.pop()
        return done

    def column(self, element: Any) -> None:
        repeated = int(element.get(_WIDE, 1))
        if element.get(_VISIBILITY) in ("collapse", "filter"):
            self._parts.hidden_columns.update(range(self._at_column, min(self._at_column + repeated, MOST_COLUMNS)))
        self._at_column += repeated

    def row(self, element: Any) -> None:
        r, repeated = self._at_row, int(element.get(_TALL, 1))
        if element.get(_VISIBILITY) in ("collapse", "filter"):
            self._parts.hidden_rows.update(range(r, min(r + repeated, MOST_ROWS)))
        at = 0
        for cell in element:
            if not isinstance(cell.tag, str) or not cell.tag.endswith("table-cell"):
                continue
            attributes = cell.attrib
            if attributes:
                wide = int(attributes.get(_WIDE, 1))
                self._cell(cell, r, at, min(repeated, MOST_REPEATED), min(wide, MOST_REPEATED))
                at += wide
            else:
                at += 1
        self._at_row += repeated

    def _cell(self, cell: Any, r: int, c: int, tall: int, wide: int) -> None:
        rows, columns = int(cell.get(_ROWS_SPANNED, 1)), int(cell.get(_COLUMNS_SPANNED, 1))
        if rows > 1 or columns > 1:
            self._parts.merges.append(Merge(r, c, r + rows - 1, c + columns - 1))
        kind = cell.get(_VALUE_TYPE)
        if cell.get(_CALC_TYPE) == "error":
            text = "".join(cell.find(_TEXT + "p").itertext()) if cell.find(_TEXT + "p") is not None else ""
            self._parts.errors.extend((r + i, c + k, text or "#N/A") for i in range(tall) for k in range(wide))
        elif kind == "percentage" or kind == "currency":
            code = "0%" if kind == "percentage" else _CURRENCIES.get(cell.get(_OFFICE + "currency", ""), "")
            if code:
                for i in range(tall):
                    for k in range(wide):
                        self._formats[r + i, c + k] = code
