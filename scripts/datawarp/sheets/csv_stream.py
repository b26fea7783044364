"""Text files too large for memory: a look at both ends, then the body in typed batches.

The body goes through pyarrow's reader where every record is one line with the table's number of fields.
Where a quoted cell holds a line break, a line is blank or short, or the encoding is wide, records are read
one by one instead: slower, with the same result and in the same bounded memory.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

from datawarp.sheets.blob import Blob, read_up_to
from datawarp.sheets.csv_dialect import SAMPLE, Dialect, dialect_of
from datawarp.sheets.csv_reader import dialect_notes, reader_words
from datawarp.sheets.csv_records import Shape, Uneven, records
from datawarp.sheets.encodings import encoding_of
from datawarp.sheets.finding import TableFinding
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.text_batches import Tallies, typed_batch
from datawarp.sheets.view import HEAD, TAIL

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_ROWS, TAIL_ROWS = 2000, 400
TAIL_BYTES = 1 << 20
BLOCK = 1 << 20
SURVEY_BLOCK = 2 << 20
ARROW_BLOCK = 1 << 20
CHUNK_ROWS = 32_768
_BLANK_LINE = re.compile(rb"\n\r?(?=\n)")


@dataclass
class Survey:
    """What one pass over the bytes of a text file says; ``odd`` is its first part that is not all UTF-8."""

    size: int = 0
    lines: int = 0
    headers: int = 0
    utf8: bool = True
    odd: bytes = b""
    broken_lines: bool = False
    blank_lines: list[int] = field(default_factory=list)
    ends_in_newline: bool = True
    tail: bytes = b""


@dataclass
class CsvStream:
    """A large text file, to be read again from its first byte for every pass; ``gaps``: with blank lines within."""

    blob: Blob
    dialect: Dialect
    shape: Shape
    plain: bool
    n_rows: int
    size: int = 0
    fields: int = 0
    head_ends: list[int] = field(default_factory=list)
    tail_lengths: list[int] = field(default_factory=list)
    gaps: bool = False

    def batches(self, table: TableFinding, tallies: Tallies) -> Iterator[pa.RecordBatch]:
        """The body of ``table`` typed as its columns say, with a marker column for every typed column.

        ``tallies`` collects what could not be typed. When it says ``begin_again``, the lines were not the records
        they seemed: what came so far is void, and the next call reads record by record. Raises
        :class:`SheetError` when the file is damaged.
        """
        first, last = table.data_rows
        if self.plain and first - 1 <= len(self.head_ends):
            try:
                yield from self._by_arrow(table, tallies, first, last)
                return
            except _Irregular:
                self.plain = False
                tallies.begin_again = True
                return
        yield from self._by_record(table, tallies, first, last)

    def _by_arrow(self, table: TableFinding, tallies: Tallies, first: int, last: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        names = [str(i) for i in range(max(self.fields, table.last_column + 1))]
        wanted = [str(c.index) for c in table.columns]
        with self.blob.opener() as stream:
            begins = self.head_ends[first - 2] if first > 1 else 0
            row = first
            try:
                reader = arrow_csv.open_csv(
                    pa.PythonFile(_Window(stream, begins, self._end_of(last)), "r"),
                    read_options=arrow_csv.ReadOptions(
                        column_names=names,
                        block_size=ARROW_BLOCK,
                        encoding="utf8" if self.dialect.encoding.startswith("utf-8") else self.dialect.encoding,
                    ),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=self.dialect.delimiter,
                        quote_char='"' if self.dialect.quoting else False,
                        ignore_empty_lines=False,
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        include_columns=wanted,
                        column_types={name: pa.string() for name in wanted},
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=True,
                        null_values=[""],
                    ),
                )
                for batch in reader:
                    if row > last:
                        break
                    if row + batch.num_rows - 1 > last:
                        batch = batch.slice(0, last - row + 1)
                    yield typed_batch(table, batch.columns, row, tallies)
                    row += batch.num_rows
            except (pa.ArrowInvalid, UnicodeDecodeError) as problem:
                raise _Irregular(str(problem)) from None
            if row <= last:
                raise _Irregular(f"{last - row + 1} records fewer than lines")

    def _end_of(self, last: int) -> int:
        """The byte at which record ``last`` ends, or the file's end when that is not in the tail looked at."""
        below = self.n_rows - last
        return self.size - sum(self.tail_lengths[-below:]) if 0 < below <= len(self.tail_lengths) else self.size

    def _by_record(self, table: TableFinding, tallies: Tallies, first: int, last: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        chunk: list[list[Cell]] = []
        begins = first
        uneven = Uneven()
        for number, row in enumerate(self.records(uneven), 1):
            if number < first:
                continue
            if number > last:
                break
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                yield self._typed_chunk(pa, table, chunk, begins, tallies)
                begins, chunk = number + 1, []
        if chunk:
            yield self._typed_chunk(pa, table, chunk, begins, tallies)
        table.evidence += [words for words in uneven.notes(self.shape) if words not in table.evidence]

    def _typed_chunk(
        self, arrow: type[pa], table: TableFinding, chunk: list[list[Cell]], begins: int, tallies: Tallies
    ) -> pa.RecordBatch:
        columns = []
        for column in table.columns:
            i = column.index
            columns.append(arrow.array([row[i] if i < len(row) else None for row in chunk], arrow.string()))
        return typed_batch(table, columns, begins, tallies)

    def records(self, uneven: Uneven | None = None) -> Iterator[list[Cell]]:
        """All records, one by one; what is uneven about them is written down."""
        with self.blob.opener() as stream:
            text = io.TextIOWrapper(
                io.BufferedReader(_Window(stream), BLOCK), self.dialect.encoding, self.dialect.errors, newline=""
            )
            yield from records(self.blob, text, self.dialect, self.shape, uneven)


class _Irregular(Exception):
    """Lines and records of the file are not the same after all."""


class _Window(io.RawIOBase):
    """The bytes of a stream from one place to another."""

    def __init__(self, inner: IO[bytes], begins: int = 0, ends: int | None = None) -> None:
        self._inner = inner
        self._left = None if ends is None else ends - begins
        while begins > 0 and (block := inner.read(min(begins, BLOCK))):
            begins -= len(block)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._left is not None:
            size = self._left if size < 0 else min(size, self._left)
        block = self._inner.read(size)
        if self._left is not None:
            self._left -= len(block)
        return block

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)


