"""The catalogue: ``output/catalog.parquet`` with one row per source, and ``output/datapackage.json`` for Frictionless.

Everything in them comes from receipts, the registry and the database; ``last_change`` is the moment at which the
database last took in other rows than it had.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from datawarp.files import json_bytes, replacing, write_bytes
from datawarp.publish.metadata import lists_exactly, write_metadata
from datawarp.publish.receipts import ExportedFile, exported_files, sources_locked
from datawarp.registry.models import PublicationSettings
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

_TEXTS = pa.list_(pa.string())
CATALOG = pa.schema(
    [
        ("source_code", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("publication", pa.string()),
        ("publication_name", pa.string()),
        ("publisher", pa.string()),
        ("licence", pa.string()),
        ("frequency", pa.string()),
        ("landing_page", pa.string()),
        ("table_name", pa.string()),
        ("path", pa.string()),
        ("periods", _TEXTS),
        ("first_period", pa.string()),
        ("last_period", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("rows", pa.int64()),
        ("columns", _TEXTS),
        ("column_types", _TEXTS),
        ("record_type", pa.string()),
        ("granularity", pa.string()),
        ("measures", _TEXTS),
        ("dimensions", _TEXTS),
        ("tags", _TEXTS),
        ("files", _TEXTS),
        ("file_sha256", _TEXTS),
        ("source_urls", _TEXTS),
        ("source_sha256", _TEXTS),
        ("last_change", pa.timestamp("us", tz="UTC")),
    ]
)

# Licences that Frictionless knows by a name of its own, with the page that states them.
_LICENCES = {
    "OGL-UK-3.0": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


@dataclass(frozen=True)
class _File:
    """One Parquet file of a source."""

    unit: str
    period: str
    start: date
    end: date
    exported: ExportedFile


@dataclass
class _Source:
    """What is gathered of a source."""

    code: str
    publication: str
    files: list[_File] = field(default_factory=list)
    words: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    # URL and SHA-256 of every download, first period first: an address may bring other bytes in every period.
    downloads: list[tuple[str, str]] = field(default_factory=list)
    last_change: datetime | None = None

    @property
    def title(self) -> str:
        return str(self.words.get("name") or self.code)


def catalogue(paths: Paths, settings: Settings, registry: Registry) -> None:
    """Write the catalogue and the data package of everything that is exported.

    Pages of sources whose files came or went otherwise than by an export (archived, purged, restored) are brought up
    to date too. Raises :class:`datawarp.errors.WarehouseError` when the database cannot be reached.
    """
    publications: Mapping[str, PublicationSettings] = registry.publications
    with closing(connect(paths, settings)) as connection:
        sources = _gather(connection, paths)
        _renew_pages(connection, sources, publications, paths)
    rows = []
    resources = []
    for source in sources:
        schema = pq.read_schema(paths.root / source.files[-1].exported.parquet)
        publication = publications.get(source.publication, PublicationSettings(name=source.publication))
        rows.append(_row(source, publication, schema, paths))
        resources.append(_resource(source, publication, schema, paths))
    with replacing(paths.catalog) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=CATALOG), temporary, compression="zstd")
    write_bytes(paths.datapackage, _package_bytes(_package(resources, {s.publication for s in sources}, publications)))


def _gather(connection: Connection, paths: Paths) -> list[_Source]:
    """All sources with a file in a receipt, by code; the files of each, first period first."""
    loads, sources = _loads(connection)
    for exported in exported_files(paths):
        load = loads.get((exported.code, exported.unit))
        if load is None or not os.path.isfile(f"{paths.root}/{exported.parquet}"):
            continue  # archived or cleaned up since
        publication, period, start, end = load
        source = sources.setdefault(exported.code, _Source(exported.code, publication))
        source.files.append(_File(exported.unit, period, start, end, exported))
    gathered = sorted((s for s in sources.values() if s.files), key=lambda s: s.code)
    for source in gathered:
        source.files.sort(key=lambda f: (f.start, f.end, f.unit))
    _add_words(connection, sources)
    return gathered


def _renew_pages(
    connection: Connection, sources: list[_Source], publications: Mapping[str, PublicationSettings], paths: Paths
) -> None:
    """Write the pages anew that list other files than there are, and remove those of sources without any."""
    listed = {source.code: source for source in sources}
    pages = {path.stem for path in paths.source_metadata("x").parent.glob("*.md")}
    for code in sorted(pages | set(listed)):
        source = listed.get(code)
        if source and lists_exactly(paths.source_metadata(code), [f.exported.parquet for f in source.files]):
            continue
        with sources_locked([code], paths):
            name = source.publication if source else code
            write_metadata(connection, code, publications.get(name, PublicationSettings(name=name)), paths)


_Load = tuple[str, str, date, date]


def _loads(connection: Connection) -> tuple[dict[tuple[str, str], _Load], dict[str, _Source]]:
    """The standing load of each source and unit."""
    loads: dict[tuple[str, str], _Load] = {}
    sources: dict[str, _Source] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code, unit, publication, canonical_period, period_start, period_end "
            "FROM datawarp.tbl_load_history WHERE is_current AND outcome <> 'removed'"
        )
        for code, unit, publication, period, start, end in cursor.fetchall():
            loads[code, unit] = (publication, period, start, end)
        cursor.execute(
            "SELECT source_code, publication, max(finished_at) FROM datawarp.tbl_load_history "
            "WHERE outcome <> 'unchanged' GROUP BY source_code, publication"
        )
        for code, publication, changed in cursor.fetchall():
            sources[code] = _Source(code, publication, last_change=changed)
    return loads, sources


def _add_words(connection: Connection, sources: Mapping[str, _Source]) -> None:
    """Descriptions of sources and columns, and where their files were downloaded from."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code, name, description, record_type, granularity, measures, dimensions, tags "
            "FROM datawarp.tbl_canonical_sources"
        )
        names = [column.name for column in cursor.description or ()]
        for row in cursor.fetchall():
            if row[0] in sources:
                sources[row[0]].words = dict(zip(names, row, strict=True))
        cursor.execute(
            "SELECT source_code, column_name, original_name, description, unit FROM datawarp.tbl_column_metadata"
        )
        for code, column, title, description, unit in cursor.fetchall():
            if code in sources:
                words = {"title": title, "description": description, "unit": unit}
                sources[code].columns[column] = {key: value for key, value in words.items() if value}
        cursor.execute(
            "SELECT f.source_code, f.url, f.sha256 FROM datawarp.tbl_manifest_files f "
            "JOIN datawarp.tbl_load_history h ON h.unit = f.unit AND h.source_code = f.source_code AND h.is_current "
            'WHERE f.superseded_at IS NULL ORDER BY h.period_start, h.period_end, f.unit, f.file_id COLLATE "C"'
        )
        for code, url, sha256 in cursor.fetchall():
            if code in sources and (url, sha256) not in sources[code].downloads:
                sources[code].downloads.append((url, sha256))


