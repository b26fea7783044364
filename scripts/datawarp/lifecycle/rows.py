"""A unit's rows in the warehouse: counted, taken out, and put back out of Parquet as they were.

Rows belong to a unit through ``_manifest_file_id``, which names a row of ``tbl_manifest_files``. Taking
them out leaves history and lineage where they are; putting them back needs only the Parquet and what
:func:`standing` said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datawarp.errors import LifecycleError
from datawarp.lifecycle.retention import RetentionPolicy
from datawarp.registry.models import split_unit_name
from datawarp.registry.periods import Period, parse_period
from datawarp.warehouse.load.events import record_drift_of_publication, record_drift_of_sources
from datawarp.warehouse.load.locks import lock_publication, lock_tables, lock_unit
from datawarp.warehouse.load.record import next_load_id
from datawarp.warehouse.load.standing import sources_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_TABLES = """
SELECT DISTINCT s.table_name FROM datawarp.tbl_manifest_files f
JOIN datawarp.tbl_data_sources s USING (source_code)
WHERE f.unit = %s AND to_regclass(format('staging.%%I', s.table_name)) IS NOT NULL ORDER BY 1
"""
_BY_FILE = """
SELECT f.source_code, f.file_id, t._manifest_file_id, t._load_id, t._loaded_at, count(*)
FROM staging.{} t JOIN datawarp.tbl_manifest_files f ON f.manifest_file_id = t._manifest_file_id
WHERE f.unit = %s GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 4
"""
_DELETE = """
DELETE FROM staging.{} WHERE _manifest_file_id IN
    (SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = %s)
