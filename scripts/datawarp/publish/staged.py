"""One partition's Parquet file, written aside and verified against the database, ready to take its place."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from datawarp.errors import PublishError
from datawarp.files import flush, put_in_place, sha256_file, side_by_side
from datawarp.publish.checksum import differences
from datawarp.publish.parquet import read_back, write_parquet
from datawarp.publish.partition import Partition, file_entries
from datawarp.publish.profile import FileCounter, FileProfile, keep_profile
from datawarp.publish.receipts import Exported
from datawarp.publish.rows import OutOfOrder, Rows, Unlike
from datawarp.publish.schema import DatabaseColumn, pandas_metadata
from datawarp.publish.stream import BLOCK, LONGEST_ROW
from datawarp.publish.versions import keep_version
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

logger = logging.getLogger("datawarp")

_Checksums = tuple[dict[str, int], list[int]]


@dataclass(frozen=True)
class Staged:
    """A file that was written, verified and flushed to disk, but is not in its place yet."""

    partition: Partition
    columns: tuple[DatabaseColumn, ...]
    temporary: Path
    exported: Exported
    profile: FileProfile

    def publish(self, paths: Paths, versions: int) -> None:
        """Put the file in its place; of the one before, a version is kept. The same bytes again change nothing."""
        path = paths.root / self.exported.parquet
        if path.is_file() and sha256_file(path) == self.exported.sha256:
            self.temporary.unlink()
        else:
            keep_version(path, paths, versions)
            put_in_place(self.temporary, path, flushed=False)
        keep_profile(path, paths.profile(self.partition.source, self.partition.unit), self.profile)


def stage_typed(
    connection: Connection, wanted: Sequence[tuple[Partition, Sequence[DatabaseColumn]]], folder: Path, paths: Paths
) -> dict[str, Staged]:
    """Write the rows of partitions as the draft stage typed them to files in ``folder``, and verify each.

    By source; those are missing whose typed rows are gone, or are not what the database holds. The server computes its
    checksums one after the other while the files are written: each in a transaction of its own, so that no load that
    changes a table has to wait for more than its own.
    """
    entries = file_entries(connection, [partition for partition, _ in wanted])
    connection.rollback()
    kept = []
    for partition, columns in wanted:
        rows = Rows(connection, partition, columns, entries)
        if batches := rows.typed(paths):
            kept.append((partition, rows, batches))
    staged: dict[str, Staged] = {}
    folder.mkdir(parents=True, exist_ok=True)
    connection.autocommit = True
    pool = ThreadPoolExecutor(1)
    try:
        asked = [pool.submit(rows.checksums) for _, rows, _ in kept]
        with side_by_side() as begin:
            for (partition, rows, batches), answer in zip(kept, asked, strict=True):
                path = _temporary(partition, folder)
                try:
                    _write(path, batches, rows, partition)
                    count, profile = verify(path, rows, partition, answer)
                except (OutOfOrder, Unlike, pa.ArrowInvalid, OSError, PublishError) as problem:
                    logger.info(
                        "%s: read from the database, for its typed rows do not do: %s", partition.source, problem
                    )
                    continue
                begin(flush, path)
                staged[partition.source] = _staged(partition, rows, path, count, profile, paths)
    finally:
        pool.shutdown(cancel_futures=True)
        if not connection.closed:
            connection.autocommit = False
    return staged


def stage(
    connection: Connection, partition: Partition, columns: Sequence[DatabaseColumn], folder: Path, paths: Paths
) -> Staged:
    """Write the rows of ``partition`` as the database has them to a file in ``folder`` and verify it.

    Raises :class:`PublishError` when the file is not what is in the database.
    """
    rows = Rows(connection, partition, columns)
    path = _temporary(partition, folder)
    folder.mkdir(parents=True, exist_ok=True)
    count, profile = _from_database(connection, path, rows, partition)
    connection.rollback()
    flush(path)
    return _staged(partition, rows, path, count, profile, paths)


def _temporary(partition: Partition, folder: Path) -> Path:
    return folder / f".{partition.source}.{partition.unit}.tmp"


def _staged(
    partition: Partition, rows: Rows, temporary: Path, count: int, profile: FileProfile, paths: Paths
) -> Staged:
    exported = Exported(
        code=partition.source,
        table=partition.table,
        parquet=paths.relative(paths.parquet(partition.source, partition.period, partition.unit)),
        rows=count,
        columns=rows.schema.names,
        sha256=sha256_file(temporary),
        source_files=[file.id for file in partition.files],
    )
    return Staged(partition, rows.columns, temporary, exported, profile)


def _from_database(connection: Connection, path: Path, rows: Rows, partition: Partition) -> tuple[int, FileProfile]:
    sort, block = False, BLOCK
    while True:
        _settle(connection)
        try:
            _write(path, rows.batches(sort=sort, block=block), rows, partition)
            break
        except OutOfOrder:
            sort = True
        except pa.ArrowInvalid:
            if block == LONGEST_ROW:
                raise
            block = LONGEST_ROW
        connection.rollback()
    with ThreadPoolExecutor(1) as pool:
        return verify(path, rows, partition, pool.submit(rows.checksums))  # the server computes while the file is read


def _write(path: Path, batches: Generator[pa.RecordBatch], rows: Rows, partition: Partition) -> None:
    described = {
        "datawarp": json.dumps({"source": partition.source, "unit": partition.unit, "period": partition.period}),
        "pandas": pandas_metadata(rows.schema),
    }
    write_parquet(path, batches, rows.schema, described)


def _settle(connection: Connection) -> None:
    """Make the server read tables from their beginning and in one process, so that rows come as they lie."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; "
            "SET LOCAL work_mem = '64MB'"
        )


def verify(path: Path, rows: Rows, partition: Partition, asked: Future[_Checksums]) -> tuple[int, FileProfile]:
    """Compare the file on disk with the database by counts and checksums; gives its rows and its profile.

    ``asked`` is what :meth:`Rows.checksums` will give. Raises :class:`PublishError` naming what differs.
    """
    counter = FileCounter(rows.schema)
    read = read_back(path, rows, counter.add)
    in_database, theirs = asked.result()
    count = sum(read.by_file.values())
    problems = differences(rows.checked, read.checksums, theirs, lambda name: (read.values[name], rows.count(name)))
    if read.by_file != in_database:
        problems.insert(0, f"{_counts(read.by_file)} in Parquet, {_counts(in_database)} in the database")
    if count != partition.rows:
        problems.insert(0, f"{count} rows in Parquet, {partition.rows} rows as the load recorded them")
    if problems:
        raise PublishError(
            f"Parquet does not agree with the database: {'; '.join(problems[:5])}",
            where=f"{partition.unit}, staging.{partition.table}",
            hint=f"was the table changed by hand? `snakemake validate` tells more; "
            f"`snakemake refresh_{partition.unit}` loads the period again",
        )
    return count, counter.profile()


def _counts(by_file: dict[str, int]) -> str:
    return ", ".join(f"{rows} rows of {id_}" for id_, rows in sorted(by_file.items())) or "no rows"
