"""What a load writes about itself: sources, columns, lineage, mappings, history, drift, corrections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2.extras import execute_values

from datawarp.errors import ContractError
from datawarp.manifest.models import ColumnType, Enrichment, SourceMetadata
from datawarp.registry.models import Unit
from datawarp.warehouse.load.contract import Standing
from datawarp.warehouse.load.drift import BETWEEN_PERIODS, DriftEvent
from datawarp.warehouse.load.plan import IncomingColumn, SourceLoad, Table, UnitLoad
from datawarp.warehouse.types import POSTGRES

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_COLUMN_METADATA = """
INSERT INTO datawarp.tbl_column_metadata AS c (
    source_code, column_name, data_type, position, original_name, semantic_name, description, unit, is_dimension,
    is_measure, query_keywords, first_period, first_period_start, last_period, last_period_start)
VALUES %s ON CONFLICT (source_code, column_name) DO UPDATE SET
"""
# The first and the last period are found in whatever order they come, and the newest period's words win.
_TYPE = "data_type = excluded.data_type"
_FIRST = """
    first_period = excluded.first_period, first_period_start = excluded.first_period_start
WHERE excluded.first_period_start < coalesce(c.first_period_start, 'infinity')
"""
_NEWEST = """
    position = excluded.position, original_name = excluded.original_name, semantic_name = excluded.semantic_name,
    description = excluded.description, unit = excluded.unit, is_dimension = excluded.is_dimension,
    is_measure = excluded.is_measure, query_keywords = excluded.query_keywords, last_period = excluded.last_period,
    last_period_start = excluded.last_period_start, updated_at = now()
WHERE excluded.last_period_start >= coalesce(c.last_period_start, '-infinity')
"""


def next_load_id(cursor: Cursor) -> int:
    """A number for this transaction; numbers of loads that were rolled back are never used again."""
    cursor.execute("SELECT nextval('datawarp.seq_load_id')")
    return int(_one(cursor)[0])


def earlier_sources(cursor: Cursor, unit: str) -> dict[str, str]:
    """The sources that a unit has in the warehouse, with their tables."""
    cursor.execute(
        "SELECT source_code, table_name FROM datawarp.tbl_load_history WHERE unit = %s AND is_current", (unit,)
    )
    return dict(cursor.fetchall())


def known_sources(cursor: Cursor, publication: str, without_unit: str) -> set[str]:
    """The sources that other units of the publication have loaded."""
    cursor.execute(
        "SELECT DISTINCT source_code FROM datawarp.tbl_load_history "
        "WHERE publication = %s AND unit <> %s AND is_current",
        (publication, without_unit),
    )
    return {row[0] for row in cursor.fetchall()}


def standing(cursor: Cursor, source_code: str) -> list[Standing]:
    """What the warehouse holds of a source, by unit."""
    cursor.execute(
        "SELECT unit, canonical_period, period_start, period_end, rows_loaded, body_rows, columns, content_checksum, "
        "load_id, contract_version, table_name FROM datawarp.tbl_load_history WHERE source_code = %s AND is_current",
        (source_code,),
    )
    return [Standing(*row) for row in cursor.fetchall()]


def claim_source(cursor: Cursor, unit: Unit, load: SourceLoad) -> None:
    """Register the source and its table; raises :class:`ContractError` when another publication has either."""
    cursor.execute(
        "SELECT source_code, publication, table_name FROM datawarp.tbl_data_sources "
        "WHERE source_code = %s OR table_name = %s",
        (load.code, load.table_name),
    )
    wanted = (load.code, unit.publication, load.table_name)
    for code, publication, table in cursor.fetchall():
        if (code, publication, table) != wanted:
            raise ContractError(
                f"source {load.code} of {unit.publication} is to be stored in {load.table_name}, and the warehouse has "
                f"source {code} of {publication} in {table}",
                where=load.tables[0].where,
                hint="give the source a code and a table of its own in the enriched manifest",
            )
    cursor.execute(
        "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (load.code, unit.publication, load.source.name),
    )
    cursor.execute(
        "INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) VALUES (%s, %s, %s) "
        "ON CONFLICT (source_code) DO UPDATE SET updated_at = now()",
        wanted,
    )


def describe_source(cursor: Cursor, unit: Unit, load: SourceLoad) -> None:
    """Give the source the description of this unit's manifest, unless a later period has given one."""
    meta = load.source.metadata or SourceMetadata()
    cursor.execute(
        "UPDATE datawarp.tbl_canonical_sources SET name = %s, description = %s, record_type = %s, granularity = %s, "
        "measures = %s, dimensions = %s, tags = %s, described_by_period = %s, described_as_of = %s, updated_at = now() "
        "WHERE source_code = %s AND coalesce(described_as_of, '-infinity') <= %s",
        (
            load.source.name,
            load.source.description,
            meta.record_type,
            meta.granularity,
            meta.measures,
            meta.dimensions,
            meta.tags,
            unit.when.canonical,
            unit.when.end,
            load.code,
            unit.when.end,
        ),
    )


