"""What went by: rows per table, values per column, and a checksum of the content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from datawarp.warehouse.load.plan import Table
from datawarp.warehouse.types import LARGEST_EXACT, column_type

if TYPE_CHECKING:
    import pyarrow as pa


class Digests:
    """What went by of one column. Each of the three grows by itself, so that it is the same in whatever batches."""

    def __init__(self) -> None:
        self.nulls, self.lengths, self.values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def told(self) -> tuple[str, str, str]:
        """All three as hex digits."""
        return self.nulls.hexdigest(), self.lengths.hexdigest(), self.values.hexdigest()


class Tally:
    """Counts and hashes the batches of a source, table after table.

    The checksum depends on tables, column names, types, values and order of rows; not on how rows are cut
    into batches, nor on the order of columns.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.values: dict[str, int] = {}
        self.beyond_exact: set[str] = set()
        self._columns: dict[tuple[str, str, str], Digests] = {}
        self._table = ""

    def begin(self, table_id: str) -> None:
        """The next batches are of the table with this file id."""
        self._table = table_id
        self.rows[table_id] = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in one batch."""
        before = self.rows[self._table]
        self.rows[self._table] = before + batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = len(column) - column.null_count
            self.values[name] = self.values.get(name, 0) + values
            key = (self._table, name, str(column.type))
            digests = self._columns.get(key)
            if digests is None:
                digests = self._columns[key] = Digests()
            if column_type(column.type) == "integer" and values:
                self._note_large(name, column)
            _hash_column(digests, column, before)

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

    def checksum(self) -> str:
        """SHA-256 over everything taken in, as hex digits."""
        parts = sorted((*key, *digests.told()) for key, digests in self._columns.items())
        return hashlib.sha256(json.dumps([sorted(self.rows.items()), parts]).encode()).hexdigest()

    def _note_large(self, name: str, column: pa.Array) -> None:
        import pyarrow.compute as pc

        extremes = pc.min_max(column)
        if max(abs(extremes["min"].as_py()), abs(extremes["max"].as_py())) > LARGEST_EXACT:
            self.beyond_exact.add(name)


def tallied(tables: Iterable[Table]) -> Tally:
    """A pass over the rows of a source's tables without loading them."""
    tally = Tally()
    for table in tables:
        tally.begin(table.entry.id)
        for batch in table.batches():
            tally.update(batch)
    return tally


def _hash_column(digests: Digests, column: pa.Array, first_row: int) -> None:
    """Where the nulls are, and the values with nulls as zeros: the same whatever lies in unused bytes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_null(kind):
        return
    if column.null_count:
        nulls = np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False)) + first_row
        digests.nulls.update(nulls.astype("<i8").tobytes())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        filled = pc.fill_null(column, "") if column.null_count else column
        digests.lengths.update(pc.binary_length(filled).to_numpy(zero_copy_only=False).astype("<i4", copy=False).data)
        wide = "<i8" if pa.types.is_large_string(kind) else "<i4"
        offsets = np.frombuffer(filled.buffers()[1], wide)[filled.offset : filled.offset + len(filled) + 1]
        if len(filled) and offsets[-1] > offsets[0]:
            digests.values.update(memoryview(filled.buffers()[2])[offsets[0] : offsets[-1]])
        return
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_date32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    filled = pc.fill_null(column, 0) if column.null_count else column
    digests.values.update(np.ascontiguousarray(filled.to_numpy(zero_copy_only=False)).data)
