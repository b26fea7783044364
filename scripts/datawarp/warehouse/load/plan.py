"""What is to be loaded: the enabled sources of an enriched manifest, checked before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from datawarp.errors import ContractError, ManifestError
from datawarp.files import sha256_file
from datawarp.manifest.document import read_manifest
from datawarp.manifest.models import Column, ColumnType, FileEntry, Manifest, Source
from datawarp.manifest.tables import open_table
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.corrections import CorrectedCell, Correction, Corrector, check_expected
from datawarp.warehouse.types import column_type, wider

if TYPE_CHECKING:
    import pyarrow as pa

# What every staging table has beside its source's own columns, in this order at its end.
LINEAGE: dict[str, str] = {
    "_period": "text NOT NULL",
    "_period_start": "date NOT NULL",
    "_period_end": "date NOT NULL",
    "_source_row": "integer NOT NULL",
    "_manifest_file_id": "integer NOT NULL",
    "_load_id": "integer NOT NULL",
    "_loaded_at": "timestamp with time zone NOT NULL DEFAULT now()",
}
MARKER = "_marker"
_LONGEST_NAME = 63
_LONGEST_COLUMN = _LONGEST_NAME - len(MARKER)
"""Bytes of a column's name that leave room for that of its marker."""
_MOST_OPEN = 200  # tables that are kept open from the plan to the load: a process may have about a thousand files
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class IncomingColumn:
    """A column as this unit delivers it: name, type, and the manifest's word on it where there is one."""

    name: str
    type: ColumnType
    manifest: Column | None
    position: int

    @property
    def is_marker(self) -> bool:
        """Whether it keeps the printed texts of another column."""
        return self.manifest is None and self.name.endswith(MARKER)


@dataclass
class Table:
    """One file entry: its schema, and its rows as often as they are asked for, corrections applied."""

    entry: FileEntry
    source: Source
    schema: pa.Schema
    unit: Unit
    paths: Paths
    settings: Settings
    corrections: list[Correction]
    _first: Iterator[pa.RecordBatch] | None
    corrected: list[CorrectedCell] = field(default_factory=list)

    @property
    def where(self) -> str:
        """File, sheet and source, for an error."""
        sheet = f", sheet {self.entry.sheet!r}" if self.entry.sheet else ""
        return f"{self.unit.name}, {self.entry.filename}{sheet} (source {self.source.code})"

    @property
    def expected_rows(self) -> int | None:
        """Rows that the manifest's account says it has; a table stored long has one per body row and period."""
        layout = self.entry.layout
        if layout is None:
            return None
        body = layout.account.body if layout.account else layout.n_rows
        wide = layout.wide_periods
        return body * len(wide.columns) if wide and wide.unpivoted else body

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The typed rows, corrected; :attr:`corrected` then says which cells were."""
        source = self._first
        self._first = None
        if source is None:
            source = open_table(self.paths, self.unit.name, self.entry, self.settings)[1]
        if not self.corrections:
            yield from source
            return
        corrector = Corrector(self.corrections, self.where)
        for batch in source:
            yield corrector.apply(batch)
        self.corrected = corrector.cells

    def header(self, column: str) -> str:
        """Where a column is, as a person looks for it: its letter and its printed header."""
        name = column.removesuffix(MARKER)
        found = next((c for c in self.entry.columns if c.name == name), None)
        return f"column {found.column} {found.original_name!r}" if found else f"column {column!r}"


@dataclass
class SourceLoad:
    """One source of the unit with all its tables."""

    source: Source
    tables: list[Table]

    @property
    def code(self) -> str:
        """The canonical source code."""
        return self.source.code

    @property
    def table_name(self) -> str:
        """Its table in schema ``staging``."""
        return self.source.table

    @property
    def appends(self) -> bool:
        """Whether rows that other units loaded for the same period stay."""
        return any(table.entry.mode == "append" for table in self.tables)

    def check_corrections(self) -> None:
        """Raise :class:`ContractError` unless each correction met the cells it expects; to be asked after all rows."""
        given = {id(c): c for table in self.tables for c in table.corrections}
        check_expected(given.values(), [c for t in self.tables for c in t.corrected], self.tables[0].where)

    @cached_property
    def columns(self) -> dict[str, IncomingColumn]:
        """The columns of all its tables together, each with the widest type that one of them has."""
        found: dict[str, IncomingColumn] = {}
        for table in self.tables:
            described = {c.name: c for c in table.entry.columns}
            for arrow_field in table.schema:
                if arrow_field.name in LINEAGE:
                    continue
                kind = column_type(arrow_field.type)
                if kind is None:
                    raise ManifestError(
                        f"{table.header(arrow_field.name)} has the type {arrow_field.type}, which is not one of the "
                        "manifest's",
                        where=table.where,
                    )
                known = found.get(arrow_field.name)
                found[arrow_field.name] = IncomingColumn(
                    name=arrow_field.name,
                    type=wider(known.type, kind) if known else kind,
                    manifest=(known and known.manifest) or described.get(arrow_field.name),
                    position=known.position if known else len(found) + 1,
                )
        return found


@dataclass
class UnitLoad:
    """All that a unit brings."""

    unit: Unit
    manifest: Manifest
    manifest_sha256: str
    sources: list[SourceLoad]


def plan(unit: Unit, paths: Paths, settings: Settings, corrections: list[Correction]) -> UnitLoad:
    """Read the unit's enriched manifest and open its tables; raises :class:`ManifestError` for what cannot load."""
    path = paths.enriched_manifest(unit.name)
    manifest = read_manifest(path)
    where = paths.relative(path)
    if (manifest.manifest.publication, manifest.manifest.period) != (unit.publication, unit.period):
        raise ManifestError(
            f"expected the manifest of {unit.name}, found that of "
            f"{manifest.manifest.publication}_{manifest.manifest.period}",
            where=where,
        )
    if not manifest.enabled:
        raise ManifestError("no source is enabled, so there is nothing to load", where=where, hint="enable one")
    _check_names(manifest, where)
    sources: list[SourceLoad] = []
    n_open = 0
    for source in manifest.enabled:
        tables = []
        for entry in source.files:
            schema, batches = open_table(paths, unit.name, entry, settings)
            first = batches if n_open < _MOST_OPEN else None
            table = Table(entry, source, schema, unit, paths, settings, [], first)
            _check_schema(table)
            tables.append(table)
            n_open += 1
        sources.append(SourceLoad(source, tables))
    _give_corrections(corrections, sources, where)
    return UnitLoad(unit, manifest, sha256_file(path), sources)