def describe_columns(
    cursor: Cursor,
    unit: Unit,
    load: SourceLoad,
    incoming: Mapping[str, IncomingColumn],
    stored: Mapping[str, ColumnType],
) -> None:
    """Bring the column catalogue up to date: stored types, first and last period, the newest period's words."""
    when = unit.when
    rows = []
    for name, kind in stored.items():
        column = incoming.get(name)
        word = column.manifest if column else None
        rows.append(
            (
                load.code,
                name,
                POSTGRES[kind],
                column.position if column else 0,
                word.original_name if word else None,
                word.semantic_name if word else None,
                word.description if word else None,
                word.unit if word else None,
                word.is_dimension if word else None,
                word.is_measure if word else None,
                (word.query_keywords if word else None) or [],
                when.canonical if column else None,
                when.start if column else None,
            )
        )
    for change in (_TYPE, _FIRST, _NEWEST):
        execute_values(cursor, _COLUMN_METADATA + change, [(*row, *row[-2:]) for row in rows], page_size=1000)


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
        ids[entry.id] = int(_one(cursor)[0])
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


def retire(cursor: Cursor, source_code: str, units: Sequence[str]) -> None:
    """The standing loads of a source by these units stand no longer."""
    cursor.execute(
        "UPDATE datawarp.tbl_load_history SET is_current = false "
        "WHERE source_code = %s AND unit = ANY(%s) AND is_current",
        (source_code, list(units)),
    )


def write_history(
    cursor: Cursor,
    load: UnitLoad,
    source_code: str,
    table_name: str,
    *,
    load_id: int,
    outcome: str,
    rows: int,
    body: int,
    replaced: int,
    columns: list[dict[str, Any]],
    checksum: str,
    contract: str,
    corrections: str | None,
    started: datetime,
    seconds: float,
) -> None:
    """Add a line to the history; it stands when it says ``loaded``."""
    unit = load.unit
    cursor.execute(
        "INSERT INTO datawarp.tbl_load_history (load_id, unit, publication, period, canonical_period, period_start, "
        "period_end, source_code, table_name, outcome, is_current, body_rows, rows_loaded, rows_replaced, columns, "
        "content_checksum, manifest_sha256, contract_version, corrections_version, started_at, seconds) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            load_id,
            unit.name,
            unit.publication,
            unit.period,
            unit.when.canonical,
            unit.when.start,
            unit.when.end,
            source_code,
            table_name,
            outcome,
            outcome == "loaded",
            body,
            rows,
            replaced,
            _json(columns),
            checksum,
            load.manifest_sha256,
            contract,
            corrections,
            started,
            seconds,
        ),
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


def write_drift(
    cursor: Cursor,
    unit: tuple[str, str, str],
    source: tuple[str | None, str],
    load_id: int,
    against: str | None,
    events: Iterable[DriftEvent],
    *,
    between_periods: bool,
) -> None:
    """Replace the events between periods of a unit's source, or add events of a load to it.

    ``unit`` is name, publication and canonical period, ``source`` its code if it is registered and its code. An
    event that a person has dealt with stays, and no event is written twice.
    """
    name, publication, period = unit
    code, subject = source
    if between_periods:
        cursor.execute(
            "DELETE FROM datawarp.tbl_drift_events WHERE unit = %s AND subject = %s AND resolved_at IS NULL "
            "AND kind = ANY(%s)",
            (name, subject, list(BETWEEN_PERIODS)),
        )
    cursor.execute(
        "SELECT kind, column_name, message FROM datawarp.tbl_drift_events WHERE unit = %s AND subject = %s",
        (name, subject),
    )
    written = set(cursor.fetchall())
    rows = [
        (
            *(load_id, name, publication, period, against, code, subject, e.column, e.kind, e.severity, e.message),
            *(e.expected, e.found, _json(e.details)),
        )
        for e in events
        if (e.kind, e.column, e.message) not in written
    ]
    if rows:
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_drift_events (load_id, unit, publication, canonical_period, against_period, "
            "source_code, subject, column_name, kind, severity, message, expected, found, details) VALUES %s",
            rows,
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return asdict(value)


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row
