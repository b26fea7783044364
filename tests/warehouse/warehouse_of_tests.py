"""Units made of Arrow tables, as the stages before the load leave them, and what the warehouse then holds."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg2
import pyarrow as pa
from psycopg2 import sql

from datawarp.manifest.document import write_manifest
from datawarp.manifest.models import Column, FileEntry, Layout, Manifest, ManifestHead, RowAccount, Source, WidePeriods
from datawarp.manifest.tables import cache_path
from datawarp.registry.models import Contract, PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.sheets.grid import column_letters
from datawarp.warehouse.load import load
from datawarp.warehouse.load.marker import LoadedMarker
from datawarp.warehouse.types import column_type


@dataclass
class Warehouse:
    """An installation in a folder of its own with a database of its own."""

    paths: Paths
    url: str
    settings: Settings

    def unit(self, period: str, publication: str = "adhd", **contract: Any) -> Unit:
        """A unit of a publication with this contract."""
        settings = PublicationSettings(name=publication.upper(), contract=Contract.model_validate(contract))
        return Unit(publication=publication, period=period, url="https://example.org/", settings=settings)

    def prepare(self, unit: Unit, **sources: Any) -> Unit:
        """Write the unit's enriched manifest and typed tables: a table, or a list of them, per source."""
        listed = []
        for name, tables in sources.items():
            code = f"{unit.publication}_{name}"
            entries = []
            for number, table in enumerate(tables if isinstance(tables, list) else [tables], 1):
                entries.append(self._entry(unit, code, number, table))
            listed.append(Source(code=code, name=name.title(), table=f"tbl_{code}", files=entries))
        head = ManifestHead(
            name=unit.name,
            publication=unit.publication,
            period=unit.period,
            period_start=unit.when.start,
            period_end=unit.when.end,
            state="enriched",
            source_url=unit.url,
        )
        write_manifest(self.paths.enriched_manifest(unit.name), Manifest(manifest=head, sources=listed))
        return unit

    def _entry(self, unit: Unit, code: str, number: int, table: pa.Table) -> FileEntry:
        sha256 = hashlib.sha256(f"{unit.name} {code} {number} {table}".encode()).hexdigest()
        if "_source_row" not in table.schema.names:
            rows = pa.array(range(6, 6 + table.num_rows), pa.int32())
            table = table.append_column("_source_row", rows)
        described = [n for n in table.schema.names if n != "_source_row" and not n.endswith("_marker")]
        columns = [
            Column(
                column=column_letters(at),
                original_name=name.replace("_", " ").title(),
                name=name,
                type=column_type(table.schema.field(name).type),
                markers=_markers(table, name),
            )
            for at, name in enumerate(described)
        ]
        body = table.num_rows
        layout = Layout(
            header_rows=(5, 5),
            data_rows=(6, max(6, 5 + body)),
            columns=("A", column_letters(max(0, len(columns) - 1))),
            n_rows=body,
            n_columns=len(columns),
            account=RowAccount(sheet_rows=body + 5, header=1, body=body, blank=4, footnotes=0, excluded=0),
        )
        if "_wide_label" in table.schema.names:
            periods = len(set(table["_wide_label"].to_pylist()))
            layout.wide_periods = WidePeriods(columns=[column_letters(i + 1) for i in range(periods)])
            layout.n_rows = body // periods
            layout.account = None
        entry = FileEntry(
            id=f"{sha256[:12]}:Table {code}#{number}",
            url=f"https://example.org/{unit.name}.xlsx",
            filename=f"{unit.name}.xlsx",
            sha256=sha256,
            sheet=f"Table {code}",
            layout=layout,
            columns=columns,
        )
        path = cache_path(self.paths, unit.name, entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=max(1000, min(65_536, body // 8)))
        return entry

    def load(self, unit: Unit, **sources: Any) -> LoadedMarker:
        """Prepare the unit, when sources are given, and load it."""
        if sources:
            self.prepare(unit, **sources)
        return load(unit, self.paths, self.settings)

    def query(self, statement: str | sql.Composable, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, in a connection of its own."""
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def rows(self, source: str, *columns: str, publication: str = "adhd") -> list[tuple[Any, ...]]:
        """Rows of a source by period, file and sheet row."""
        wanted = sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("*")
        return self.query(
            sql.SQL("SELECT {} FROM {} ORDER BY _period, _manifest_file_id, _source_row").format(
                wanted, sql.Identifier("staging", f"tbl_{publication}_{source}")
            )
        )

    def types(self, source: str) -> dict[str, str]:
        """The source's own columns and their PostgreSQL types."""
        found = self.query(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'staging' AND table_name = %s AND NOT starts_with(column_name, '_')",
            f"tbl_adhd_{source}",
        )
        return dict(found)

    def content(self) -> dict[str, Any]:
        """Everything of the warehouse that does not depend on when and in what order it was loaded."""
        tables = [row[0] for row in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")]
        content: dict[str, Any] = {}
        for table in sorted(tables):
            lineage = {"_load_id", "_loaded_at", "_manifest_file_id"}
            found = self.query(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'staging' AND table_name = %s ORDER BY 1",
                table,
            )
            columns = [name for name, _ in found if name not in lineage]
            content[table] = {
                "columns": found,
                "rows": self.query(
                    sql.SQL(
                        "SELECT f.unit, f.file_id, {listed} FROM {table} t JOIN datawarp.tbl_manifest_files f "
                        "ON f.manifest_file_id = t._manifest_file_id ORDER BY 1, 2, t._source_row, {listed}"
                    ).format(
                        listed=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(c)) for c in columns),
                        table=sql.Identifier("staging", table),
                    )
                ),
            }
        for name, statement in {
            "standing": "SELECT unit, source_code, canonical_period, rows_loaded, body_rows, columns::text, "
            "content_checksum FROM datawarp.tbl_load_history WHERE is_current ORDER BY 1, 2",
            "files": "SELECT unit, source_code, file_id, rows_loaded FROM datawarp.tbl_manifest_files "
            "WHERE superseded_at IS NULL ORDER BY 1, 2, 3",
            "mappings": "SELECT unit, file_id, source_code FROM datawarp.tbl_source_mappings ORDER BY 1, 2",
            "columns": "SELECT source_code, column_name, data_type, first_period, last_period "
            "FROM datawarp.tbl_column_metadata ORDER BY 1, 2",
            "drift": "SELECT unit, subject, column_name, kind, severity, message, expected, found, details::text, "
            "against_period FROM datawarp.tbl_drift_events WHERE against_period IS NOT NULL ORDER BY 1, 2, 3, 4, 6",
        }.items():
            content[name] = self.query(statement)
        return content


def _markers(table: pa.Table, name: str) -> dict[str, int]:
    marker = f"{name}_marker"
    found = table[marker].to_pylist() if marker in table.schema.names else []
    return dict(Counter(text for text in found if text is not None))
