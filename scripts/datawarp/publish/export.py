"""The export stage: Parquet straight from the database, one file per source and period, verified against it."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from datawarp.errors import PublishError
from datawarp.files import read_json, replacing, sha256_file, write_json
from datawarp.publish.checksum import differences
from datawarp.publish.metadata import write_metadata
from datawarp.publish.parquet import file_checksums, write_parquet
from datawarp.publish.partition import OutOfOrder, Partition, Rows, partitions
from datawarp.publish.profile import FileCounter, keep_profile
from datawarp.publish.receipts import Exported, read_receipt, update_receipt, write_receipt
from datawarp.publish.schema import DatabaseColumn, arrow_schema, in_order, pandas_metadata, table_columns
from datawarp.publish.versions import keep_version, retire
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

logger = logging.getLogger("datawarp")


def export(unit: Unit, paths: Paths, settings: Settings) -> None:
    """Write the Parquet files, the receipt and the metadata pages of what ``unit`` has in the database.

    All files of a source keep one schema: where this unit's load brought a column or a wider type, the files of
    its other periods are brought to it too, and their receipts with them. Files of sources that the unit no longer
    has leave ``output/parquet``. Earlier versions stay under ``output/.versions``. Raises
    :class:`PublishError` when what is in Parquet is not what is in the database; then nothing is replaced.
    """
    with closing(connect(paths, settings)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        codes = _loaded_sources(connection, unit)
        exported = [_export_source(_Source(connection, code, paths, settings), unit) for code in codes]
        for code in _retire_others(unit, codes, paths, settings):
            _follow(_Source(connection, code, paths, settings), unit)
    write_receipt(unit.name, unit.period, exported, paths)
    shutil.rmtree(paths.typed_tables(unit.name), ignore_errors=True)


def _loaded_sources(connection: Connection, unit: Unit) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code FROM datawarp.tbl_load_history "
            "WHERE unit = %s AND is_current AND outcome <> 'removed' ORDER BY source_code COLLATE \"C\"",
            (unit.name,),
        )
        codes = [str(row[0]) for row in cursor.fetchall()]
    connection.rollback()
    if not codes:
        raise PublishError(
            f"the database holds nothing of {unit.name}, although it is marked as loaded",
            where=unit.name,
            hint="was the database changed or emptied? `snakemake validate` tells, and loading again mends it",
        )
    return codes


@dataclass(frozen=True)
class _Source:
    """A source's files and table, while its lock is held."""

    connection: Connection
    code: str
    paths: Paths
    settings: Settings

    def lock(self) -> FileLock:
        lock = self.paths.export_lock(self.code)
        lock.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(lock)

    def path(self, partition: Partition) -> Path:
        return self.paths.parquet(self.code, partition.period, partition.unit)


def _export_source(source: _Source, unit: Unit) -> Exported:
    with source.lock():
        _finish_journal(source)
        held = partitions(source.connection, source.code)
        own = next(p for p in held if p.unit == unit.name)
        columns = _columns(source, held)
        exported = _write(source, own, columns)
        _bring_to_schema(source, held, columns, but=unit.name)
        source.connection.rollback()
        write_metadata(source.connection, source.code, unit, source.paths)
        source.connection.rollback()
    return exported


def _follow(source: _Source, unit: Unit) -> None:
    """After a file of ``source`` was retired: its other files and its page as they are without it."""
    with source.lock():
        _finish_journal(source)
        held = partitions(source.connection, source.code)
        if held:
            _bring_to_schema(source, held, _columns(source, held))
        source.connection.rollback()
        write_metadata(source.connection, source.code, unit, source.paths)
        source.connection.rollback()


def _columns(source: _Source, held: Sequence[Partition]) -> list[DatabaseColumn]:
    return in_order(table_columns(source.connection, held[0].table), [p.delivered for p in held])


def _write(source: _Source, partition: Partition, columns: Sequence[DatabaseColumn]) -> Exported:
    """Write and verify one partition's file, and put it in place of the one before."""
    path = source.path(partition)
    rows = Rows(source.connection, partition, columns)
    described = {
        "datawarp": json.dumps({"source": source.code, "unit": partition.unit, "period": partition.period}),
        "pandas": pandas_metadata(rows.schema),
    }
    with replacing(path) as temporary:
        _settle(source.connection)
        try:
            write_parquet(temporary, rows.batches(), rows.schema, described)
        except OutOfOrder:
            source.connection.rollback()
            _settle(source.connection)
            write_parquet(temporary, rows.batches(sort=True), rows.schema, described)
        counter = FileCounter(rows.schema)
        count = verify(temporary, rows, partition, counter)
        digest = sha256_file(temporary)
        if path.is_file():
            if sha256_file(path) == digest:
                before = path.stat()
                os.utime(temporary, ns=(before.st_atime_ns, before.st_mtime_ns))
            else:
                keep_version(path, source.paths, source.settings.export.versions)
    keep_profile(path, source.paths.profile(source.code, partition.unit), counter.profile())
    return Exported(
        code=source.code,
        table=partition.table,
        parquet=source.paths.relative(path),
        rows=count,
        columns=rows.schema.names,
        sha256=digest,
        source_files=[file.id for file in partition.files],
    )


