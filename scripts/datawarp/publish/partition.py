"""A partition: what one unit has in one source. Its rows are read from the database and told apart by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
from psycopg2 import sql

from datawarp.publish.checksum import Checksum, sql_checksum
from datawarp.publish.schema import SCHEMA, DatabaseColumn, arrow_schema
from datawarp.publish.stream import record_batches

WIDE_LABEL = "_wide_label"


@dataclass(frozen=True)
class SourceFile:
    """One table of one file, as ``tbl_manifest_files`` holds it; ``number`` is what its rows carry."""

    number: int
    id: str
    url: str
    filename: str
    sha256: str
    member: str | None
    sheet: str | None
    labels: tuple[str, ...]  # headers of its period columns, left to right


@dataclass(frozen=True)
class Partition:
    """One unit's rows in one source's table."""

    source: str
    table: str
    unit: str
    publication: str
    period: str  # canonical
    start: date
    end: date
    rows: int  # as the load recorded them
    delivered: tuple[str, ...]  # columns that this period brought, in sheet order
    files: tuple[SourceFile, ...]


class OutOfOrder(Exception):
    """Rows came in another order than their sheets have: the server must sort them."""


def partitions(connection: psycopg2.extensions.connection, source: str) -> list[Partition]:
    """What the database holds of ``source`` now, first period first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unit, table_name, publication, canonical_period, period_start, period_end, rows_loaded, columns "
            "FROM datawarp.tbl_load_history WHERE source_code = %s AND is_current AND outcome <> 'removed' "
            "ORDER BY period_start, period_end, unit",
            (source,),
        )
        loads = cursor.fetchall()
        cursor.execute(
            "SELECT unit, manifest_file_id, file_id, url, filename, sha256, member, sheet, layout, columns "
            "FROM datawarp.tbl_manifest_files WHERE source_code = %s AND superseded_at IS NULL "
            'ORDER BY unit, file_id COLLATE "C"',
            (source,),
        )
        files: dict[str, list[SourceFile]] = {}
        for unit, number, id_, url, filename, sha256, member, sheet, layout, columns in cursor.fetchall():
            files.setdefault(unit, []).append(
                SourceFile(number, id_, url, filename, sha256, member, sheet, _labels(layout, columns))
            )
    return [
        Partition(
            source, table, unit, publication, period, start, end, rows, _names(columns), tuple(files.get(unit, ()))
        )
        for unit, table, publication, period, start, end, rows, columns in loads
    ]


def _names(columns: list[dict[str, object]]) -> tuple[str, ...]:
    return tuple(str(column["name"]) for column in columns)


def _labels(layout: dict[str, dict[str, object]] | None, columns: list[dict[str, object]]) -> tuple[str, ...]:
    if not ((layout or {}).get("wide_periods") or {}).get("unpivoted"):
        return ()
    return tuple(str(c["period_label"]) for c in columns if c.get("period_label") is not None)


class Rows:
    """The rows of a partition as record batches of the source's Parquet schema."""

    def __init__(
        self,
        connection: psycopg2.extensions.connection,
        partition: Partition,
        columns: Sequence[DatabaseColumn],
    ) -> None:
        self.schema = arrow_schema(columns)
        self._connection = connection
        self._partition = partition
        self._columns = columns
        self._is_long = any(c.name == WIDE_LABEL for c in columns)
        self._streamed = pa.schema([(c.name, c.arrow) for c in columns] + [("_source_row", pa.int32())])
        self._ids = pa.array([f.id for f in partition.files], pa.string())

    def batches(self, *, sort: bool = False) -> Iterator[pa.RecordBatch]:
        """The rows in the order of file id, sheet row and period column.

        Each file's rows are read as they lie in the table, which is nearly always that order; where it is not,
        :class:`OutOfOrder` is raised unless ``sort`` makes the server sort them.
        """
        for place, file in enumerate(self._partition.files):
            last = -1
            for batch in record_batches(self._connection, self._query(file, sort), self._streamed):
                keys = self._keys(batch, file)
                if not sort and not (keys[0] > last and (keys[1:] > keys[:-1]).all()):
                    raise OutOfOrder
                last = int(keys[-1])
                yield self._with_lineage(batch, place)

    def _query(self, file: SourceFile, sort: bool) -> sql.Composable:
        names = [sql.Identifier(c.name) for c in self._columns]
        values = [
            name if c.is_known else sql.SQL("{}::text").format(name)
            for c, name in zip(self._columns, names, strict=True)
        ]
        order: sql.Composable = sql.SQL("")
        if sort:
            keys: list[sql.Composable] = [sql.SQL("_source_row")]
            if self._is_long:
                labels = sql.Literal(list(file.labels))
                keys.append(sql.SQL("array_position({}::text[], {})").format(labels, sql.Identifier(WIDE_LABEL)))
            keys += [
                sql.SQL('{}::text COLLATE "C"').format(name) for name in names
            ]  # two rows that are alike so far stand in the order of their contents
            order = sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(keys))
        return sql.SQL("SELECT {} FROM {} WHERE {} AND _manifest_file_id = {}{}").format(
            sql.SQL(", ").join([*values, sql.Identifier("_source_row")]),
            self._table,
            self._in_period,
            sql.Literal(file.number),
            order,
        )

    @property
    def _table(self) -> sql.Composable:
        return sql.Identifier(SCHEMA, self._partition.table)

    @property
    def _in_period(self) -> sql.Composable:
        return sql.SQL("_period = {}").format(sql.Literal(self._partition.period))

    def _keys(self, batch: pa.RecordBatch, file: SourceFile) -> np.ndarray[Any, np.dtype[np.int64]]:
        """One number for each row that grows from row to row: sheet row, then period column."""
        keys: np.ndarray[Any, np.dtype[np.int64]] = batch["_source_row"].to_numpy().astype(np.int64) << 15
        if self._is_long:
            place = {label: i for i, label in enumerate(file.labels)}
            labels = batch[WIDE_LABEL].fill_null("").dictionary_encode()
            known = np.array([place.get(label, 0) for label in labels.dictionary.to_pylist()], dtype=np.int64)
            keys |= known[labels.indices.to_numpy()]
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
        arrays = [*batch.columns[:-1], *constant, batch["_source_row"], file]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def checksums(self) -> tuple[dict[str, int], list[Checksum]]:
        """Rows by file id and the checksum of each column with ``_source_row`` last, as the database has them."""
        expressions = [sql_checksum(c.name, c.kind) for c in self._columns] + [sql_checksum("_source_row", "bigint")]
        query = sql.SQL("SELECT _manifest_file_id, count(*), {} FROM {} WHERE {} GROUP BY 1").format(
            sql.SQL(", ").join(expressions), self._table, self._in_period
        )
        sums = [Checksum() for _ in expressions]
        by_file: dict[str, int] = {}
        ids = {f.number: f.id for f in self._partition.files}
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            for number, rows, *values in cursor.fetchall():
                by_file[ids.get(number, f"manifest file {number}, of which there is no record")] = rows
                for total, count, value in zip(sums, values[::2], values[1::2], strict=True):
                    total.add(Checksum(count, int(value)))
        return by_file, sums
