"""CSV and TSV files in memory: every record a row, every cell the text that is printed."""

from __future__ import annotations

import io

from datawarp.sheets.blob import Blob
from datawarp.sheets.csv_dialect import SAMPLE, Dialect, dialect_of
from datawarp.sheets.csv_records import Shape, Uneven, records
from datawarp.sheets.encodings import encoding_of
from datawarp.sheets.grid import Grid

EVEN_WIDTH = 3  # fields of records that are even by no accident


def read_csv(blob: Blob, data: bytes) -> Grid:
    """The records of a text file whose bytes are ``data``; row numbers count records as a spreadsheet does."""
    dialect = dialect_of(data[:SAMPLE], len(data) <= SAMPLE, encoding_of(data))
    text = dialect.decode(data)
    shape, uneven = Shape.of(text[:SAMPLE], dialect), Uneven()
    rows = list(records(blob, io.StringIO(text, newline=""), dialect, shape, uneven))
    notes = [*dialect_notes(dialect), *uneven.notes(shape)]
    if "\ufffd" in text and dialect.encoding.startswith("utf-16"):
        notes.append(f"some bytes are not {dialect.encoding}: printed as \ufffd")
    reader = f"csv ({reader_words(dialect)})"
    even = shape.width >= EVEN_WIDTH and uneven.even > 1 and not uneven.other
    return Grid(None, blob.member, rows, reader, "csv", notes=notes, decimal=dialect.decimal, even=even)


def dialect_notes(dialect: Dialect) -> list[str]:
    """What had to be worked around in a file of this dialect, in words."""
    notes = [] if dialect.quoting else ["quotes do not pair up: they are read as part of the text"]
    if not dialect.usual:
        how = (
            "stand after blanks"
            if dialect.blanks
            else "within cells follow a backslash"
            if dialect.escapes
            else "are single"
        )
        notes.append(f"quotation marks {how}")
    if dialect.odd:
        notes.append(f"at least {dialect.odd} bytes are not UTF-8: read as Windows-1252")
    return notes


def reader_words(dialect: Dialect) -> str:
    """A dialect as the manifest names it."""
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    return f"{dialect.encoding.removesuffix('-sig')}, {names.get(dialect.delimiter, dialect.delimiter)}"
