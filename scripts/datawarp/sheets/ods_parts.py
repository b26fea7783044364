"""What the fast reader leaves out of an .ods: merged ranges, hidden rows and columns, error cells, percent.

One pass over the tags of ``content.xml`` (OpenDocument 1.3 part 3, 9.1), whose prefixes are those of all programs that
write it; cells are looked at in rows alone that have something to tell, and repeated blank ones cost nothing.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator
from typing import IO

from datawarp.sheets.blob import read_up_to
from datawarp.sheets.grid import Merge
from datawarp.sheets.parts import Parts, SheetParts

BLOCK = 4 << 20
MOST_REPEATED = 1000
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384

_TAG = re.compile(rb"<(/?)table:(table|table-row|table-column)(?=[\s/>])([^>]*)>")
_CELL = re.compile(rb'<table:(?:covered-)?table-cell(?=[\s/>])((?:[^>"]++|"[^"]*")*+)>')
_NUMBER = re.compile(rb'\btable:number-(rows|columns)-(repeated|spanned)="(\d+)"')
_HIDDEN = re.compile(rb'\btable:visibility="(?:collapse|filter)"')
_KIND = re.compile(rb'\b(office|calcext):value-type="(percentage|currency|error)"')
_CURRENCY = re.compile(rb'\boffice:currency="([^"]*)"')
_PARAGRAPH = re.compile(rb"<text:p(?=[\s/>])[^>]*>(.*?)</text:p>", re.S)
_CURRENCIES = {b"GBP": "£#,##0.00", b"EUR": "€#,##0.00", b"USD": "$#,##0.00"}
_NAMES = (b"<table:table-cell", b"<table:covered-table-cell")
# What the row of a cell holds that has something to tell.
_TELLING = (b'-spanned="', b'value-type="percentage"', b'value-type="currency"', b'value-type="error"')


class OdsParts(Parts):
    """The sheets of one .ods package, scanned together."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._sheets: list[SheetParts] = []
        walker = _Walker()
        with package.open("content.xml") as stream:
            for block in _blocks(stream):
                tags = list(_TAG.finditer(block))
                for n, tag in enumerate(tags):
                    if tag[2] == b"table-row":
                        if not tag[1]:
                            walker.row(
                                tag[3], block, tag.end(), tags[n + 1].start() if n + 1 < len(tags) else len(block)
                            )
                    elif tag[2] == b"table-column":
                        walker.column(tag[3])
                    elif tag[1]:
                        self._sheets.append(walker.end())
                    else:
                        walker.begin()

        if not self._sheets:
            raise ValueError("expected tables in content.xml, found none")

    def scan(self, index: int) -> SheetParts:
        """What was found on sheet ``index``."""
        return self._sheets[index] if index < len(self._sheets) else SheetParts()


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The XML in blocks that end where a row begins, or a group of rows."""
    rest = b""
    while block := read_up_to(stream, BLOCK):
        block = rest + block
        cut = max(block.rfind(b"<table:table-row"), 0)
        rest = block[cut:]
        yield block[:cut]
    yield rest


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

    def column(self, attributes: bytes) -> None:
        repeated = _numbers(attributes).get((b"columns", b"repeated"), 1)
        if _HIDDEN.search(attributes):
            self._parts.hidden_columns.update(range(self._at_column, min(self._at_column + repeated, MOST_COLUMNS)))
        self._at_column += repeated

    def row(self, attributes: bytes, xml: bytes, start: int, stop: int) -> None:
        """A row with these attributes, whose cells stand between two places of the XML."""
        r, repeated = self._at_row, _numbers(attributes).get((b"rows", b"repeated"), 1)
        self._at_row += repeated
        if _HIDDEN.search(attributes):
            self._parts.hidden_rows.update(range(r, min(r + repeated, MOST_ROWS)))
        if not any(xml.find(sign, start, stop) >= 0 for sign in _TELLING):
            return
        for cell, at in _telling_cells(xml, start, stop):
            numbers = _numbers(cell[1])
            merge = (numbers.get((b"rows", b"spanned"), 1), numbers.get((b"columns", b"spanned"), 1))
            if merge != (1, 1):
                self._parts.merges.append(Merge(r, at, r + merge[0] - 1, at + merge[1] - 1))
            if kinds := _KIND.findall(cell[1]):
                wide = min(numbers.get((b"columns", b"repeated"), 1), MOST_REPEATED)
                found = [(r + i, at + k) for i in range(min(repeated, MOST_REPEATED)) for k in range(wide)]
                if (b"calcext", b"error") in kinds:
                    text = _text(xml, cell.end(), stop) or "#N/A"
                    self._parts.errors.extend((*place, text) for place in found)
                elif code := _format(kinds, cell[1]):
                    self._formats.update(dict.fromkeys(found, code))


def _telling_cells(xml: bytes, start: int, stop: int) -> Iterator[tuple[re.Match[bytes], int]]:
    """The cells of a row with something to tell, and their columns; any cells where some are repeated."""
    if xml.find(b'-columns-repeated="', start, stop) >= 0:
        at = 0
        for cell in _CELL.finditer(xml, start, stop):
            yield cell, at
            at += _numbers(cell[1]).get((b"columns", b"repeated"), 1)
        return
    begun: set[int] = set()
    for sign in _TELLING:
        place = xml.find(sign, start, stop)
        while place >= 0:
            begun.add(max(xml.rfind(name, start, place) for name in _NAMES))
            place = xml.find(sign, place + 1, stop)
    for first in sorted(begun):
        if found := _CELL.match(xml, first):
            yield found, sum(xml.count(name, start, first) for name in _NAMES)


def _numbers(attributes: bytes) -> dict[tuple[bytes, bytes], int]:
    """How often rows and columns are repeated, and how many a cell spans."""
    found = _NUMBER.findall(attributes) if b"table:number-" in attributes else ()
    return {(of, what): int(number) for of, what, number in found}


def _format(kinds: list[tuple[bytes, bytes]], attributes: bytes) -> str:
    """The number format that says what a value is, empty for a currency without a sign."""
    if (b"office", b"percentage") in kinds:
        return "0%"
    currency = _CURRENCY.search(attributes)
    return _CURRENCIES.get(currency[1], "") if currency and (b"office", b"currency") in kinds else ""


def _text(xml: bytes, start: int, stop: int) -> str:
    """The first paragraph of the cell whose tag ends at ``start``."""
    following = _CELL.search(xml, start, stop)
    paragraph = _PARAGRAPH.search(xml, start, following.start() if following else stop)
    return html.unescape(re.sub(rb"<[^>]*>", b"", paragraph[1]).decode("utf-8", "replace")) if paragraph else ""
