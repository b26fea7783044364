"""What the database knows of a publication's sources, told as manifests: for enrichment when none are left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from typing import Any

from datawarp.manifest.models import FileEntry, Manifest, ManifestHead, Source
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect

_FILES = """
SELECT f.unit, h.period, h.period_start, h.period_end, f.source_code, c.name, c.description, h.table_name,
    f.file_id, f.url, f.filename, f.sha256, f.member, f.sheet, f.reader, f.layout, f.columns
FROM datawarp.tbl_manifest_files f
JOIN datawarp.tbl_load_history h ON h.unit = f.unit AND h.source_code = f.source_code AND h.is_current
JOIN datawarp.tbl_canonical_sources c ON c.source_code = f.source_code
WHERE c.publication = %s AND f.superseded_at IS NULL
ORDER BY h.period_start DESC, h.period_end DESC, f.unit, f.source_code COLLATE "C", f.manifest_file_id
"""


def canonical_manifests(publication: str, paths: Paths, settings: Settings) -> Iterator[Manifest]:
    """The loaded units of ``publication`` as enriched manifests, the newest first.

    Raises :class:`WarehouseError` when the database cannot be reached: names decided without it might not be
    those that its tables have.
    """
    with closing(connect(paths, settings)) as connection, connection.cursor() as cursor:
        cursor.execute(_FILES, (publication,))
        rows = cursor.fetchall()
    for _, of_unit in groupby(rows, key=lambda row: row[0]):
        yield _manifest(publication, list(of_unit))


def _manifest(publication: str, rows: list[tuple[Any, ...]]) -> Manifest:
    unit, period, start, end = rows[0][:4]
    head = ManifestHead(
        name=unit,
        publication=publication,
        period=period,
        period_start=start,
        period_end=end,
        state="loaded",
        source_url="",
    )
    sources = []
    for code, group in groupby(rows, key=lambda row: row[4]):
        files = list(group)
        name, description, table = files[0][5:8]
        entries = [_entry(row[8:]) for row in files]
        sources.append(Source(code=code, name=name, table=table, description=description, files=entries))
    return Manifest(manifest=head, sources=sources)


def _entry(row: tuple[Any, ...]) -> FileEntry:
    file_id, url, filename, sha256, member, sheet, reader, layout, columns = row
    return FileEntry.model_validate(
        {
            "id": file_id,
            "url": url,
            "filename": filename,
            "sha256": sha256,
            "member": member,
            "sheet": sheet,
            "reader": reader,
            "layout": layout,
            "columns": columns,
        }
    )