def _settle(connection: Connection) -> None:
    """Make the server read tables from their beginning and in one process, so that rows come as they lie."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; "
            "SET LOCAL work_mem = '64MB'"
        )


def verify(path: Path, rows: Rows, partition: Partition, counter: FileCounter) -> int:
    """Compare the file on disk with the database by counts and checksums; gives the number of rows.

    ``counter`` counts what is read back, for the metadata page. Raises :class:`PublishError` naming what differs.
    """
    names = [
        name for name in rows.schema.names if name not in {"_period", "_period_start", "_period_end", "_source_file"}
    ]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rows.checksums)  # the server computes while the file is read
        by_file, ours = file_checksums(path, names, counter.add)
        in_database, theirs = asked.result()
    count = sum(by_file.values())
    problems = differences(names, ours, theirs)
    if by_file != in_database:
        problems.insert(0, f"{_counts(by_file)} in Parquet, {_counts(in_database)} in the database")
    if count != partition.rows:
        problems.insert(0, f"{count} rows in Parquet, {partition.rows} rows as the load recorded them")
    if problems:
        raise PublishError(
            f"Parquet does not agree with the database: {'; '.join(problems[:5])}",
            where=f"{partition.unit}, staging.{partition.table}",
            hint=f"was the table changed by hand? `snakemake validate` tells more; "
            f"`snakemake refresh_{partition.unit}` loads the period again",
        )
    return count


def _counts(by_file: dict[str, int]) -> str:
    return ", ".join(f"{rows} rows of {id_}" for id_, rows in sorted(by_file.items())) or "no rows"


def _bring_to_schema(
    source: _Source, held: Sequence[Partition], columns: Sequence[DatabaseColumn], but: str | None = None
) -> None:
    """Rewrite the files of other periods whose columns are not those of the table any more."""
    schema = arrow_schema(columns)
    behind = [p for p in held if p.unit != but and source.path(p).is_file() and not _has_schema(source.path(p), schema)]
    if behind:
        # A job killed between a file and its receipt leaves the journal, and the next one makes up for it.
        journal = source.paths.export_journal(source.code)
        write_json(journal, {"units": [p.unit for p in behind]})
        for partition in behind:
            try:
                _write(source, partition, columns)
            except PublishError as problem:
                logger.warning("%s keeps its earlier columns: %s", partition.unit, problem)
        _finish_journal(source)
    known = {source.path(p) for p in held}
    for path in source.paths.parquet_source(source.code).glob("period=*/*.parquet"):
        if path not in known and not _has_schema(path, schema):
            logger.warning(
                "%s keeps its earlier columns: the database does not hold its rows; `snakemake validate` tells more",
                source.paths.relative(path),
            )


def _has_schema(path: Path, schema: pa.Schema) -> bool:
    return bool(pq.read_schema(path).remove_metadata().equals(schema))


def _finish_journal(source: _Source) -> None:
    """Bring receipts into line with files that were rewritten, here or by a job that was killed."""
    journal = source.paths.export_journal(source.code)
    if not journal.is_file():
        return
    for unit in read_json(journal)["units"]:
        update_receipt(unit, source.code, source.paths)
    journal.unlink()


def _retire_others(unit: Unit, codes: Sequence[str], paths: Paths, settings: Settings) -> list[str]:
    """Take files of sources that the unit no longer has out of use; gives the codes of those sources."""
    named = {entry.code for entry in read_receipt(paths.export_receipt(unit.name))}
    found = {
        path.parent.parent.name
        for path in (paths.output / "parquet").glob(f"*/period={unit.when.canonical}/{unit.name}.parquet")
    }
    gone = sorted((named | found) - set(codes))
    for code in gone:
        retire(paths.parquet(code, unit.when.canonical, unit.name), paths, settings.export.versions)
        paths.profile(code, unit.name).unlink(missing_ok=True)
    return gone
