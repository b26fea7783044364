"""A partition: what one unit has in one source, as the database records it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from datawarp.manifest.models import FileEntry

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there


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


def partitions(connection: Connection, sources: Collection[str]) -> dict[str, tuple[Partition, ...]]:
    """What the database holds of each of ``sources`` now, first period first."""
    found: dict[str, list[Partition]] = {source: [] for source in sources}
    files: dict[tuple[str, str], list[SourceFile]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code, unit, manifest_file_id, file_id, url, filename, sha256, member, sheet "
            "FROM datawarp.tbl_manifest_files WHERE source_code = ANY(%s) AND superseded_at IS NULL "
            'ORDER BY source_code, unit, file_id COLLATE "C"',
            (list(found),),
        )
        for source, unit, *file in cursor.fetchall():
            files.setdefault((source, unit), []).append(SourceFile(*file))
        cursor.execute(
            "SELECT source_code, table_name, unit, publication, canonical_period, period_start, period_end, "
            "rows_loaded, jsonb_path_query_array(columns, '$[*].name') "
            "FROM datawarp.tbl_load_history WHERE source_code = ANY(%s) AND is_current AND outcome <> 'removed' "
            "ORDER BY period_start, period_end, unit",
            (list(found),),
        )
        for source, table, unit, publication, period, start, end, rows, names in cursor.fetchall():
            own = tuple(files.get((source, unit), ()))
            found[source].append(
                Partition(source, table, unit, publication, period, start, end, rows, tuple(names), own)
            )
    return {source: tuple(_with_neighbours(p, held) for p in held) for source, held in found.items()}


def _with_neighbours(partition: Partition, all_: Sequence[Partition]) -> Partition:
    beside = [f.number for p in all_ if p.period == partition.period and p.unit != partition.unit for f in p.files]
    return replace(partition, beside=tuple(beside)) if beside else partition


def file_entries(connection: Connection, partitions: Iterable[Partition]) -> dict[int, FileEntry]:
    """Layout and columns of each of the partitions' files as they were loaded, by number."""
    files = {file.number: file for partition in partitions for file in partition.files}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT manifest_file_id, layout, columns FROM datawarp.tbl_manifest_files "
            "WHERE manifest_file_id = ANY(%s)",
            (list(files),),
        )
        recorded = cursor.fetchall()
    return {
        number: FileEntry.model_validate(
            {
                "id": files[number].id,
                "url": files[number].url,
                "filename": files[number].filename,
                "sha256": files[number].sha256,
                "member": files[number].member,
                "sheet": files[number].sheet,
                "layout": layout,
                "columns": columns,
            }
        )
        for number, layout, columns in recorded
    }
