"""What a load writes about its sources: whose table it is, what source and columns mean, and the history of loads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2.extras import execute_values

from datawarp.errors import ContractError
from datawarp.manifest.models import ColumnType, SourceMetadata
from datawarp.registry.models import Unit
from datawarp.warehouse.load.context import LoadContext, Written
from datawarp.warehouse.load.plan import SourceLoad
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
    [(number,)] = cursor.fetchall()
    return int(number)


def claim_source(cursor: Cursor, unit: Unit, load: SourceLoad) -> None:
    """Register the source and its table; raises :class:`ContractError` when another publication has either.

    Each is registered before it is looked at: so the second of two loads that come with the same code waits for the
    first, and then sees whose it is.
    """
    wanted = (load.code, unit.publication, load.table_name)
    cursor.execute(
        "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (load.code, unit.publication, load.source.name),
    )
    cursor.execute(
        "SELECT publication FROM datawarp.tbl_canonical_sources WHERE source_code = %s FOR KEY SHARE", (load.code,)
    )
    for (publication,) in cursor.fetchall():
        if publication != unit.publication:
            raise _claimed(unit, load, f"source {load.code} of {publication}")
    cursor.execute(
        "INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        wanted,
    )
    cursor.execute(
        "SELECT source_code, publication, table_name FROM datawarp.tbl_data_sources "
        "WHERE source_code = %s OR table_name = %s",
        (load.code, load.table_name),
    )
    for code, publication, table in cursor.fetchall():
        if (code, publication, table) != wanted:
            raise _claimed(unit, load, f"source {code} of {publication} in {table}")
    cursor.execute("UPDATE datawarp.tbl_data_sources SET updated_at = now() WHERE source_code = %s", (load.code,))


def _claimed(unit: Unit, load: SourceLoad, known: str) -> ContractError:
    return ContractError(
        f"source {load.code} of {unit.publication} is to be stored in {load.table_name}, and the warehouse has {known}",
        where=load.tables[0].where,
        hint="give the source a code and a table of its own in the enriched manifest; if the publication was renamed "
        "in the registry, give it its old code back, or remove what the old one left with `snakemake cleanup`",
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
    stored: Mapping[str, ColumnType],
) -> None:
    """Bring the column catalogue up to date: stored types, first and last period, the newest period's words."""
    when, incoming = unit.when, load.columns()
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


def retire(cursor: Cursor, source_code: str, units: Sequence[str]) -> None:
    """The standing loads of a source by these units stand no longer."""
    cursor.execute(
        "UPDATE datawarp.tbl_load_history SET is_current = false "
        "WHERE source_code = %s AND unit = ANY(%s) AND is_current",
        (source_code, list(units)),
    )


def write_history(
    cursor: Cursor, context: LoadContext, source: tuple[str, str], written: Written, started: datetime, seconds: float
) -> None:
    """Add a line to the history of a source, given by code and table; it stands when its outcome is ``loaded``."""
    unit = context.unit
    cursor.execute(
        "INSERT INTO datawarp.tbl_load_history (load_id, unit, publication, period, canonical_period, period_start, "
        "period_end, source_code, table_name, outcome, is_current, body_rows, rows_loaded, rows_replaced, columns, "
        "content_checksum, manifest_sha256, contract_version, corrections_version, started_at, seconds) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            context.load_id,
            unit.name,
            unit.publication,
            unit.period,
            unit.when.canonical,
            unit.when.start,
            unit.when.end,
            *source,
            written.outcome,
            written.outcome == "loaded",
            written.body,
            written.rows,
            written.replaced,
            json.dumps(written.columns, ensure_ascii=False),
            written.checksum,
            context.manifest_sha256,
            context.contract_version,
            context.corrections_version,
            started,
            seconds,
        ),
    )