def open_stream(blob: Blob) -> Grid:
    """A grid with the first and last records of a large text file and the stream of its body."""
    with blob.opener() as stream:
        start = read_up_to(stream, SAMPLE)
    dialect, shape = _first_look(start, None)
    header = start.split(b"\n", shape.header_row)[shape.header_row - 1] if shape.header else b""
    survey = _survey(blob, header)
    dialect, shape = _first_look(start, _encoding(start, survey))
    plain = (
        not survey.broken_lines
        and survey.headers <= 1
        and dialect.usual
        and shape.plain
        and not any(SAMPLE <= at <= survey.size - TAIL_BYTES for at in survey.blank_lines)
        and dialect.encoding in ("utf-8", "utf-8-sig", "cp1252", "latin-1", "mac_roman", "cp850")
        and not dialect.odd
        and b"\n" in start
    )
    if plain:
        n_rows = survey.lines + (not survey.ends_in_newline)
        head, ends = _head(blob, start, dialect)
        tail, lengths = _tail(blob, survey, dialect)
        stream_of = CsvStream(blob, dialect, shape, True, n_rows, survey.size, shape.width, ends, lengths)
    else:
        stream_of = CsvStream(blob, dialect, shape, False, 0, survey.size)
        head, last, n_rows = [], deque[list[Cell]](maxlen=TAIL_ROWS), 0
        for row in stream_of.records():
            n_rows += 1
            if n_rows <= HEAD_ROWS:
                head.append(row)
            last.append(row)
        tail, stream_of.n_rows = list(last), n_rows
    stream_of.gaps = _has_gaps(start, survey)
    reader = f"csv ({reader_words(dialect)}, streamed)"
    return Grid(
        None,
        blob.member,
        head,
        reader,
        "csv",
        n_rows=n_rows,
        complete=False,
        tail=tail[-n_rows:],
        stream=stream_of,
        decimal=dialect.decimal,
        notes=dialect_notes(dialect),
    )


