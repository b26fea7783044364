"""What a load writes about its sources: whose table it is, what source and columns mean, and the history of loads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datawarp.errors import ContractError
from datawarp.manifest.models import ColumnType, SourceMetadata
from datawarp.registry.models import Unit
from datawarp.warehouse.load.context import LoadContext, Written
from datawarp.warehouse.load.plan import SourceLoad
from datawarp.warehouse.load.recordset import recordset
from datawarp.warehouse.types import POSTGRES

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

# The first and the last period are found in whatever order they come, and the newest period's words win.
_COLUMNS = """
INSERT INTO datawarp.tbl_column_metadata AS c (
    source_code, column_name, data_type, position, original_name, semantic_name, description, unit, is_dimension,
    is_measure, query_keywords, first_period, first_period_start, last_period, last_period_start)
SELECT source_code, column_name, data_type, position, original_name, semantic_name, description, unit, is_dimension,
    is_measure, query_keywords, period, period_start, period, period_start
FROM json_to_recordset(%s) AS r (
    source_code text, column_name text, data_type text, position integer, original_name text, semantic_name text,
    description text, unit text, is_dimension boolean, is_measure boolean, query_keywords text[], period text,
    period_start date)
ON CONFLICT (source_code, column_name) DO UPDATE SET data_type = excluded.data_type, {}
"""
_FIRST = "excluded.first_period_start < coalesce(c.first_period_start, 'infinity')"
_NEWEST = "excluded.last_period_start >= coalesce(c.last_period_start, '-infinity')"
_WHEN = {
    _FIRST: ("first_period", "first_period_start"),
    _NEWEST: (
        *("position", "original_name", "semantic_name", "description", "unit", "is_dimension", "is_measure"),
        *("query_keywords", "last_period", "last_period_start"),
    ),
}
_DESCRIBE_COLUMNS = _COLUMNS.format(
    ", ".join(
        f"{name} = CASE WHEN {condition} THEN excluded.{name} ELSE c.{name} END"
        for condition, names in _WHEN.items()
        for name in names
    )
    + f", updated_at = CASE WHEN {_NEWEST} THEN now() ELSE c.updated_at END"
)

_DESCRIBE_SOURCES = """
UPDATE datawarp.tbl_canonical_sources c SET name = r.name, description = r.description, record_type = r.record_type,
    granularity = r.granularity, measures = r.measures, dimensions = r.dimensions, tags = r.tags,
    described_by_period = %(period)s, described_as_of = %(end)s, updated_at = now()
FROM json_to_recordset(%(sources)s) AS r (
    source_code text, name text, description text, record_type text, granularity text, measures text[],
    dimensions text[], tags text[])
WHERE c.source_code = r.source_code AND coalesce(c.described_as_of, '-infinity') <= %(end)s
"""

_HISTORY = """
INSERT INTO datawarp.tbl_load_history (
    load_id, unit, publication, period, canonical_period, period_start, period_end, source_code, table_name, outcome,
    is_current, body_rows, rows_loaded, rows_replaced, columns, content_checksum, manifest_sha256, contract_version,
    corrections_version, started_at, seconds)
SELECT %s, %s, %s, %s, %s, %s, %s, source_code, table_name, outcome, outcome = 'loaded', body_rows, rows_loaded,
    rows_replaced, columns, content_checksum, %s, %s, %s, started_at, seconds
FROM json_to_recordset(%s) AS r (
    source_code text, table_name text, outcome text, body_rows bigint, rows_loaded bigint, rows_replaced bigint,
    columns jsonb, content_checksum text, started_at timestamptz, seconds double precision)
