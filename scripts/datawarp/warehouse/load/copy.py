"""Rows into PostgreSQL: record batches encoded in its binary format and sent by COPY, a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

from datawarp.arrow_types import arrow_type
from datawarp.manifest.models import ColumnType
from datawarp.warehouse.driver import psycopg2, sql
from datawarp.warehouse.load.plan import MARKER, Table
from datawarp.warehouse.load.tally import Tally
from datawarp.warehouse.types import column_type, converted

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

# Small enough that the server works on one slice while the next is encoded.
SLICE_ROWS = 8192
_READ_BYTES = 1 << 18


class Rows:
    """Turns a table's batches into rows of its staging table: converted, complete, lineage beside them."""

    def __init__(
        self, table: Table, stored: Mapping[str, ColumnType], kept: frozenset[str], constants: Mapping[str, Any]
    ) -> None:
        import pyarrow as pa

        self._table = table
        self._kept = kept
        own = set(table.schema.names)
        self._stored = {n: k for n, k in stored.items() if n in own or n.removesuffix(MARKER) in kept}
        self._constants = constants
        self._constant_arrays: dict[int, list[pa.Array]] = {}
        self.schema = pa.schema(
            [pa.field(n, arrow_type(k)) for n, k in self._stored.items()]
            + [pa.field("_source_row", pa.int32(), nullable=False)]
            + [pa.field(n, _constant_type(v), nullable=False) for n, v in constants.items()]
        )

    def batches(self, tally: Tally | None) -> Iterator[pa.RecordBatch]:
        """The rows in slices; ``tally`` takes in what was delivered."""
        for batch in self._table.batches():
            if tally is not None:
                tally.update(batch)
            for begin in range(0, batch.num_rows, SLICE_ROWS):
                yield self._rows(batch.slice(begin, SLICE_ROWS))

    def _rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns: dict[str, pa.Array] = {}
        misfits: dict[str, pa.Array] = {}
        for name, kind in self._stored.items():
            index = batch.schema.get_field_index(name)
            if index < 0:
                continue
            values = batch.column(index)
            old = column_type(values.type)
            if old is None or old == kind:
                columns[name] = values.cast(arrow_type(kind)) if values.type != arrow_type(kind) else values
                continue
            columns[name], misfit = converted(values, old, kind)
            if misfit is not None:
                misfits[name] = misfit
        for name in self._kept:
            marker = f"{name}{MARKER}"
            printed = columns.get(marker, pa.nulls(batch.num_rows, pa.string()))
            columns[marker] = pc.coalesce(printed, misfits[name]) if name in misfits else printed
        arrays = [columns[name] for name in self._stored]
        source_row = batch.column("_source_row").cast(pa.int32())
        return pa.RecordBatch.from_arrays(
            [*arrays, source_row, *self._constants_of(batch.num_rows)], schema=self.schema
        )

    def _constants_of(self, rows: int) -> list[pa.Array]:
        import pyarrow as pa

        if rows not in self._constant_arrays:
            self._constant_arrays[rows] = [
                pa.repeat(pa.scalar(value, _constant_type(value)), rows) for value in self._constants.values()
            ]
        return self._constant_arrays[rows]


def _constant_type(value: Any) -> pa.DataType:
    import pyarrow as pa

    if isinstance(value, date):
        return pa.date32()
    return pa.int32() if isinstance(value, int) else pa.string()


def copy_rows(cursor: Cursor, table_name: str, rows: Rows, tally: Tally | None, *, frozen: bool) -> int:
    """COPY ``rows`` into ``staging.<table_name>`` and return how many the database took; see :func:`copy_batches`."""
    return copy_batches(cursor, table_name, rows.schema, rows.batches(tally), frozen=frozen)


def copy_batches(
    cursor: Cursor, table_name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, frozen: bool = False
) -> int:
    """COPY ``batches``, all of ``schema``, into ``staging.<table_name>`` and return how many rows the database took.

    Columns go by name, and the types must be those that :func:`~datawarp.arrow_types.arrow_type` gives for the
    table's. ``frozen`` is for a table that this transaction made: its rows need no vacuum afterwards. An error
    that ``batches`` raises is raised here.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary{})").format(
        sql.Identifier("staging", table_name),
        sql.SQL(", ").join(map(sql.Identifier, schema.names)),
        sql.SQL(", FREEZE" if frozen else ""),
    )
    chunks = _encoded(schema, batches)
    first = _first_of(chunks)
    if len(first) < _READ_BYTES:
        cursor.copy_expert(statement, io.BytesIO(first), _READ_BYTES)
        return int(cursor.rowcount)
    with closing(_Stream(chain([first], chunks))) as stream:
        try:
            cursor.copy_expert(statement, stream, _READ_BYTES)
        except psycopg2.errors.QueryCanceled:
            if stream.problem is not None:
                raise stream.problem from None
            raise
    return int(cursor.rowcount)


def _first_of(chunks: Iterator[bytes]) -> bytes:
    """The first chunks together, as many as make a read of the server's; all of them where there are no more."""
    first, size = [], 0
    for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        if size >= _READ_BYTES:
            break
    return b"".join(first)


class _Stream(io.RawIOBase):
    """A file to read from whose bytes are made as they are asked for: memory stays at two slices.

    The next slice is encoded in a thread of its own while the server takes the one before.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._chunk = memoryview(b"")
        self._encoder = ThreadPoolExecutor(1, "encode")
        self._following = self._encoder.submit(next, chunks, None)
        self.problem: BaseException | None = None  # psycopg2 shows only its text

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._chunk:
            try:
                following = self._following.result()
            except BaseException as problem:
                self.problem = problem
                raise
            if following is None:
                return b""
            self._chunk = memoryview(following)
            self._following = self._encoder.submit(next, self._chunks, None)
        end = len(self._chunk) if size < 0 else size
        part, self._chunk = self._chunk[:end], self._chunk[end:]
        return bytes(part)

    def close(self) -> None:
        """End the thread, when it is done with its slice."""
        self._encoder.shutdown()
        super().close()


def _encoded(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    from pgpq import ArrowToPostgresBinaryEncoder

    encoder = ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    for batch in batches:
        yield encoder.write_batch(batch)
    yield encoder.finish()
