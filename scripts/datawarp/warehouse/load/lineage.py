"""Where rows come from: the tables of files that were loaded, what they were matched to, what was corrected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from datawarp.manifest.models import Enrichment
from datawarp.registry.models import Unit
from datawarp.warehouse.load.plan import SourceLoad, Table
from datawarp.warehouse.load.recordset import recordset

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


_FILES = """
INSERT INTO datawarp.tbl_manifest_files (
    unit, source_code, file_id, url, filename, sha256, member, sheet, reader, layout, columns, sheet_rows, header_rows,
    body_rows, blank_rows, footnote_rows, excluded_rows, other_table_rows, rows_loaded, excluded, load_id)
SELECT %s, source_code, file_id, url, filename, sha256, member, sheet, reader, layout, columns, sheet_rows, header_rows,
    body_rows, blank_rows, footnote_rows, excluded_rows, other_table_rows, 0, excluded, load_id
FROM json_to_recordset(%s) AS r (
    source_code text, file_id text, url text, filename text, sha256 text, member text, sheet text, reader text,
    layout jsonb, columns jsonb, sheet_rows bigint, header_rows bigint, body_rows bigint, blank_rows bigint,
    footnote_rows bigint, excluded_rows bigint, other_table_rows bigint, excluded jsonb, load_id integer)
ON CONFLICT (unit, source_code, file_id) DO UPDATE SET url = excluded.url, filename = excluded.filename,
    reader = excluded.reader, layout = excluded.layout, columns = excluded.columns, sheet_rows = excluded.sheet_rows,
    header_rows = excluded.header_rows, body_rows = excluded.body_rows, blank_rows = excluded.blank_rows,
    footnote_rows = excluded.footnote_rows, excluded_rows = excluded.excluded_rows,
    other_table_rows = excluded.other_table_rows, excluded = excluded.excluded, load_id = excluded.load_id,
    superseded_at = NULL
RETURNING file_id, manifest_file_id
"""

_MAPPINGS = """
INSERT INTO datawarp.tbl_source_mappings (
    unit, publication, canonical_period, file_id, sheet, title, source_code, method, layers, agreement, confidence,
    needs_review, reasons, decided_by)
SELECT %s, %s, %s, file_id, sheet, title, source_code, method, layers, agreement, confidence, needs_review, reasons,
    decided_by
FROM json_to_recordset(%s) AS r (
    file_id text, sheet text, title text, source_code text, method text, layers text[], agreement double precision,
    confidence double precision, needs_review boolean, reasons text[], decided_by text)
ON CONFLICT (unit, file_id) DO UPDATE SET source_code = excluded.source_code, sheet = excluded.sheet,
    title = excluded.title, method = excluded.method, layers = excluded.layers, agreement = excluded.agreement,
    confidence = excluded.confidence, needs_review = excluded.needs_review, reasons = excluded.reasons,
    decided_by = excluded.decided_by, mapped_at = now()
"""


_CORRECTIONS = """
INSERT INTO datawarp.tbl_corrections (
    load_id, unit, source_code, canonical_period, manifest_file_id, source_row, column_name, old_value, new_value,
    reason, reported_by)
SELECT load_id, %s, source_code, %s, number, "row", column_name, old, new, reason, reported_by
FROM json_to_recordset(%s) AS r (
    load_id integer, source_code text, number integer, "row" integer, column_name text, old text, new text,
    reason text, reported_by text)
"""


def files_of(cursor: Cursor, unit: str, source_code: str) -> set[str]:
    """The ids of the tables whose rows of a unit's source are in the warehouse."""
    cursor.execute(
        "SELECT file_id FROM datawarp.tbl_manifest_files WHERE unit = %s AND source_code = %s "
        "AND superseded_at IS NULL",
        (unit, source_code),
    )
    return {row[0] for row in cursor.fetchall()}


def register_files(cursor: Cursor, unit: Unit, loads: Iterable[tuple[SourceLoad, int]]) -> dict[str, int]:
    """The lineage rows of the tables of sources, by file id; a table that was loaded before keeps its number.

    Each source comes with the number of the load that brought its rows.
    """
    rows = [_file(load, table, load_id) for load, load_id in loads for table in load.tables]
    cursor.execute(_FILES, (unit.name, recordset(rows)))
    return dict(cursor.fetchall())