"""


@dataclass(frozen=True)
class FileRows:
    """The rows that one table of one file has in the warehouse, and the load that brought them."""

    table: str
    source_code: str
    file_id: str
    manifest_file_id: int
    load_id: int
    loaded_at: str
    rows: int


@dataclass(frozen=True)
class Standing:
    """A unit in the warehouse: its rows by file, and which records of its history are current."""

    files: tuple[FileRows, ...]
    history: tuple[int, ...]

    @property
    def loads(self) -> tuple[frozenset[tuple[str, int, int, int]], tuple[int, ...]]:
        """What tells it from the standing of another load: rows by table, file and load, and the history."""
        return frozenset((f.table, f.manifest_file_id, f.load_id, f.rows) for f in self.files), self.history

    @property
    def by_table(self) -> dict[str, int]:
        """Rows by staging table."""
        counts: dict[str, int] = {}
        for file in self.files:
            counts[file.table] = counts.get(file.table, 0) + file.rows
        return counts


def standing(connection: Connection, unit: str) -> Standing:
    """What the warehouse holds of ``unit``; ends the transaction it uses."""

    with connection, connection.cursor() as cursor:
        return _standing(cursor, unit)


def _standing(cursor: Cursor, unit: str) -> Standing:
    from psycopg2 import sql

    files: list[FileRows] = []
    for table in _tables(cursor, unit):
        cursor.execute(sql.SQL(_BY_FILE).format(sql.Identifier(table)), (unit,))
        for code, file_id, number, load, at, rows in cursor.fetchall():
            files.append(FileRows(table, code, file_id, number, load, at.isoformat(), rows))
    cursor.execute(
        "SELECT history_id FROM datawarp.tbl_load_history WHERE unit = %s AND is_current ORDER BY 1", (unit,)
    )
    return Standing(tuple(files), tuple(int(row[0]) for row in cursor.fetchall()))


def purge_unit(connection: Connection, unit: str, expected: Standing) -> int:
    """Delete the rows of ``unit`` in one transaction; returns how many.

    Its history and lineage stay: the loads are no longer current, its files are superseded, and what the next period
    is compared with is the one before this. Raises
    :class:`LifecycleError`, with nothing deleted, when the unit has other rows than ``expected``; that it has none
    any more, because this was done already, is no error.
    """
    from psycopg2 import sql

    deleted = 0
    with connection, connection.cursor() as cursor:
        lock_unit(cursor, unit)
        tables = _tables(cursor, unit)
        lock_tables(cursor, tables)
        found = _standing(cursor, unit)
        if (found.files or found.history) and found.loads != expected.loads:
            raise LifecycleError(
                "it was loaded again while it was on its way into the archive",
                where=unit,
                hint="its rows and files were left in use; run the command again when it is exported",
            )
        sources = sources_of(cursor, unit)
        for table in tables:
            cursor.execute(sql.SQL(_DELETE).format(sql.Identifier(table)), (unit,))
            deleted += cursor.rowcount
        cursor.execute(
            "UPDATE datawarp.tbl_load_history SET is_current = false WHERE unit = %s AND is_current", (unit,)
        )
        cursor.execute(
            "UPDATE datawarp.tbl_manifest_files SET superseded_at = now() WHERE unit = %s AND superseded_at IS NULL",
            (unit,),
        )
        _record_drift(cursor, unit, sources)
    return deleted


def can_put_back(connection: Connection, before: Standing) -> bool:
    """Whether this is the database that the rows were taken out of: it still knows their files and history."""
    with connection, connection.cursor() as cursor:
        numbers = [f.manifest_file_id for f in before.files]
        cursor.execute(
            "SELECT array_agg(manifest_file_id || ' ' || file_id) FROM datawarp.tbl_manifest_files f "
            "JOIN datawarp.tbl_data_sources s USING (source_code) WHERE manifest_file_id = ANY(%s) "
            "AND to_regclass(format('staging.%%I', s.table_name)) IS NOT NULL",
            (numbers,),
        )
        row = cursor.fetchone()
        known = set(row[0] or []) if row else set()
        cursor.execute(
            "SELECT count(*) FROM datawarp.tbl_load_history WHERE history_id = ANY(%s)", (list(before.history),)
        )
        row = cursor.fetchone()
    return {f"{f.manifest_file_id} {f.file_id}" for f in before.files} == known and bool(
        row and row[0] == len(before.history)
    )


def put_back(connection: Connection, unit: str, before: Standing, parquet: Mapping[str, Path]) -> int:
    """Copy the rows of ``unit`` out of ``parquet`` (files by source code) into the warehouse; returns how many.

    Values, lineage, load numbers and times are those of ``before``; columns that the table got since then
    are null, and values of a type that has widened since are printed as the load would have. A column that
    has become narrower since, while nothing was in it, is widened again. One transaction; raises
    :class:`LifecycleError` when rows or values do not add up.
    """
    from datawarp.lifecycle.parquet_rows import copy_parquet, record_types

    copied = 0
    with connection, connection.cursor() as cursor:
        lock_unit(cursor, unit)
        lock_tables(cursor, {f.table for f in before.files})
        for code in sorted({f.source_code for f in before.files}):
            files = [f for f in before.files if f.source_code == code]
            rows, evolution = copy_parquet(cursor, files, parquet[code])
            record_types(cursor, code, evolution)
            expected = sum(f.rows for f in files)
            if rows != expected:
                raise LifecycleError(
                    f"{rows} rows in Parquet, {expected} were in the database",
                    where=str(parquet[code]),
                    hint=f"`snakemake refresh_{unit}` loads the period again from its retained downloads",
                )
            copied += rows
        cursor.execute(
            "UPDATE datawarp.tbl_load_history SET is_current = true WHERE history_id = ANY(%s)", (list(before.history),)
        )
        cursor.execute(
            "UPDATE datawarp.tbl_manifest_files SET superseded_at = NULL WHERE manifest_file_id = ANY(%s)",
            ([f.manifest_file_id for f in before.files],),
        )
        _record_drift(cursor, unit, sources_of(cursor, unit))
    return copied


def record_policy(connection: Connection, policy: RetentionPolicy, now: datetime) -> None:
    """Make ``tbl_retention_policy`` say what the policy's rules are."""
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM datawarp.tbl_retention_policy")
        for position, rule in enumerate(policy.rules, start=1):
            limits = (rule.keep_periods, rule.keep_days)
            cursor.execute(
                "INSERT INTO datawarp.tbl_retention_policy (position, pattern, keep_periods, keep_days, destination,"
                " purge_db, delete_after, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (position, rule.pattern, *limits, rule.destination, rule.purge_db, rule.delete_after, now),
            )


def _record_drift(cursor: Cursor, unit: str, sources: Iterable[str]) -> None:
    """Compare anew the periods whose neighbour came or went, as a load does: the record is that of what stands.

    Takes the publication's lock, the last of a transaction's.
    """
    publication, period = split_unit_name(unit)
    about, number = _Release(unit, publication, parse_period(period)), next_load_id(cursor)
    record_drift_of_sources(cursor, number, about, sorted(sources))
    lock_publication(cursor, publication)
    record_drift_of_publication(cursor, number, about)


@dataclass(frozen=True)
class _Release:
    """A unit by its name alone: it may have left the registry."""

    name: str
    publication: str
    when: Period


def _tables(cursor: Cursor, unit: str) -> list[str]:
    cursor.execute(_TABLES, (unit,))
    return [str(row[0]) for row in cursor.fetchall()]
