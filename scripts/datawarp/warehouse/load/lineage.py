"""Where rows come from: the tables of files that were loaded, what they were matched to, what was corrected."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg2.extras import execute_values

from datawarp.manifest.models import Enrichment
from datawarp.registry.models import Unit
from datawarp.warehouse.load.plan import SourceLoad, Table

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


def files_of(cursor: Cursor, unit: str, source_code: str) -> set[str]:
    """The ids of the tables whose rows of a unit's source are in the warehouse."""
    cursor.execute(
        "SELECT file_id FROM datawarp.tbl_manifest_files WHERE unit = %s AND source_code = %s "
        "AND superseded_at IS NULL",
        (unit, source_code),
    )
    return {row[0] for row in cursor.fetchall()}


def register_files(cursor: Cursor, unit: Unit, load: SourceLoad, load_id: int) -> dict[str, int]:
    """The lineage rows of the source's tables, by file id; a table that was loaded before keeps its number."""
    ids: dict[str, int] = {}
    for table in load.tables:
        entry = table.entry
        layout = entry.layout
        account = layout.account if layout else None
        cursor.execute(
            "INSERT INTO datawarp.tbl_manifest_files (unit, source_code, file_id, url, filename, sha256, member, "
            "sheet, reader, layout, columns, sheet_rows, header_rows, body_rows, blank_rows, footnote_rows, "
            "excluded_rows, other_table_rows, rows_loaded, excluded, load_id) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s) "
            "ON CONFLICT (unit, source_code, file_id) DO UPDATE SET url = excluded.url, filename = excluded.filename, "
            "reader = excluded.reader, layout = excluded.layout, columns = excluded.columns, "
            "sheet_rows = excluded.sheet_rows, header_rows = excluded.header_rows, body_rows = excluded.body_rows, "
            "blank_rows = excluded.blank_rows, footnote_rows = excluded.footnote_rows, "
            "excluded_rows = excluded.excluded_rows, other_table_rows = excluded.other_table_rows, "
            "excluded = excluded.excluded, load_id = excluded.load_id, superseded_at = NULL "
            "RETURNING manifest_file_id",
            (
                unit.name,
                load.code,
                entry.id,
                entry.url,
                entry.filename,
                entry.sha256,
                entry.member,
                entry.sheet,
                entry.reader,
                layout.model_dump_json() if layout else None,
                _json([c.model_dump(mode="json", exclude_none=True) for c in entry.columns]),
                account.sheet_rows if account else None,
                account.header if account else None,
                account.body if account else None,
                account.blank if account else None,
                account.footnotes if account else None,
                account.excluded if account else None,
                account.other_tables if account else None,
                _json([e.model_dump(mode="json") for e in layout.excluded] if layout else []),
                load_id,
            ),
        )
        [(number,)] = cursor.fetchall()
        ids[entry.id] = int(number)
    return ids


def count_files(cursor: Cursor, rows_by_id: Mapping[int, int]) -> None:
    """Note how many rows of each table were loaded."""
    execute_values(
        cursor,
        "UPDATE datawarp.tbl_manifest_files f SET rows_loaded = v.n FROM (VALUES %s) v (id, n) "
        "WHERE f.manifest_file_id = v.id",
        list(rows_by_id.items()),
    )


def supersede_files(cursor: Cursor, units: Sequence[str], source_code: str, keep: Iterable[int]) -> None:
    """Note that the units' other tables of a source have no rows any more."""
    cursor.execute(
        "UPDATE datawarp.tbl_manifest_files SET superseded_at = now(), rows_loaded = 0 WHERE unit = ANY(%s) "
        "AND source_code = %s AND superseded_at IS NULL AND NOT manifest_file_id = ANY(%s::int[])",
        (list(units), source_code, list(keep)),
    )


def map_source(cursor: Cursor, unit: Unit, load: SourceLoad) -> None:
    """Record which canonical source the unit's tables were matched to, and how."""
    how = load.source.enrichment or Enrichment(method="rules")
    for table in load.tables:
        cursor.execute(
            "INSERT INTO datawarp.tbl_source_mappings (unit, publication, canonical_period, file_id, sheet, title, "
            "source_code, method, layers, agreement, confidence, needs_review, reasons, decided_by) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (unit, file_id) DO UPDATE SET source_code = excluded.source_code, sheet = excluded.sheet, "
            "title = excluded.title, method = excluded.method, layers = excluded.layers, "
            "agreement = excluded.agreement, confidence = excluded.confidence, needs_review = excluded.needs_review, "
            "reasons = excluded.reasons, decided_by = excluded.decided_by, mapped_at = now()",
            (
                unit.name,
                unit.publication,
                unit.when.canonical,
                table.entry.id,
                table.entry.sheet,
                table.entry.layout.title if table.entry.layout else None,
                load.code,
                how.method,
                how.layers,
                how.agreement,
                how.confidence,
                how.needs_review,
                how.reasons,
                "person" if how.method == "person" else None,
            ),
        )


def forget_mappings(cursor: Cursor, unit: Unit, keep: Iterable[str]) -> None:
    """Drop the mappings of tables that the unit's manifest no longer has."""
    cursor.execute(
        "DELETE FROM datawarp.tbl_source_mappings WHERE unit = %s AND NOT file_id = ANY(%s)", (unit.name, list(keep))
    )


def write_corrections(
    cursor: Cursor, unit: Unit, load: SourceLoad, tables: Iterable[tuple[Table, int]], load_id: int
) -> None:
    """Record the cells of a source that were loaded with another value than published."""
    cursor.execute("DELETE FROM datawarp.tbl_corrections WHERE unit = %s AND source_code = %s", (unit.name, load.code))
    rows = [
        (
            *(load_id, unit.name, load.code, unit.when.canonical, number, cell.row, cell.correction.column),
            *(cell.old, cell.new, cell.correction.reason, cell.correction.reported_by),
        )
        for table, number in tables
        for cell in table.corrected
    ]
    if rows:
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_corrections (load_id, unit, source_code, canonical_period, manifest_file_id, "
            "source_row, column_name, old_value, new_value, reason, reported_by) VALUES %s",
            rows,
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
