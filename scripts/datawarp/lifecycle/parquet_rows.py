"""Rows out of Parquet back into their staging table, which may have changed since they left it.

The table takes them as it would take a load: a column whose type no longer holds the values is widened first. What
arrived is counted, column by column, against what the file has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.arrow_types import arrow_type
from datawarp.errors import LifecycleError
from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load.evolve import Evolution, StoredRows, alter, stored_columns
from datawarp.warehouse.types import LARGEST_EXACT, POSTGRES, column_type, converted

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

    from datawarp.lifecycle.rows import FileRows

PARQUET_LINEAGE = frozenset({"_period", "_period_start", "_period_end", "_source_row", "_source_file"})
_BATCH_ROWS = 8192


def copy_parquet(cursor: Cursor, files: Sequence[FileRows], parquet: Path) -> tuple[int, Evolution]:
    """Copy the rows of ``parquet`` into the table of ``files``, whose lineage they get.

    Returns how many there were, and how the table was changed to take them. Raises :class:`LifecycleError` when the
    table lacks a column of theirs, when the file names a source file that is not among ``files``, and when a value
    did not arrive.
    """
    import pyarrow.parquet as pq

    from datawarp.warehouse.load.copy import copy_batches

    table = files[0].table
    with pq.ParquetFile(parquet) as file:
        stored = stored_columns(cursor, table) or {}
        own = [n for n in file.schema_arrow.names if n not in PARQUET_LINEAGE]
        gone = [n for n in own if n not in stored]
        if gone:
            raise LifecycleError(
                f"the table has no column {gone[0]!r} any more, which its Parquet has",
                where=f"staging.{table}",
                hint="somebody changed the table; `snakemake validate` tells more",
            )
        evolution = _evolution(StoredRows(cursor, table), {n: stored[n] for n in own}, file)
        alter(cursor, table, evolution)
        rows = _Rows(file, evolution.stored, files)
        copied = copy_batches(cursor, table, rows.schema, rows.batches())
    _check_values(cursor, table, files, rows.values, parquet)
    return copied, evolution


def record_types(cursor: Cursor, source_code: str, evolution: Evolution) -> None:
    """Bring the column catalogue into line with the types that ``evolution`` changed."""
    for name, (_, new) in evolution.retyped.items():
        cursor.execute(
            "UPDATE datawarp.tbl_column_metadata SET data_type = %s WHERE source_code = %s AND column_name = %s",
            (POSTGRES[new], source_code, name),
        )


def _evolution(table: StoredRows, stored: Mapping[str, ColumnType], file: pq.ParquetFile) -> Evolution:
    """How the table must change so that every value of ``file`` is kept, by the rules of a load that may widen."""
    evolution = Evolution(exists=True)
    for name, old in stored.items():
        new = column_type(file.schema_arrow.field(name).type) or "text"
        evolution.stored[name] = old
        if new == old:
            continue
        has_values, beyond_exact = _look_at(file, name, new)
        if not has_values:
            continue
        target = new
        if table.has_values(name):
            target = table.joint_type(name, old, new, beyond_exact=beyond_exact)
        else:
            evolution.emptied.add(name)
        if target != old:
            evolution.stored[name] = target
            evolution.retyped[name] = (old, target)
    return evolution


def _look_at(file: pq.ParquetFile, name: str, kind: ColumnType) -> tuple[bool, bool]:
    """Whether a column of ``file`` has values, and whether there are integers among them that doubles skip."""
    import pyarrow.compute as pc

    has_values = False
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[name]):
        values = batch.column(0)
        has_values |= values.null_count < len(values)
        if kind == "integer" and has_values:
            extent = pc.min_max(values).as_py()
            if extent["min"] is not None and max(-extent["min"], extent["max"]) > LARGEST_EXACT:
                return True, True
    return has_values, False


class _Rows:
    """The rows of a Parquet file as rows of its staging table; ``values`` counts those of each column."""

    def __init__(self, file: pq.ParquetFile, stored: Mapping[str, ColumnType], files: Sequence[FileRows]) -> None:
        import pyarrow as pa

        self._file = file
        self._stored = stored
        self._files = {f.file_id: f for f in files}
        self.values: Counter[str] = Counter()
        self.schema = pa.schema(
            [pa.field(n, arrow_type(k)) for n, k in stored.items()]
            + [pa.field("_period", pa.string()), pa.field("_period_start", pa.date32())]
            + [pa.field("_period_end", pa.date32()), pa.field("_source_row", pa.int32())]
            + [pa.field("_manifest_file_id", pa.int32()), pa.field("_load_id", pa.int32())]
            + [pa.field("_loaded_at", pa.timestamp("us", "UTC"))]
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in self._file.iter_batches(batch_size=_BATCH_ROWS):
            arrays: list[Any] = []
            for name, kind in self._stored.items():
                values = batch.column(name)
                self.values[name] += len(values) - values.null_count
                old = column_type(values.type) or "text"
                arrays.append(values.cast(arrow_type(kind)) if old == kind else converted(values, old, kind)[0])
            arrays += [batch.column(n) for n in ("_period", "_period_start", "_period_end", "_source_row")]
            found = [self._lineage_of(str(i)) for i in batch.column("_source_file").to_pylist()]
            arrays.append(pa.array([f.manifest_file_id for f in found], pa.int32()))
            arrays.append(pa.array([f.load_id for f in found], pa.int32()))
            times = [datetime.fromisoformat(f.loaded_at) for f in found]
            arrays.append(pa.array(times, pa.timestamp("us", "UTC")))
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _lineage_of(self, file_id: str) -> FileRows:
        found = self._files.get(file_id)
        if found is None:
            raise LifecycleError(
                f"the Parquet has rows of the file {file_id!r}, of which the database had none",
                where=f"staging.{next(iter(self._files.values())).table}",
                hint="`snakemake validate` tells what differs",
            )
        return found


def _check_values(
    cursor: Cursor, table: str, files: Sequence[FileRows], expected: Mapping[str, int], parquet: Path
) -> None:
    """Refuse when the table holds fewer or more values of these files than their Parquet has, in any column."""
    from psycopg2 import sql

    names = list(expected)
    if not names:
        return
    cursor.execute(
        sql.SQL("SELECT {} FROM {} WHERE _manifest_file_id = ANY(%s)").format(
            sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier(n)) for n in names),
            sql.Identifier("staging", table),
        ),
        ([f.manifest_file_id for f in files],),
    )
    found = dict(zip(names, cursor.fetchone() or (), strict=True))
    wrong = [n for n in names if found[n] != expected[n]]
    if wrong:
        raise LifecycleError(
            f"column {wrong[0]!r}: {expected[wrong[0]]} values in Parquet, {found[wrong[0]]} arrived in the database",
            where=f"{parquet}, staging.{table}",
            hint="nothing was put back; `snakemake validate` tells what differs",
        )
