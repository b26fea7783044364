"""The rows of a partition as Arrow record batches: as the draft typed them, or out of the database."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datawarp.manifest.tables import cache_path
from datawarp.publish.checksum import Hashes, places, sql_checksum, sql_place
from datawarp.publish.partition import Partition, SourceFile, file_entries
from datawarp.publish.schema import SCHEMA, DatabaseColumn, arrow_schema
from datawarp.publish.stream import BLOCK, record_batches
from datawarp.registry.paths import Paths
from datawarp.warehouse.driver import sql
from datawarp.warehouse.types import FROM_POSTGRES, column_type, converted

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

    from datawarp.manifest.models import FileEntry

WIDE_LABEL = "_wide_label"
SOURCE_ROW = "_source_row"
SOURCE_FILE = "_source_file"
# What tells a row's place in SQL; no header gives a column such a name.
_PLACE = sql.Identifier("place of the row")


class OutOfOrder(Exception):
    """Rows came in another order than their sheets have: the server must sort them."""


class Unlike(Exception):
    """Typed rows are not, or not without more ado, what a load made of them."""


class Rows:
    """The rows of a partition as record batches of the source's Parquet schema."""

    def __init__(
        self,
        connection: Connection,
        partition: Partition,
        columns: Sequence[DatabaseColumn],
        entries: Mapping[int, FileEntry] | None = None,
    ) -> None:
        """``entries`` are those of the partition's files, by number, where the caller has asked for them already."""
        self.schema = arrow_schema(columns)
        self._connection = connection
        self._partition = partition
        self.columns = tuple(columns)
        self._is_long = any(c.name == WIDE_LABEL for c in columns)
        self._streamed = pa.schema([(c.name, c.arrow) for c in columns] + [(SOURCE_ROW, pa.int32())])
        self._ids = pa.array([f.id for f in partition.files], pa.string())
        self._numbers = {f.id: f.number for f in partition.files}
        self._entries = entries

    @property
    def checked(self) -> list[str]:
        """The columns whose contents are compared with the database; rows are told apart by the last."""
        return [*(c.name for c in self.columns), SOURCE_ROW]

    def _entry(self, file: SourceFile) -> FileEntry:
        if self._entries is None:
            self._entries = file_entries(self._connection, [self._partition])
        return self._entries[file.number]

    def typed(self, paths: Paths) -> Generator[pa.RecordBatch] | None:
        """The rows as the draft stage typed them and the load took them, where all of them are still kept.

        While they are iterated, :class:`Unlike` is raised for values that the load cannot have stored as they stand,
        and :class:`OutOfOrder`. Whether the database holds the very same is for its checksums to say.
        """
        kept = [cache_path(paths, self._partition.unit, self._entry(file)) for file in self._partition.files]
        if not kept or not all(path.is_file() for path in kept) or not all(c.is_known for c in self.columns):
            return None

        def batches() -> Generator[pa.RecordBatch]:
            for place, path in enumerate(kept):
                with pa.OSFile(str(path)) as source:  # not mapped: pages of a mapped file count as memory of the job
                    reader = pa.ipc.open_file(source)
                    read = (reader.get_batch(i) for i in range(reader.num_record_batches))
                    yield from self._complete(place, map(self._as_stored, read))

        return batches()

    def _as_stored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Typed rows in the types of the source's table, columns that they lack as nulls."""
        arrays = []
        for column in self.columns:
            index = batch.schema.get_field_index(column.name)
            if index < 0:
                arrays.append(pa.nulls(batch.num_rows, column.arrow))
                continue
            values = batch.column(index)
            if values.type != column.arrow:
                old = column_type(values.type)
                if old is None:
                    raise Unlike(f"{column.name} is {values.type}")
                values, misfits = converted(values, old, FROM_POSTGRES[column.kind])
                if misfits is not None:
                    raise Unlike(f"not every value of {column.name} is {column.kind}")
            arrays.append(values)
        arrays.append(batch.column(SOURCE_ROW).cast(pa.int32()))
        return pa.RecordBatch.from_arrays(arrays, schema=self._streamed)

    def batches(self, *, sort: bool = False, block: int = BLOCK) -> Generator[pa.RecordBatch]:
        """The rows out of the database in the order of file id, sheet row and period column.

        Each file's rows are read as they lie in the table, which is nearly always that order; where it is not,
        :class:`OutOfOrder` is raised unless ``sort`` makes the server sort them. A row that takes more than ``block``
        bytes raises ``ArrowInvalid``.
        """
        for place, file in enumerate(self._partition.files):
            # However this ends, the connection is free again afterwards.
            with closing(record_batches(self._connection, self._query(file, sort), self._streamed, block)) as read:
                yield from self._complete(place, read, sort)

    def _complete(
        self, place: int, batches: Iterator[pa.RecordBatch], is_sorted: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """A file's batches with their lineage, their order looked at."""
        last = -1
        labels = self._labels(self._partition.files[place])
        for batch in batches:
            if not batch.num_rows:
                continue
            keys = self._keys(batch, labels)
            if not is_sorted and not (keys[0] > last and (keys[1:] > keys[:-1]).all()):
                raise OutOfOrder("rows are not in the order of the sheet")
            last = int(keys[-1])
            yield self._with_lineage(batch, place)

    def _labels(self, file: SourceFile) -> dict[str, int]:
        """The printed headers of a file's period columns with their place; none where it is not stored long."""
        if not self._is_long:
            return {}
        entry = self._entry(file)
        if not (entry.layout and entry.layout.wide_periods and entry.layout.wide_periods.unpivoted):
            return {}
        labels = [c.period_label for c in entry.columns if c.period_label is not None]
        return {label: place for place, label in enumerate(labels)}

    def _query(self, file: SourceFile, sort: bool) -> sql.Composable:
        names = [sql.Identifier(c.name) for c in self.columns]
        values = [
            name if c.is_known else sql.SQL("{}::text").format(name)
            for c, name in zip(self.columns, names, strict=True)
        ]
        order: sql.Composable = sql.SQL("")
        if sort:
            keys: list[sql.Composable] = [sql.SQL("_source_row")]
            if self._is_long:
                labels = sql.Literal(list(self._labels(file)))
                keys.append(sql.SQL("array_position({}::text[], {})").format(labels, sql.Identifier(WIDE_LABEL)))
            keys += [
                sql.SQL('{}::text COLLATE "C"').format(name) for name in names
            ]  # two rows that are alike so far stand in the order of their contents
            order = sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(keys))
        return sql.SQL("SELECT {} FROM {} WHERE _period = {} AND _manifest_file_id = {}{}").format(
            sql.SQL(", ").join([*values, sql.Identifier(SOURCE_ROW)]),
            self._table,
            sql.Literal(self._partition.period),
            sql.Literal(file.number),
            order,
        )

    @property
    def _table(self) -> sql.Composable:
        return sql.Identifier(SCHEMA, self._partition.table)

    @property
    def _own(self) -> sql.Composable:
        """Which rows of the table are the partition's: all of its period but what other units have there."""
        period = sql.SQL("_period = {}").format(sql.Literal(self._partition.period))
        if not self._partition.beside:
            return period
        return sql.SQL("{} AND _manifest_file_id <> ALL({})").format(period, sql.Literal(list(self._partition.beside)))

    def _keys(self, batch: pa.RecordBatch, labels: Mapping[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """One number for each row that grows from row to row: sheet row, then period column."""
        keys: np.ndarray[Any, np.dtype[np.int64]] = batch[SOURCE_ROW].to_numpy().astype(np.int64) << 15
        if self._is_long:
            printed = batch[WIDE_LABEL].fill_null("").dictionary_encode()
            known = np.array([labels.get(label, 0) for label in printed.dictionary.to_pylist()], dtype=np.int64)
            keys |= known[printed.indices.to_numpy()]
        return keys

    def _with_lineage(self, batch: pa.RecordBatch, place: int) -> pa.RecordBatch:
        rows = batch.num_rows
        partition = self._partition
        constant = [
            pa.repeat(pa.scalar(value, kind), rows)
            for value, kind in (
                (partition.period, pa.string()),
                (partition.start, pa.date32()),
                (partition.end, pa.date32()),
            )
        ]
        file = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(place, pa.int32()), rows), self._ids)
        arrays = [*batch.columns[:-1], *constant, batch[SOURCE_ROW], file]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def places(self, group: pa.Table) -> Hashes:
        """The hash of each row's place, of rows read back from Parquet; as :meth:`checksums` has it in SQL."""
        rows = group[SOURCE_ROW].combine_chunks()
        labels = group[WIDE_LABEL].cast(pa.string()).combine_chunks() if self._is_long else None
        files = group[SOURCE_FILE].cast(pa.string()).combine_chunks().dictionary_encode()
        found = np.zeros(len(rows), np.int64)
        for index, id_ in enumerate(files.dictionary.to_pylist()):
            own = pc.equal(files.indices, index)
            hashes = places(rows.filter(own), self._numbers[id_], None if labels is None else labels.filter(own))
            found[own.to_numpy(zero_copy_only=False)] = hashes
        return found

    def checksums(self) -> tuple[dict[str, int], list[int]]:
        """Rows by file id and the checksum of each of :attr:`checked`, as the database has them."""
        names = sql.SQL(", ").join(sql.Identifier(c.name) for c in self.columns)
        place = sql_place(SOURCE_ROW, "_manifest_file_id", WIDE_LABEL if self._is_long else None)
        sums = [sql_checksum(c.name, c.kind, _PLACE) for c in self.columns]
        sums.append(sql.SQL("sum({})").format(_PLACE))
        query = sql.SQL(
            "SELECT _manifest_file_id, count(*), {} FROM "
            "(SELECT _manifest_file_id, {}, {} AS {} FROM {} WHERE {} OFFSET 0) AS r GROUP BY 1"
        ).format(sql.SQL(", ").join(sums), names, place, _PLACE, self._table, self._own)
        totals = [0] * len(sums)
        by_file: dict[str, int] = {}
        ids = {number: id_ for id_, number in self._numbers.items()}
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            for number, rows, *found in cursor.fetchall():
                by_file[ids.get(number, f"manifest file {number}, of which there is no record")] = rows
                totals = [total + int(value) for total, value in zip(totals, found, strict=True)]
        return by_file, totals

    def count(self, column: str) -> int:
        """How many values ``column`` has in the database."""
        query = sql.SQL("SELECT count({}) FROM {} WHERE {}").format(sql.Identifier(column), self._table, self._own)
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        return int(row[0]) if row else 0