def _file(load: SourceLoad, table: Table, load_id: int) -> dict[str, Any]:
    entry, layout = table.entry, table.entry.layout
    account = layout.account if layout else None
    return {
        "source_code": load.code,
        "file_id": entry.id,
        "url": entry.url,
        "filename": entry.filename,
        "sha256": entry.sha256,
        "member": entry.member,
        "sheet": entry.sheet,
        "reader": entry.reader,
        "layout": layout.model_dump(mode="json") if layout else None,
        "columns": [c.model_dump(mode="json", exclude_none=True) for c in entry.columns],
        "sheet_rows": account.sheet_rows if account else None,
        "header_rows": account.header if account else None,
        "body_rows": account.body if account else None,
        "blank_rows": account.blank if account else None,
        "footnote_rows": account.footnotes if account else None,
        "excluded_rows": account.excluded if account else None,
        "other_table_rows": account.other_tables if account else None,
        "excluded": [e.model_dump(mode="json") for e in layout.excluded] if layout else [],
        "load_id": load_id,
    }


def count_files(cursor: Cursor, rows_by_id: Mapping[int, int]) -> None:
    """Note how many rows of each table were loaded."""
    cursor.execute(
        "UPDATE datawarp.tbl_manifest_files f SET rows_loaded = r.rows "
        "FROM unnest(%s::integer[], %s::bigint[]) AS r (number, rows) WHERE f.manifest_file_id = r.number",
        (list(rows_by_id), list(rows_by_id.values())),
    )


def supersede_files(cursor: Cursor, gone: Collection[tuple[str, str]], keep: Iterable[int] = ()) -> None:
    """Note that tables of these units and sources have no rows any more, but for those with the numbers ``keep``."""
    cursor.execute(
        "UPDATE datawarp.tbl_manifest_files SET superseded_at = now(), rows_loaded = 0 "
        "WHERE (unit, source_code) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND superseded_at IS NULL "
        "AND NOT manifest_file_id = ANY(%s::integer[])",
        ([unit for unit, _ in gone], [code for _, code in gone], list(keep)),
    )


def map_sources(cursor: Cursor, unit: Unit, loads: Iterable[SourceLoad]) -> None:
    """Record which canonical source each of the unit's tables was matched to, and how."""
    rows = [_mapping(load, table) for load in loads for table in load.tables]
    cursor.execute(_MAPPINGS, (unit.name, unit.publication, unit.when.canonical, recordset(rows)))


def _mapping(load: SourceLoad, table: Table) -> dict[str, Any]:
    how = load.source.enrichment or Enrichment(method="rules")
    return {
        "file_id": table.entry.id,
        "sheet": table.entry.sheet,
        "title": table.entry.layout.title if table.entry.layout else None,
        "source_code": load.code,
        "method": how.method,
        "layers": how.layers,
        "agreement": how.agreement,
        "confidence": how.confidence,
        "needs_review": how.needs_review,
        "reasons": how.reasons,
        "decided_by": "person" if how.method == "person" else None,
    }


def forget_mappings(cursor: Cursor, unit: Unit, keep: Iterable[str]) -> None:
    """Drop the mappings of tables that the unit's manifest no longer has."""
    cursor.execute(
        "DELETE FROM datawarp.tbl_source_mappings WHERE unit = %s AND NOT file_id = ANY(%s)", (unit.name, list(keep))
    )


def write_corrections(
    cursor: Cursor, unit: Unit, loads: Iterable[tuple[SourceLoad, int]], ids: Mapping[str, int]
) -> None:
    """Record the cells of sources that were loaded with another value than published.

    Each source comes with the number of the load that brought its rows; ``ids`` are the numbers of its tables.
    """
    loads = list(loads)
    cursor.execute(
        "DELETE FROM datawarp.tbl_corrections WHERE unit = %s AND source_code = ANY(%s)",
        (unit.name, [load.code for load, _ in loads]),
    )
    rows = [
        {
            "load_id": load_id,
            "source_code": load.code,
            "number": ids[table.entry.id],
            "row": cell.row,
            "column_name": cell.correction.column,
            "old": cell.old,
            "new": cell.new,
            "reason": cell.correction.reason,
            "reported_by": cell.correction.reported_by,
        }
        for load, load_id in loads
        for table in load.tables
        for cell in table.corrected
    ]
    if rows:
        cursor.execute(_CORRECTIONS, (unit.name, unit.when.canonical, recordset(rows)))
