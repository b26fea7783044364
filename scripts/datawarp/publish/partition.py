"""A partition: what one unit has in one source, as the database records it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import psycopg2

from datawarp.manifest.models import FileEntry


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
    beside: tuple[int, ...] = ()  # numbers of files that other units have in the same period


def partitions(connection: psycopg2.extensions.connection, source: str) -> list[Partition]:
    """What the database holds of ``source`` now, first period first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unit, table_name, publication, canonical_period, period_start, period_end, rows_loaded, "
            "ARRAY(SELECT c ->> 'name' FROM jsonb_array_elements(columns) WITH ORDINALITY AS u(c, n) ORDER BY n) "
            "FROM datawarp.tbl_load_history WHERE source_code = %s AND is_current AND outcome <> 'removed' "
            "ORDER BY period_start, period_end, unit",
            (source,),
        )
        loads = cursor.fetchall()
        cursor.execute(
            "SELECT unit, manifest_file_id, file_id, url, filename, sha256, member, sheet "
            "FROM datawarp.tbl_manifest_files WHERE source_code = %s AND superseded_at IS NULL "
            'ORDER BY unit, file_id COLLATE "C"',
            (source,),
        )
        files: dict[str, list[SourceFile]] = {}
        for unit, *file in cursor.fetchall():
            files.setdefault(unit, []).append(SourceFile(*file))
    found = [
        Partition(source, table, unit, publication, period, start, end, rows, tuple(names), tuple(files.get(unit, ())))
        for unit, table, publication, period, start, end, rows, names in loads
    ]
    return [_with_neighbours(partition, found) for partition in found]


def _with_neighbours(partition: Partition, all_: list[Partition]) -> Partition:
    beside = [f.number for p in all_ if p.period == partition.period and p.unit != partition.unit for f in p.files]
    return replace(partition, beside=tuple(beside))


def file_entries(connection: psycopg2.extensions.connection, partition: Partition) -> dict[int, FileEntry]:
    """Layout and columns of each of a partition's files as they were loaded, by number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT manifest_file_id, layout, columns FROM datawarp.tbl_manifest_files "
            "WHERE manifest_file_id = ANY(%s)",
            ([file.number for file in partition.files],),
        )
        recorded: dict[int, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
            number: (layout, columns) for number, layout, columns in cursor.fetchall()
        }
    return {
        file.number: FileEntry.model_validate(
            {
                "id": file.id,
                "url": file.url,
                "filename": file.filename,
                "sha256": file.sha256,
                "member": file.member,
                "sheet": file.sheet,
                "layout": recorded[file.number][0],
                "columns": recorded[file.number][1],
            }
        )
        for file in partition.files
    }
