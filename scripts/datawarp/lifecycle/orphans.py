"""What nobody refers to any more: found in the database, among the files and against the registry.

Finding changes nothing. Files and records of archived units are no orphans: their archive record refers
to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.acquire.index import read_index
from datawarp.files import read_json
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.warehouse.connection import database_identity

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

STALE_AFTER = timedelta(days=1)
_DEPRECATED = re.compile(rb"^\s*state:\s*['\"]?deprecated\b", re.M)
_HEAD_BYTES = 1 << 16

# What `skip=` takes: each kind of orphan belongs to one of these.
GROUPS: Mapping[str, str] = {
    "source_without_table": "sources",
    "table_without_source": "tables",
    "records_without_source": "records",
    "unit_not_in_registry": "units",
    "parquet_without_receipt": "parquet",
    "parquet_without_source": "parquet",
    "receipt_without_parquet": "markers",
    "metadata_without_parquet": "metadata",
    "manifest_deprecated": "manifests",
    "download_unreferenced": "downloads",
    "address_without_unit": "downloads",
    "marker_without_data": "markers",
    "cache_of_finished_unit": "caches",
    "temporary_file": "temporary",
    "left_by_restore": "restores",
}

WORDS: Mapping[str, str] = {
    "source_without_table": "sources without a table",
    "table_without_source": "tables without a source",
    "records_without_source": "history, manifest and column records of sources that are gone",
    "unit_not_in_registry": "units that left the registry",
    "parquet_without_receipt": "Parquet files without a receipt",
    "parquet_without_source": "Parquet files without a source in the database",
    "receipt_without_parquet": "export receipts without their Parquet (their units are exported again)",
    "metadata_without_parquet": "metadata pages without Parquet",
    "manifest_deprecated": "deprecated manifests",
    "download_unreferenced": "downloads that nobody refers to",
    "address_without_unit": "addresses in downloads/index.json that no unit uses any more",
    "marker_without_data": "markers without data in the database (their units are loaded again)",
    "cache_of_finished_unit": "caches of typed tables that nobody waits for",
    "temporary_file": "temporary files of jobs that died",
    "left_by_restore": "schemas and databases that a cut-off restore_backup left (to be dropped by hand)",
}


@dataclass(frozen=True)
class Orphan:
    """One finding: ``files`` below the root go with it, ``detail`` says why it is one."""

    kind: str
    name: str
    detail: str = ""
    files: tuple[Path, ...] = ()

    @property
    def group(self) -> str:
        """The word of ``skip=`` that leaves it alone."""
        return GROUPS[self.kind]


@dataclass
class Findings:
    """All orphans, and what could not be looked at, with the reason."""

    orphans: list[Orphan] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)


def find_orphans(
    paths: Paths, registry: Registry, connection: Connection, now: datetime, skip: frozenset[str] = frozenset()
) -> Findings:
    """Everything that is orphaned, apart from the groups in ``skip``. Reads, and ends its transaction."""
    findings = Findings()
    receipts = _export_receipts(paths)
    known = {unit.name for unit in registry.units()}
    archived = {p.stem for p in paths.archived_record("x_y").parent.parent.glob("*/*.json")}
    in_database = _Database.read(connection)
    parts: list[Iterator[Orphan]] = [
        _in_database(in_database),
        _units(paths, known | archived, in_database),
        _parquet(paths, receipts, known),
        _metadata(paths),
        _deprecated(paths),
        _downloads(paths, in_database, now),
        _caches(paths, known),
        _temporary(paths, now),
    ]
    trouble = _not_the_database(paths, in_database)
    if trouble:
        findings.not_checked.append(trouble)
    else:
        parts += [_parquet_of_gone_sources(paths, receipts, in_database), _markers(paths, in_database)]
    seen: set[Path] = set()
    for part in parts:
        for orphan in part:
            own = tuple(f for f in orphan.files if f not in seen)
            if orphan.group in skip or (orphan.files and not own):
                continue
            seen.update(own)
            findings.orphans.append(Orphan(orphan.kind, orphan.name, orphan.detail, own))
    return findings


@dataclass(frozen=True)
class _Database:
    """What the warehouse says of sources, tables and units."""

    identity: str
    tables_of_sources: dict[str, str]
    tables: dict[str, int]
    canonical: dict[str, int]
    current_units: set[str]
    referenced: set[str]
    leftovers: list[str]

    @classmethod
    def read(cls, connection: Connection) -> _Database:
        with connection, connection.cursor() as cursor:

            def column(query: str) -> list[Any]:
                cursor.execute(query)
                return [row[0] for row in cursor.fetchall()]

            def mapping(query: str) -> dict[str, Any]:
                cursor.execute(query)
                return dict(cursor.fetchall())

            return cls(
                identity=database_identity(connection),
                tables_of_sources=mapping("SELECT source_code, table_name FROM datawarp.tbl_data_sources"),
                tables=mapping(
                    "SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_class c JOIN pg_namespace n "
                    "ON n.oid = c.relnamespace WHERE n.nspname = 'staging' AND c.relkind IN ('r', 'p')"
                ),
                canonical=mapping(
                    "SELECT c.source_code, (SELECT count(*) FROM datawarp.tbl_manifest_files f WHERE f.source_code = "
                    "c.source_code) + (SELECT count(*) FROM datawarp.tbl_column_metadata m WHERE m.source_code = "
                    "c.source_code) + (SELECT count(*) FROM datawarp.tbl_source_mappings p WHERE p.source_code = "
                    "c.source_code) FROM datawarp.tbl_canonical_sources c"
                ),
                current_units=set(column("SELECT DISTINCT unit FROM datawarp.tbl_load_history WHERE is_current")),
                referenced=set(
                    column("SELECT DISTINCT sha256 FROM datawarp.tbl_manifest_files WHERE superseded_at IS NULL")
                ),
                leftovers=column(
                    "SELECT 'schema ' || nspname FROM pg_namespace "
                    "WHERE nspname ~ '^(datawarp|staging)_before_[0-9]+$' UNION ALL "
                    "SELECT 'database ' || datname FROM pg_database WHERE datname ~ '^datawarp_restore_[0-9]+$'"
                ),
            )


def _not_the_database(paths: Paths, database: _Database) -> str | None:
    """Why files must not be judged by this database: it is not the one that they were exported from."""
    marked = {_database_of(p) for p in (paths.root / "manifests" / "active").glob("*/*.loaded")} - {None}
    if marked and database.identity not in marked:
        return (
            "markers and Parquet against the database: the markers speak of another database "
            f"({', '.join(sorted(str(m) for m in marked))}); run `snakemake adopt` first"
        )
    return None


def _in_database(database: _Database) -> Iterator[Orphan]:
    for code, table in sorted(database.tables_of_sources.items()):
        if table not in database.tables:
            yield Orphan("source_without_table", code, f"staging.{table} is not there")
    owned = set(database.tables_of_sources.values())
    for table, rows in sorted(database.tables.items()):
        if table not in owned:
            yield Orphan("table_without_source", f"staging.{table}", f"about {rows} rows")
    for code, records in sorted(database.canonical.items()):
        if code not in database.tables_of_sources:
            yield Orphan("records_without_source", code, f"{records} records")
    for leftover in database.leftovers:
        yield Orphan("left_by_restore", leftover)


def _units(paths: Paths, known: set[str], database: _Database) -> Iterator[Orphan]:
    """Units with files or rows that neither the registry nor an archive record names."""
    files: dict[str, list[Path]] = {}
    patterns = (
        (paths.root / "downloads" / "receipts", "*/*.json", ".json"),
        (paths.root / "manifests" / "pending", "*/*.yaml", ".yaml"),
        (paths.root / "manifests" / "active", "*/*.enriched.yaml", ".enriched.yaml"),
        (paths.root / "manifests" / "active", "*/*.loaded", ".loaded"),
        (paths.root / "manifests" / "review", "*.yaml", ".yaml"),
        (paths.output / "receipts", "*/*.json", ".json"),
    )
    for folder, pattern, ending in patterns:
        for path in folder.glob(pattern):
            unit = path.name.removesuffix(ending)
            if unit not in known and not path.name.startswith("."):
                files.setdefault(unit, []).append(path)
    for unit in sorted(set(files) | (database.current_units - known)):
        own = files.get(unit, [])
        for receipt in (p for p in own if p.parent.parent == paths.output / "receipts"):
            own = own + [paths.root / s["parquet"] for s in _sources(receipt) if (paths.root / s["parquet"]).exists()]
        rows = "rows in the database" if unit in database.current_units else "no rows in the database"
        yield Orphan("unit_not_in_registry", unit, f"{len(own)} files, {rows}", tuple(sorted(own)))


def _export_receipts(paths: Paths) -> dict[Path, list[dict[str, Any]]]:
    return {p: _sources(p) for p in sorted((paths.output / "receipts").glob("*/*.json"))}


def _parquet(paths: Paths, receipts: Mapping[Path, list[dict[str, Any]]], known: set[str]) -> Iterator[Orphan]:
    """Parquet and receipts against each other; the Parquet of a unit that waits for its receipt is let be."""
    waiting = known - {receipt.stem for receipt in receipts}
    named = {paths.root / source["parquet"] for sources in receipts.values() for source in sources}
    for path in sorted((paths.output / "parquet").glob("*/*/*.parquet")):
        if path not in named and path.stem not in waiting and not path.name.startswith("."):
            yield Orphan("parquet_without_receipt", paths.relative(path), "no export receipt names it", (path,))
    for receipt, sources in receipts.items():
        missing = [s["parquet"] for s in sources if not (paths.root / s["parquet"]).exists()]
        if missing:
            yield Orphan("receipt_without_parquet", paths.relative(receipt), f"lacks {', '.join(missing)}", (receipt,))


def _parquet_of_gone_sources(
    paths: Paths, receipts: Mapping[Path, list[dict[str, Any]]], database: _Database
) -> Iterator[Orphan]:
    for receipt, sources in receipts.items():
        for source in sources:
            path = paths.root / source["parquet"]
            if source["code"] not in database.tables_of_sources and path.exists():
                detail = f"{source['code']} is not in the database; named by {paths.relative(receipt)}"
                yield Orphan("parquet_without_source", paths.relative(path), detail, (path, receipt))


def _metadata(paths: Paths) -> Iterator[Orphan]:
    for page in sorted((paths.output / "metadata").glob("*.md")):
        if not any(paths.parquet_source(page.stem).glob("*/*.parquet")):
            yield Orphan("metadata_without_parquet", paths.relative(page), "its source has no Parquet", (page,))


def _deprecated(paths: Paths) -> Iterator[Orphan]:
    for path in sorted((paths.root / "manifests").rglob("*.yaml")):
        with open(path, "rb") as file:
            if _DEPRECATED.search(file.read(_HEAD_BYTES).partition(b"\nsources:")[0]):
                yield Orphan("manifest_deprecated", paths.relative(path), "state: deprecated", (path,))


def _downloads(paths: Paths, database: _Database, now: datetime) -> Iterator[Orphan]:
    """Stored files that nobody names; the receipt of one that was taken in lately may still be to come."""
    before = (now - STALE_AFTER).timestamp()
    named = set(database.referenced)
    for receipt in (paths.root / "downloads" / "receipts").glob("*/*.json"):
        named |= {str(f.get("sha256")) for f in _entries(receipt, "files")}
    for folder in sorted(p for p in paths.store.glob("*") if p.is_dir()):
        if folder.name not in named and folder.stat().st_mtime < before:
            files = tuple(sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")))
            size = sum(f.stat().st_size for f in files)
            yield Orphan("download_unreferenced", paths.relative(folder), f"{size} bytes", files)
    for url, entry in read_index(paths).items():
        if not entry.units:
            yield Orphan("address_without_unit", url, f"last used {entry.last_used[:10]}")


def _markers(paths: Paths, database: _Database) -> Iterator[Orphan]:
    for marker in sorted((paths.root / "manifests" / "active").glob("*/*.loaded")):
        unit = marker.name.removesuffix(".loaded")
        owner = _database_of(marker)
        if owner == database.identity and unit in database.current_units:
            continue
        why = (
            "the database holds nothing of it"
            if owner == database.identity
            else f"it speaks of the database {owner}, and this is {database.identity}; `snakemake adopt` may mend it"
        )
        receipt = paths.export_receipt(unit)
        files = (marker, receipt) if receipt.exists() else (marker,)
        yield Orphan("marker_without_data", unit, why, files)


def _caches(paths: Paths, known: set[str]) -> Iterator[Orphan]:
    for folder in sorted(paths.typed_tables("x").parent.glob("*")):
        receipt, draft = paths.export_receipt(folder.name), paths.pending_manifest(folder.name)
        finished = receipt.exists() and draft.exists() and receipt.stat().st_mtime_ns >= draft.stat().st_mtime_ns
        if folder.is_dir() and (folder.name not in known or finished):
            files = tuple(p for p in folder.rglob("*") if p.is_file())
            yield Orphan("cache_of_finished_unit", folder.name, f"{sum(f.stat().st_size for f in files)} bytes", files)


def _temporary(paths: Paths, now: datetime) -> Iterator[Orphan]:
    """Files that `files.replacing` was writing when its process was killed; younger ones may be alive."""
    before = (now - STALE_AFTER).timestamp()
    for top in ("archive", "downloads", "manifests", "output", ".sync", ".datawarp"):
        for path in sorted((paths.root / top).rglob(".*.tmp")):
            if path.is_file() and path.stat().st_mtime < before:
                yield Orphan("temporary_file", paths.relative(path), f"{path.stat().st_size} bytes", (path,))


def _database_of(marker: Path) -> str | None:
    try:
        return str(read_json(marker)["database"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sources(receipt: Path) -> list[dict[str, Any]]:
    return _entries(receipt, "sources")


def _entries(receipt: Path, key: str) -> list[dict[str, Any]]:
    """The entries of a receipt; a damaged receipt names nothing, and `validate` says so."""
    try:
        return list(read_json(receipt)[key])
    except (OSError, ValueError, KeyError, TypeError):
        return []