def _give_corrections(corrections: list[Correction], sources: list[SourceLoad], where: str) -> None:
    """Give each correction to the tables that it speaks of; raises :class:`ContractError` when there is none."""
    for correction in corrections:
        tables = [t for s in sources if s.code == correction.source for t in s.tables]
        on_sheet = [t for t in tables if correction.sheet in (None, t.entry.sheet)]
        fitting = [t for t in on_sheet if correction.columns <= set(t.schema.names)]
        if not fitting:
            if not tables:
                found = f"source {correction.source}, and the unit has {', '.join(s.code for s in sources)}"
            elif not on_sheet:
                sheets = ", ".join(dict.fromkeys(repr(t.entry.sheet) for t in tables))
                found = f"sheet {correction.sheet!r}, and {correction.source} is on {sheets}"
            else:
                missing = min(correction.columns - set(on_sheet[0].schema.names))
                found = f"a column {missing!r}, and the table has {', '.join(on_sheet[0].schema.names)}"
            raise ContractError(
                f"a correction speaks of {found}",
                where=on_sheet[0].where if on_sheet else where,
                hint=f"correct the entry with the reason {correction.reason!r} in config/corrections",
            )
        for table in fitting:
            table.corrections.append(correction)


def _check_names(manifest: Manifest, where: str) -> None:
    tables: dict[str, str] = {}
    ids: set[str] = set()
    for source in manifest.enabled:
        for name in (source.code, source.table):
            if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
                raise ManifestError(
                    f"{name!r} is no name for a source or table: small letters, digits and underscores, at most "
                    f"{_LONGEST_NAME}",
                    where=where,
                )
        if source.table in tables:
            raise ManifestError(
                f"table {source.table} belongs to two sources, {tables[source.table]} and {source.code}",
                where=where,
                hint="give each source one entry with all its files, or another table",
            )
        tables[source.table] = source.code
        for entry in source.files:
            if entry.id in ids:
                raise ManifestError(f"the table {entry.id} is listed twice, so its rows would be too", where=where)
            ids.add(entry.id)


def _check_schema(table: Table) -> None:
    names = table.schema.names
    if "_source_row" not in names:
        raise ManifestError("its typed rows lack _source_row", where=table.where)
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ManifestError(f"two columns are named {twice[0]!r}", where=table.where, hint="rename one in the manifest")
    for name in names:
        if name in LINEAGE and name != "_source_row":
            raise ManifestError(
                f"{table.header(name)} is named {name!r}, which the warehouse keeps for itself",
                where=table.where,
                hint="rename it in the manifest",
            )
        longest = _LONGEST_NAME if name.endswith(MARKER) else _LONGEST_COLUMN
        if not name or len(name.encode()) > longest:
            raise ManifestError(
                f"{table.header(name)}: {name!r} has {len(name.encode())} bytes, and at most {longest} can be kept",
                where=table.where,
                hint="shorten it in the manifest",
            )
