"""The rows of one source of a unit on their way in: left as they are where they are there, or put in their place."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from datawarp.errors import ContractError
from datawarp.manifest.models import ColumnType
from datawarp.warehouse.driver import sql
from datawarp.warehouse.load import evolve, lineage
from datawarp.warehouse.load.context import LoadContext, Outcome, Written
from datawarp.warehouse.load.contract import body_rows, check_account
from datawarp.warehouse.load.copy import Rows, copy_rows
from datawarp.warehouse.load.drift import DriftEvent
from datawarp.warehouse.load.evolve import Evolution
from datawarp.warehouse.load.marker import LoadedFile
from datawarp.warehouse.load.plan import IncomingColumn, SourceLoad
from datawarp.warehouse.load.standing import Standing
from datawarp.warehouse.load.tally import Tally, tallied

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


class Arrival:
    """One source of a unit, beside what the warehouse has of it: ``standing`` loads and the table's columns.

    To be taken in order: :meth:`compare`, :meth:`decide`, :meth:`write`; between them the caller does for all sources
    together what they have in common.
    """

    def __init__(
        self,
        context: LoadContext,
        source: SourceLoad,
        standing: Sequence[Standing],
        stored: Mapping[str, ColumnType] | None,
    ) -> None:
        unit = context.unit
        self.source = source
        # Units that loaded the same period under another name, and whose place this one takes.
        self.renamed = [
            s.unit for s in standing if s.period == unit.when.canonical and s.unit != unit.name and not source.appends
        ]
        self.others = [s for s in standing if s.unit not in (unit.name, *self.renamed)]
        self.is_there = False
        self.evolution = Evolution(exists=stored is not None)
        self._context = context
        self._own = next((s for s in standing if s.unit == unit.name), None)
        self._stored = stored
        self._tally: Tally | None = None
        self._seconds = 0.0
        self._started = datetime.now(UTC)

    @property
    def load_id(self) -> int:
        """The load that brought its rows: this one, or the one that stands where they are there already."""
        return self._own.load_id if self.is_there and self._own else self._context.load_id

    @property
    def is_new(self) -> bool:
        """Whether its table has yet to be made."""
        return not self.evolution.exists

    @property
    def columns(self) -> dict[str, ColumnType]:
        """The columns that its table has when it is loaded."""
        return {**(self._stored or {}), **self.evolution.added, **self.evolution.stored}

    def compare(self, cursor: Cursor) -> None:
        """Find out whether the warehouse holds exactly these rows: :attr:`is_there`."""
        began = time.monotonic()
        if self._own and not self.renamed and self._may_be_there(cursor, self._own):
            self._tally = tallied(self.source.tables)
            self.is_there = self._tally.checksum() == self._own.checksum
        self._seconds += time.monotonic() - began

    def _may_be_there(self, cursor: Cursor, own: Standing) -> bool:
        """Whether it can be that the rows are there, as far as can be said without reading them.

        It cannot when the contract, the files or the columns are others, or when rows are missing.
        """
        source, context = self.source, self._context
        if self._stored is None or own.period != context.unit.when.canonical or own.table != source.table_name:
            return False
        if own.contract != context.contract_version:
            return False
        if [(c["name"], c["type"]) for c in own.columns] != [(c.name, c.type) for c in source.columns.values()]:
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

    def decide(self, cursor: Cursor) -> None:
        """Work out how the table must change: :attr:`evolution`."""
        if self.is_there:
            return
        began = time.monotonic()
        self.evolution, self._tally = evolve.decide(
            cursor, self.source, self._stored, self._context.contract, self._tally, self._replaced
        )
        self._seconds += time.monotonic() - began

    @property
    def _replaced(self) -> sql.Composed:
        """The condition that picks the rows whose place these take."""
        unit = self._context.unit
        return rows_of(unit.when.canonical, [unit.name, *self.renamed] if self.source.appends else None)

    def write(self, cursor: Cursor, ids: Mapping[str, int]) -> Written:
        """Bring in the rows, if they are not there. ``ids`` are the numbers of the source's tables in lineage.

        A table that is new was made, one that is not is changed here.
        """
        began, replaced = time.monotonic(), 0
        if not self.is_there:
            if self.evolution.exists:
                replaced = delete(cursor, self.source.table_name, self._replaced)
                evolve.alter(cursor, self.source.table_name, self.evolution)
            self._tally = self._copy(cursor, ids)
        assert self._tally is not None
        self.source.check_corrections()
        written = self._written("unchanged" if self.is_there else "loaded", self._tally, replaced)
        written.seconds = self._seconds + time.monotonic() - began
        return written

    def _copy(self, cursor: Cursor, ids: Mapping[str, int]) -> Tally:
        unit, evolution = self._context.unit, self.evolution
        tally = self._tally or Tally()
        for table in self.source.tables:
            constants = {
                "_period": unit.when.canonical,
                "_period_start": unit.when.start,
                "_period_end": unit.when.end,
                "_manifest_file_id": ids[table.entry.id],
                "_load_id": self._context.load_id,
            }
            rows = Rows(table, evolution.stored, frozenset(evolution.kept), constants)
            if self._tally is None:
                tally.begin(table.entry.id)
            counting = tally if self._tally is None else None
            copied = copy_rows(cursor, self.source.table_name, rows, counting, frozen=not evolution.exists)
            counted = tally.rows[table.entry.id]
            if copied != counted:
                raise ContractError(f"{counted:,} rows were sent and the database took {copied:,}", where=table.where)
        return tally

    def _written(self, outcome: Outcome, tally: Tally, replaced: int) -> Written:
        source = self.source
        for table in source.tables:
            check_account(table, tally.rows[table.entry.id])
        taken = [
            DriftEvent(
                "unit_renamed", "warning", f"took the place of {name}, which loaded the same period of {source.code}"
            )
            for name in self.renamed
        ]
        return Written(
            source.code,
            source.table_name,
            outcome,
            started=self._started,
            rows=tally.total,
            body=body_rows(source, tally.total),
            replaced=replaced,
            columns=[_described(column, tally) for column in source.columns.values()],
            checksum=tally.checksum(),
            files=[LoadedFile(t.entry.id, t.entry.sha256, tally.rows[t.entry.id]) for t in source.tables],
            events=[*self.evolution.events(), *taken],
        )


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
