"""CSV and TSV files in memory: every record a row, every cell the text that is printed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.csv_dialect import SAMPLE, Dialect, dialect_of
from datawarp.sheets.encodings import encoding_of
from datawarp.sheets.grid import Cell, Grid

LONGEST_FIELD = 1 << 24


def read_csv(blob: Blob, data: bytes) -> Grid:
    """The records of a text file whose bytes are ``data``; row numbers count records as a spreadsheet does."""
    dialect = dialect_of(data[:SAMPLE], len(data) <= SAMPLE, encoding_of(data))
    text = dialect.decode(data)
    rows = list(records(blob, io.StringIO(text, newline=""), dialect))
    notes = dialect_notes(dialect)
    if "\ufffd" in text and dialect.encoding.startswith("utf-16"):
        notes.append(f"some bytes are not {dialect.encoding}: printed as \ufffd")
    reader = f"csv ({reader_words(dialect)})"
    return Grid(None, blob.member, rows, reader, "csv", notes=notes, decimal=dialect.decimal)


def dialect_notes(dialect: Dialect) -> list[str]:
    """What had to be worked around in a file of this dialect, in words."""
    notes = [] if dialect.quoting else ["quotes do not pair up: they are read as part of the text"]
    if dialect.odd:
        notes.append(f"at least {dialect.odd} bytes are not UTF-8: read as Windows-1252")
    return notes


def reader_words(dialect: Dialect) -> str:
    """A dialect as the manifest names it."""
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    return f"{dialect.encoding.removesuffix('-sig')}, {names.get(dialect.delimiter, dialect.delimiter)}"


def records(blob: Blob, lines: Iterable[str], dialect: Dialect) -> Iterator[list[Cell]]:
    """The records in ``lines`` (line ends kept): blank cells as None, none of them at a row's end."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    if dialect.quoting:
        reader = csv.reader(lines, delimiter=dialect.delimiter)
    else:
        reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    try:
        for record in reader:
            row: list[Cell] = [cell or None for cell in record] if "" in record else list(record)
            while row and row[-1] is None:
                row.pop()
            yield row
    except csv.Error as problem:
        raise SheetError(
            f"the record cannot be read: {problem}",
            where=f"{blob.where}, line {reader.line_num}",
            hint="look for a quotation mark that is never closed",
        ) from None