"""


def next_load_id(cursor: Cursor) -> int:
    """A number for this transaction; numbers of loads that were rolled back are never used again."""
    cursor.execute("SELECT nextval('datawarp.seq_load_id')")
    [(number,)] = cursor.fetchall()
    return int(number)


def claim_sources(cursor: Cursor, unit: Unit, loads: Sequence[SourceLoad]) -> None:
    """Register sources and their tables; raises :class:`ContractError` when another publication has one of them.

    They are registered before they are looked at, in the order of their codes: so the second of two loads that come
    with the same code waits for the first, and then sees whose it is.
    """
    wanted = {load.code: load for load in loads}
    codes, names = list(wanted), [load.source.name for load in wanted.values()]
    cursor.execute(
        "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) "
        'SELECT code, %s, name FROM unnest(%s::text[], %s::text[]) AS r (code, name) ORDER BY code COLLATE "C" '
        "ON CONFLICT DO NOTHING",
        (unit.publication, codes, names),
    )
    cursor.execute(
        "SELECT source_code, publication FROM datawarp.tbl_canonical_sources WHERE source_code = ANY(%s) "
        'ORDER BY source_code COLLATE "C" FOR KEY SHARE',
        (codes,),
    )
    for code, publication in cursor.fetchall():
        if publication != unit.publication:
            raise _claimed(unit, wanted[code], f"source {code} of {publication}")
    tables = [load.table_name for load in loads]
    cursor.execute(
        "INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) "
        'SELECT code, %s, name FROM unnest(%s::text[], %s::text[]) AS r (code, name) ORDER BY code COLLATE "C" '
        "ON CONFLICT DO NOTHING",
        (unit.publication, [load.code for load in loads], tables),
    )
    cursor.execute(
        "SELECT source_code, publication, table_name FROM datawarp.tbl_data_sources "
        'WHERE source_code = ANY(%s) OR table_name = ANY(%s) ORDER BY source_code COLLATE "C"',
        (codes, tables),
    )
    by_code, by_table = {}, {}
    for line in cursor.fetchall():
        by_code[line[0]] = by_table[line[2]] = line
    for load in loads:
        own = (load.code, unit.publication, load.table_name)
        for known in (by_code.get(load.code, own), by_table.get(load.table_name, own)):
            if known != own:
                raise _claimed(unit, load, "source {} of {} in {}".format(*known))
    cursor.execute("UPDATE datawarp.tbl_data_sources SET updated_at = now() WHERE source_code = ANY(%s)", (codes,))


def _claimed(unit: Unit, load: SourceLoad, known: str) -> ContractError:
    return ContractError(
        f"source {load.code} of {unit.publication} is to be stored in {load.table_name}, and the warehouse has {known}",
        where=load.tables[0].where,
        hint="give the source a code and a table of its own in the enriched manifest; if the publication was renamed "
        "in the registry, give it its old code back, or remove what the old one left with `snakemake cleanup`",
    )


def describe_sources(cursor: Cursor, unit: Unit, loads: Iterable[SourceLoad]) -> None:
    """Give sources the description of this unit's manifest, unless a later period has given one."""
    rows = [
        {
            "source_code": load.code,
            "name": load.source.name,
            "description": load.source.description,
            **(load.source.metadata or SourceMetadata()).model_dump(mode="json"),
        }
        for load in loads
    ]
    cursor.execute(_DESCRIBE_SOURCES, {"period": unit.when.canonical, "end": unit.when.end, "sources": recordset(rows)})


def describe_columns(cursor: Cursor, unit: Unit, loads: Iterable[tuple[SourceLoad, Mapping[str, ColumnType]]]) -> None:
    """Bring the column catalogue up to date: stored types, first and last period, the newest period's words.

    Each source comes with the columns that its table has now.
    """
    rows = [_column(unit, load, name, kind) for load, stored in loads for name, kind in stored.items()]
    cursor.execute(_DESCRIBE_COLUMNS, (recordset(rows),))


def _column(unit: Unit, load: SourceLoad, name: str, kind: ColumnType) -> dict[str, Any]:
    column = load.columns.get(name)
    word = column.manifest if column else None
    return {
        "source_code": load.code,
        "column_name": name,
        "data_type": POSTGRES[kind],
        "position": column.position if column else 0,
        "original_name": word.original_name if word else None,
        "semantic_name": word.semantic_name if word else None,
        "description": word.description if word else None,
        "unit": word.unit if word else None,
        "is_dimension": word.is_dimension if word else None,
        "is_measure": word.is_measure if word else None,
        "query_keywords": (word.query_keywords if word else None) or [],
        "period": unit.when.canonical if column else None,
        "period_start": unit.when.start if column else None,
    }


def retire(cursor: Cursor, gone: Collection[tuple[str, str]]) -> None:
    """The standing loads of these units and sources stand no longer."""
    cursor.execute(
        "UPDATE datawarp.tbl_load_history SET is_current = false "
        "WHERE (unit, source_code) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND is_current",
        ([unit for unit, _ in gone], [code for _, code in gone]),
    )


def write_history(cursor: Cursor, context: LoadContext, lines: Iterable[Written]) -> None:
    """Add lines to the history of sources; one stands when its outcome is ``loaded``."""
    unit = context.unit
    rows = [
        {
            "source_code": written.code,
            "table_name": written.table,
            "outcome": written.outcome,
            "body_rows": written.body,
            "rows_loaded": written.rows,
            "rows_replaced": written.replaced,
            "columns": written.columns,
            "content_checksum": written.checksum,
            "started_at": written.started,
            "seconds": round(written.seconds, 3),
        }
        for written in lines
    ]
    cursor.execute(
        _HISTORY,
        (
            *(context.load_id, unit.name, unit.publication, unit.period),
            *(unit.when.canonical, unit.when.start, unit.when.end),
            *(context.manifest_sha256, context.contract_version, context.corrections_version),
            recordset(rows),
        ),
    )
