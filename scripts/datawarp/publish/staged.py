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
from datawarp.files import put_in_place, sha256_file
from datawarp.publish.checksum import differences
from datawarp.publish.parquet import read_back, write_parquet
from datawarp.publish.partition import Partition
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
    """A file that was written and verified, but is not in its place yet."""

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
            put_in_place(self.temporary, path)
        keep_profile(path, paths.profile(self.partition.source, self.partition.unit), self.profile)


def stage(
    connection: Connection, partition: Partition, columns: Sequence[DatabaseColumn], folder: Path, paths: Paths
) -> Staged:
    """Write the rows of ``partition`` to a file in ``folder`` and verify it.

    The rows are those that the draft stage typed, where they are still kept and are what the database holds; or else
    they are read from the database. Raises :class:`PublishError` when the file is not what is in the database.
    """
    rows = Rows(connection, partition, columns)
    temporary = folder / f".{partition.source}.{partition.unit}.tmp"
    folder.mkdir(parents=True, exist_ok=True)
    path = paths.parquet(partition.source, partition.period, partition.unit)
    count, profile = _from_typed(temporary, rows, partition, paths) or _from_database(
        connection, temporary, rows, partition
    )
    connection.rollback()
    exported = Exported(
        code=partition.source,
        table=partition.table,
        parquet=paths.relative(path),
        rows=count,
        columns=rows.schema.names,
        sha256=sha256_file(temporary),
        source_files=[file.id for file in partition.files],
    )
    return Staged(partition, tuple(columns), temporary, exported, profile)


def _from_typed(path: Path, rows: Rows, partition: Partition, paths: Paths) -> tuple[int, FileProfile] | None:
    """The file of the rows as they were loaded; None where they are gone, or not what the database holds.

    The server computes its checksums meanwhile.
    """
    batches = rows.typed(paths)
    if batches is None:
        return None
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rows.checksums)
        try:
            _write(path, batches, rows, partition)
            return verify(path, rows, partition, asked)
        except (OutOfOrder, Unlike, pa.ArrowInvalid, OSError, PublishError) as problem:
            logger.info("%s: read from the database, as its typed rows do not do: %s", partition.source, problem)
            return None


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
