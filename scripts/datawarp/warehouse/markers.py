"""Markers against the database: those that speak of another one, and markers made anew from what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datawarp.files import sha256_file
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.warehouse.load.contract import contract_version
from datawarp.warehouse.load.marker import LoadedFile, LoadedMarker, LoadedSource, read_marker, write_marker

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_HEAD = 512
_DATABASE = re.compile(rb'"database": "([0-9a-f-]{36})"')
MEND = "snakemake adopt"


@dataclass(frozen=True)
class ForeignMarkers:
    """Units whose markers name another database than the one in use."""

    units: list[str]
    databases: list[str]

    def __bool__(self) -> bool:
        return bool(self.units)

    def told(self, identity: str) -> str:
        """What is wrong and the command that mends it."""
        some = ", ".join(self.units[:5]) + (f" and {len(self.units) - 5:,} more" if len(self.units) > 5 else "")
        return (
            f"{len(self.units):,} unit(s) were loaded into another database ({', '.join(self.databases[:3])}) than the "
            f"one in use ({identity}): {some}\n"
            f"  what to do: if DATABASE_URL is not the one you mean, set it right; otherwise `{MEND}` keeps what this "
            "database really holds and lets `snakemake all` load the rest into it"
        )


def marker_files(paths: Paths) -> Iterator[Path]:
    """All ``.loaded`` files, publication by publication."""
    yield from sorted((paths.root / "manifests" / "active").glob("*/*.loaded"))


def foreign_markers(paths: Paths, identity: str) -> ForeignMarkers:
    """The markers that speak of another database than ``identity``, by one short read each.

    A marker that names no database at all counts as one of another.
    """
    units, databases = [], set()
    for path in marker_files(paths):
        with open(path, "rb") as file:
            found = _DATABASE.search(file.read(_HEAD))
        named = found[1].decode() if found else "unknown"
        if named != identity:
            units.append(path.stem)
            databases.add(named)
    return ForeignMarkers(units, sorted(databases))


@dataclass(frozen=True)
class Adopted:
    """What became of one unit's marker."""

    unit: str
    outcome: Literal["kept", "written", "removed"]
    reason: str


def adopt(connection: Connection, paths: Paths, identity: str, units: Iterable[Unit]) -> list[Adopted]:
    """Make every unit's marker say what the database in use holds.

    A unit whose standing loads were made from its present manifest, and whose rows are all there, gets a marker; any
    other marker is removed, so that the next run loads the unit. Nothing in the database changes.
    """
    with connection, connection.cursor() as cursor:
        standing = _standing(cursor)
        return [_adopt_unit(cursor, unit, paths, identity, standing.get(unit.name, [])) for unit in units]


def _adopt_unit(cursor: Cursor, unit: Unit, paths: Paths, identity: str, loads: list[dict[str, Any]]) -> Adopted:
    path = paths.loaded_marker(unit.name)
    why_not = _doubt(cursor, unit, paths, loads)
    if why_not is not None:
        if not path.exists():
            return Adopted(unit.name, "kept", f"not loaded: {why_not}")
        path.unlink()
        return Adopted(unit.name, "removed", why_not)
    marker = _marker(cursor, unit, identity, loads)
    try:
        if read_marker(path) == marker:
            return Adopted(unit.name, "kept", "the database holds it")
    except (FileNotFoundError, ValueError):
        path.unlink(missing_ok=True)
    write_marker(path, marker)
    return Adopted(unit.name, "written", "the database holds it")


def _standing(cursor: Cursor) -> dict[str, list[dict[str, Any]]]:
    from psycopg2 import sql

    from datawarp.warehouse.load.standing import LATEST_TERMS

    names = (
        *("unit", "source_code", "table_name", "canonical_period", "load_id", "rows_loaded", "columns"),
        *("content_checksum", "manifest_sha256", "contract_version", "corrections_version"),
    )
    cursor.execute(
        sql.SQL(
            "SELECT unit, source_code, table_name, canonical_period, load_id, rows_loaded, columns, content_checksum, "
            "latest.manifest_sha256, latest.contract_version, latest.corrections_version "
            "FROM datawarp.tbl_load_history h {} WHERE is_current ORDER BY unit, source_code"
        ).format(LATEST_TERMS)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in cursor.fetchall():
        found.setdefault(row[0], []).append(dict(zip(names, row, strict=True)))
    return found


def _doubt(cursor: Cursor, unit: Unit, paths: Paths, loads: list[dict[str, Any]]) -> str | None:
    """Why the database does not hold the unit as its manifest has it; None when it does."""
    from psycopg2 import sql

    manifest = paths.enriched_manifest(unit.name)
    if not manifest.is_file():
        return "it has no enriched manifest"
    if not loads:
        return "the database has no load of it"
    if {load["manifest_sha256"] for load in loads} != {sha256_file(manifest)}:
        return "its manifest changed since it was loaded"
    if {load["contract_version"] for load in loads} != {contract_version(unit.settings.contract)}:
        return "its contract changed since it was loaded"
    for load in loads:
        cursor.execute("SELECT to_regclass('staging.' || quote_ident(%s)) IS NOT NULL", (load["table_name"],))
        if not _value(cursor):
            return f"the table staging.{load['table_name']} is gone"
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE _period = %s AND _load_id = %s").format(
                sql.Identifier("staging", load["table_name"])
            ),
            (load["canonical_period"], load["load_id"]),
        )
        rows = _value(cursor)
        if rows != load["rows_loaded"]:
            return f"staging.{load['table_name']} holds {rows:,} of its {load['rows_loaded']:,} rows"
    return None


def _marker(
    cursor: Cursor, unit: Unit, identity: str, loads: list[Mapping[str, Any]] | list[dict[str, Any]]
) -> LoadedMarker:
    sources = []
    for load in loads:
        cursor.execute(
            "SELECT file_id, sha256, rows_loaded FROM datawarp.tbl_manifest_files "
            "WHERE unit = %s AND source_code = %s AND superseded_at IS NULL ORDER BY manifest_file_id",
            (unit.name, load["source_code"]),
        )
        sources.append(
            LoadedSource(
                code=load["source_code"],
                table=load["table_name"],
                rows=load["rows_loaded"],
                columns=[(c["name"], c["type"]) for c in load["columns"]],
                files=[LoadedFile(*row) for row in cursor.fetchall()],
                checksum=load["content_checksum"],
            )
        )
    first = loads[0]
    return LoadedMarker(
        unit=unit.name,
        period=unit.period,
        database=identity,
        contract=first["contract_version"],
        corrections=first["corrections_version"],
        sources=sources,
    )


def _value(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