def _row(source: _Source, publication: PublicationSettings, schema: pa.Schema, paths: Paths) -> dict[str, Any]:
    files = source.files
    newest = max(files, key=lambda f: (f.end, f.start))
    return {
        "source_code": source.code,
        "title": source.title,
        "description": source.words.get("description"),
        "publication": source.publication,
        "publication_name": publication.name,
        "publisher": publication.publisher or None,
        "licence": publication.licence or None,
        "frequency": publication.frequency,
        "landing_page": publication.landing_page,
        "table_name": files[-1].exported.table,
        "path": paths.relative(paths.parquet_source(source.code)),
        "periods": [f.period for f in files],
        "first_period": files[0].period,
        "last_period": newest.period,
        "period_start": files[0].start,
        "period_end": newest.end,
        "rows": sum(f.exported.rows for f in files),
        "columns": schema.names,
        "column_types": [_plain_type(kind) for kind in schema.types],
        **{key: source.words.get(key) for key in ("record_type", "granularity", "measures", "dimensions", "tags")},
        "files": [f.exported.parquet for f in files],
        "file_sha256": [f.exported.sha256 for f in files],
        "source_urls": [url for url, _ in source.downloads],
        "source_sha256": [sha256 for _, sha256 in source.downloads],
        "last_change": source.last_change,
    }


def _plain_type(kind: pa.DataType) -> str:
    return "string" if pa.types.is_dictionary(kind) else str(kind)


def _resource(source: _Source, publication: PublicationSettings, schema: pa.Schema, paths: Paths) -> dict[str, Any]:
    below = f"{paths.relative(paths.datapackage.parent)}/"
    described = {
        "name": source.code,
        "title": source.title,
        "description": source.words.get("description"),
        "path": [f.exported.parquet.removeprefix(below) for f in source.files],
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "licenses": list(_licences([publication])),
        "sources": [
            {"title": url.rpartition("/")[2] or url, "path": url, "hash": f"sha256:{digest}"}
            for url, digest in source.downloads
            if _is_link(url)
        ],
        "publisher": publication.publisher,
        "last_change": source.last_change.isoformat() if source.last_change else None,
        "schema": {
            "fields": [{"name": f.name, "type": _field_type(f.type), **source.columns.get(f.name, {})} for f in schema]
        },
    }
    described["partitions"] = [
        {"period": f.period, "rows": f.exported.rows, "hash": f"sha256:{f.exported.sha256}"} for f in source.files
    ]
    return {key: value for key, value in described.items() if value}


def _field_type(kind: pa.DataType) -> str:
    """The Frictionless type of an Arrow type."""
    names = {"int32": "integer", "int64": "integer", "double": "number", "bool": "boolean", "date32[day]": "date"}
    return "datetime" if pa.types.is_timestamp(kind) else names.get(str(kind), "string")


def _package(
    resources: list[dict[str, Any]], exported: set[str], publications: Mapping[str, PublicationSettings]
) -> dict[str, Any]:
    named = [publications[code] for code in sorted(exported) if code in publications]
    package = {
        "profile": "data-package",
        "name": "datawarp",
        "title": "Published statistics collected by DataWarp",
        "description": "One resource per source; its files are its periods, all of one schema.",
        "licenses": list(_licences(named)),
        "sources": [{"title": p.name, "path": p.landing_page} for p in named if _is_link(p.landing_page or "")],
        "contributors": [
            {"title": name, "role": "publisher"} for name in dict.fromkeys(p.publisher for p in named) if name
        ],
        "resources": resources,
    }
    return {key: value for key, value in package.items() if value or key == "resources"}


def _package_bytes(package: dict[str, Any]) -> bytes:
    """The package as JSON, a line for each resource: there are thousands of files in them."""
    lines = ",\n".join("    " + json.dumps(r, ensure_ascii=False, default=str) for r in package["resources"])
    head = json_bytes({**package, "resources": []}).decode().removesuffix("[]\n}\n")
    return f"{head}[\n{lines}\n  ]\n}}\n".encode()


def _licences(publications: Iterable[PublicationSettings]) -> Iterable[dict[str, str]]:
    """The licences in Frictionless' form, each once: a short name, or the words of the registry as its title."""
    for licence in dict.fromkeys(p.licence for p in publications):
        if licence:
            named = {"name": licence} if re.fullmatch(r"[-A-Za-z0-9._]+", licence) else {"name": "other"}
            path = {"path": _LICENCES[licence]} if licence in _LICENCES else {}
            yield {**named, **path, "title": licence}


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://"))