def _has_gaps(start: bytes, survey: Survey) -> bool:
    """Whether blank lines lie between the first and the last lines that detection looks at."""
    first = sum(len(line) + 1 for line in start.split(b"\n")[:HEAD])
    last = survey.size - sum(len(line) + 1 for line in survey.tail.split(b"\n")[-TAIL:])
    return any(first <= at < last for at in survey.blank_lines)


def _first_look(start: bytes, encoding: tuple[str, int] | None) -> tuple[Dialect, Shape]:
    """What the first bytes of a file say of it; ``encoding`` when the whole was looked at."""
    dialect = dialect_of(start, False, encoding)
    end = start.rfind(b"\n") + 1 or len(start)
    return dialect, Shape.of(start[:end].decode(dialect.encoding, dialect.errors), dialect)


def _encoding(start: bytes, survey: Survey) -> tuple[str, int]:
    found = encoding_of(start, False)
    if survey.utf8 or found[0].startswith("utf-16"):
        return found
    mark = codecs.BOM_UTF8 if start.startswith(codecs.BOM_UTF8) else b""
    return encoding_of(mark + survey.odd, False)


def _survey(blob: Blob, header: bytes) -> Survey:
    """One pass: how many lines there are, whether each is a record, and whether all bytes are UTF-8.

    ``header`` is a line that may come again (empty: there is none).
    """
    survey = Survey()
    before = b""  # the end of the last block, in which the header may begin
    decoder = codecs.getincrementaldecoder("utf-8")()
    others = bytes(b for b in range(256) if b not in b'"\n')
    ends, inside, kept = b"\n", False, [b"", b""]
    with blob.opener() as stream:
        while block := read_up_to(stream, SURVEY_BLOCK):
            survey.lines += block.count(b"\n")
            if header:
                survey.headers += block.count(header) + (before + block[: len(header) - 1]).count(header)
                before = block[1 - len(header) :] if len(header) > 1 else b""
            if survey.utf8 and not (block.isascii() and not decoder.getstate()[0]):
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    survey.utf8, survey.odd = False, block
            if not survey.broken_lines and (inside or b'"' in block):
                marks = block.translate(None, others).replace(b'""', b"")
                if inside or b'"' in marks:
                    for part in marks.split(b'"')[:-1]:
                        survey.broken_lines |= inside and b"\n" in part
                        inside = not inside
                    survey.broken_lines |= inside and marks.endswith(b"\n")
            edge = ends + block[:2]
            for text, begins in ((edge, survey.size - len(ends)), (block, survey.size)):
                if len(survey.blank_lines) < 2 * TAIL_ROWS and (b"\n\n" in text or b"\n\r\n" in text):
                    survey.blank_lines.extend(begins + m.start() for m in _BLANK_LINE.finditer(text))
            ends = (ends + block[-2:])[-2:]
            survey.size += len(block)
            kept = [kept[1], block]
    survey.ends_in_newline = ends.endswith(b"\n")
    survey.tail = b"".join(kept)[-TAIL_BYTES:]
    return survey


def _head(blob: Blob, start: bytes, dialect: Dialect) -> tuple[list[list[Cell]], list[int]]:
    """The first records and the byte at which each ends."""
    lines = start.split(b"\n")[: HEAD_ROWS + 1]
    lines = lines[:-1] if len(lines) <= HEAD_ROWS else lines[:HEAD_ROWS]
    ends, at = [], 0
    for line in lines:
        at += len(line) + 1
        ends.append(at)
    text = b"\n".join(lines).decode(dialect.encoding, "replace")
    return list(records(blob, io.StringIO(text, newline=""), dialect)), ends


def _tail(blob: Blob, survey: Survey, dialect: Dialect) -> tuple[list[list[Cell]], list[int]]:
    """The last records and how many bytes each takes."""
    lines = [line + b"\n" for line in survey.tail.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    lines = lines[1:][-TAIL_ROWS:]
    encoding = "utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
    text = b"".join(lines).decode(encoding, "replace")
    return list(records(blob, io.StringIO(text, newline=""), dialect)), [len(line) for line in lines]
