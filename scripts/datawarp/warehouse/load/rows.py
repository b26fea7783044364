"""The rows of one source of a unit: left as they are, or replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from datawarp.errors import ContractError
from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load import evolve, lineage
from datawarp.warehouse.load.context import LoadContext, Outcome, Written
from datawarp.warehouse.load.contract import body_rows, check_account
from datawarp.warehouse.load.copy import Rows, copy_rows
from datawarp.warehouse.load.evolve import Evolution
from datawarp.warehouse.load.marker import LoadedFile
from datawarp.warehouse.load.plan import IncomingColumn, SourceLoad
from datawarp.warehouse.load.standing import Standing
from datawarp.warehouse.load.tally import Tally

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


def may_be_there(
    cursor: Cursor, context: LoadContext, source: SourceLoad, own: Standing, stored: Mapping[str, ColumnType] | None
) -> bool:
    """Whether the warehouse may hold exactly these rows, as far as can be said without reading them.

    It does not when the contract, the files or the columns are others, or when rows are missing.
    """
    if stored is None or own.period != context.unit.when.canonical or own.table != source.table_name:
        return False
    if own.contract != context.contract_version:
        return False
    if [(c["name"], c["type"]) for c in own.columns] != [(c.name, c.type) for c in source.columns().values()]:
        return False
    if lineage.files_of(cursor, own.unit, source.code) != {t.entry.id for t in source.tables}:
        return False
    cursor.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE _period = %s AND _load_id = %s").format(
            sql.Identifier("staging", source.table_name)
        ),
        (own.period, own.load_id),
    )
    return bool(cursor.fetchone() == (own.rows,))


def leave(cursor: Cursor, context: LoadContext, source: SourceLoad, own: Standing, tally: Tally) -> Written:
    """The rows are there: bring their lineage up to date."""
    source.check_corrections()
    ids = lineage.register_files(cursor, context.unit, source, own.load_id)
    lineage.count_files(cursor, {ids[t.entry.id]: tally.rows[t.entry.id] for t in source.tables})
    tables = ((t, ids[t.entry.id]) for t in source.tables)
    lineage.write_corrections(cursor, context.unit, source, tables, own.load_id)
    return _written("unchanged", source, tally)


def replace(
    cursor: Cursor,
    context: LoadContext,
    source: SourceLoad,
    stored: Mapping[str, ColumnType] | None,
    tally: Tally | None,
    units: Sequence[str],
) -> tuple[Written, dict[str, ColumnType]]:
    """Put the source's rows in the place of those that ``units`` brought for the period, the table changed as need be.

    ``tally`` is that of the rows where they were read before. Returns what was done and the table's columns now.
    """
    ids = lineage.register_files(cursor, context.unit, source, context.load_id)
    old = rows_of(context.unit.when.canonical, units if source.appends else None)
    evolution, tally = evolve.decide(cursor, source, stored, context.contract, tally, old)
    replaced = 0 if stored is None else delete(cursor, source.table_name, old)
    evolve.apply(cursor, source, evolution)
    tally = _copy(cursor, context, source, evolution, tally, ids)
    if not evolution.exists:
        evolve.index(cursor, source)
    lineage.count_files(cursor, {ids[t.entry.id]: tally.rows[t.entry.id] for t in source.tables})
    lineage.supersede_files(cursor, units, source.code, ids.values())
    tables = ((t, ids[t.entry.id]) for t in source.tables)
    lineage.write_corrections(cursor, context.unit, source, tables, context.load_id)
    written = _written("loaded", source, tally, replaced)
    written.events += evolution.events()
    return written, {**(stored or {}), **evolution.added, **evolution.stored}


def rows_of(period: str, units: Sequence[str] | None = None) -> sql.Composed:
    """The condition that picks the rows of a period; of ``units`` alone, where others share it."""
    condition = sql.SQL("_period = {}").format(sql.Literal(period))
    if units is None:
        return condition
    return condition + sql.SQL(
        " AND _manifest_file_id IN (SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = ANY({}))"
    ).format(sql.Literal(list(units)))


def delete(cursor: Cursor, table: str, condition: sql.Composed) -> int:
    """Delete rows of a staging table; how many there were. Readers go on reading them until the load is committed."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier("staging", table), condition))
    return int(cursor.rowcount)


def _copy(
    cursor: Cursor,
    context: LoadContext,
    source: SourceLoad,
    evolution: Evolution,
    known: Tally | None,
    ids: Mapping[str, int],
) -> Tally:
    when = context.unit.when
    tally = known or Tally()
    for table in source.tables:
        constants = {
            "_period": when.canonical,
            "_period_start": when.start,
            "_period_end": when.end,
            "_manifest_file_id": ids[table.entry.id],
            "_load_id": context.load_id,
        }
        rows = Rows(table, evolution.stored, frozenset(evolution.kept), constants)
        if known is None:
            tally.begin(table.entry.id)
        counting = tally if known is None else None
        copied = copy_rows(cursor, source.table_name, rows, counting, frozen=not evolution.exists)
        counted = tally.rows[table.entry.id]
        if copied != counted:
            raise ContractError(f"{counted:,} rows were sent and the database took {copied:,}", where=table.where)
    source.check_corrections()
    return tally


def _written(outcome: Outcome, source: SourceLoad, tally: Tally, replaced: int = 0) -> Written:
    for table in source.tables:
        check_account(table, tally.rows[table.entry.id])
    return Written(
        outcome=outcome,
        rows=tally.total,
        body=body_rows(source, tally.total),
        replaced=replaced,
        columns=[_described(column, tally) for column in source.columns().values()],
        checksum=tally.checksum(),
        files=[LoadedFile(t.entry.id, t.entry.sha256, tally.rows[t.entry.id]) for t in source.tables],
    )


def _described(column: IncomingColumn, tally: Tally) -> dict[str, Any]:
    """A column as history keeps it, and as drift compares it."""
    word = column.manifest
    described: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "values": tally.values.get(column.name, 0),
    }
    if word is not None:
        described |= {"header": word.original_name, "letter": word.column, "markers": word.markers}
    return described
