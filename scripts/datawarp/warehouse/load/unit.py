"""A unit into the warehouse, whole or not at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from datawarp.errors import ContractError
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect, database_identity
from datawarp.warehouse.corrections import check_expected, corrections_version, read_corrections
from datawarp.warehouse.load import evolve, record
from datawarp.warehouse.load.contract import (
    Standing,
    body_rows,
    check_account,
    check_rows,
    contract_version,
    earlier,
    later,
)
from datawarp.warehouse.load.copy import Rows, copy_rows
from datawarp.warehouse.load.drift import DriftEvent, compare
from datawarp.warehouse.load.evolve import Evolution
from datawarp.warehouse.load.locks import lock_tables, lock_unit
from datawarp.warehouse.load.marker import LoadedFile, LoadedMarker, LoadedSource, write_marker
from datawarp.warehouse.load.meaning import record_calls, record_review
from datawarp.warehouse.load.plan import IncomingColumn, SourceLoad, Table, UnitLoad, plan
from datawarp.warehouse.load.problems import is_passing, told
from datawarp.warehouse.load.resemblance import likeness_of_values, snapshot
from datawarp.warehouse.load.tally import Tally

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

logger = logging.getLogger(__name__)

ATTEMPTS = 4


def load(unit: Unit, paths: Paths, settings: Settings) -> LoadedMarker:
    """Load the unit's enabled sources in one transaction, then write its ``.loaded``.

    The rows of its period are replaced, the tables changed as the contract allows, history, lineage and drift
    recorded: all of it or none. A connection that breaks or a deadlock with somebody else's work is tried again.
    Raises :class:`ContractError` with sheet, column and value, and :class:`WarehouseError` when the database
    cannot take it.
    """
    corrections = read_corrections(paths.root, unit.publication, unit.when)
    marker = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection = connect(paths, settings)
            try:
                marker = Transaction(connection, unit, paths, settings).run(corrections)
            finally:
                connection.close()
            break
        except psycopg2.Error as problem:
            if attempt == ATTEMPTS or not is_passing(problem):
                raise told(problem, unit.name) from problem
            logger.warning("%s: attempt %d: %s", unit.name, attempt, str(problem).strip())
            time.sleep(0.5 * attempt)
    assert marker is not None
    write_marker(paths.loaded_marker(unit.name), marker)
    return marker


@dataclass
class Written:
    """What one source's load did."""

    outcome: str
    rows: int
    body: int
    replaced: int
    columns: list[dict[str, Any]]
    checksum: str
    files: list[LoadedFile]
    events: list[DriftEvent]
    load_id: int


class Transaction:
    """The one transaction of a unit's load."""

    def __init__(self, connection: Connection, unit: Unit, paths: Paths, settings: Settings) -> None:
        self._connection = connection
        self._unit = unit
        self._paths = paths
        self._settings = settings
        self._contract = unit.settings.contract
        self._version = contract_version(self._contract)
        self._corrections: str | None = None

    def run(self, corrections: list[Any]) -> LoadedMarker:
        """Load all sources and commit; on any error nothing has happened."""
        load = plan(self._unit, self._paths, self._settings, corrections)
        self._corrections = corrections_version(corrections)
        with self._connection, self._connection.cursor() as cursor:
            lock_unit(cursor, self._unit.name)
            before = record.earlier_sources(cursor, self._unit.name)
            lock_tables(cursor, {*before.values(), *(s.table_name for s in load.sources)})
            load_id = record.next_load_id(cursor)
            known = record.known_sources(cursor, self._unit.publication, self._unit.name)
            sources, left_out = self._admitted(load, known | set(before))
            written = {}
            for source in sorted(sources, key=lambda s: s.code):
                written[source.code] = self._load_source(
                    cursor, load, source, load_id, bool(known) and source.code not in known
                )
            for source in left_out:
                event = DriftEvent(
                    "source_left_out", "warning", f"{source.code} is new, and the contract leaves new tables out"
                )
                self._record_events(cursor, (None, source.code), load_id, [event])
            for code in sorted(set(before) - set(written)):
                self._remove_source(cursor, load, code, before[code], load_id)
            record.forget_mappings(cursor, self._unit, [t.entry.id for s in sources for t in s.tables])
            record_calls(cursor, self._unit, self._paths)
            record_review(cursor, self._unit, self._paths)
            identity = database_identity(self._connection)
        return LoadedMarker(
            unit=self._unit.name,
            period=self._unit.period,
            database=identity,
            contract=self._version,
            corrections=self._corrections,
            sources=[
                LoadedSource(
                    code=s.code,
                    table=s.table_name,
                    rows=written[s.code].rows,
                    columns=[(c["name"], c["type"]) for c in written[s.code].columns],
                    files=written[s.code].files,
                    checksum=written[s.code].checksum,
                )
                for s in sources
            ],
        )

    def _admitted(self, load: UnitLoad, known: set[str]) -> tuple[list[SourceLoad], list[SourceLoad]]:
        """The sources that the contract lets in, and those that it leaves out; the first load brings the tables."""
        new = [s for s in load.sources if s.code not in known] if known else []
        if not new or self._contract.tables == "evolve":
            return load.sources, []
        if self._contract.tables == "freeze":
            raise ContractError(
                f"source {new[0].code} is new, and the contract freezes the tables",
                where=new[0].tables[0].where,
                hint="set contract.tables to evolve (or discard, to leave it out) in the registry, or disable the "
                "source in the enriched manifest, and run again",
            )
        return [s for s in load.sources if s not in new], new

    def _load_source(self, cursor: Cursor, load: UnitLoad, source: SourceLoad, load_id: int, is_new: bool) -> Written:
        started, began = datetime.now(UTC), time.monotonic()
        unit = self._unit
        record.claim_source(cursor, unit, source)
        standing = record.standing(cursor, source.code)
        own = next((s for s in standing if s.unit == unit.name), None)
        renamed = [
            s.unit for s in standing if s.period == unit.when.canonical and s.unit != unit.name and not source.appends
        ]
        others = [s for s in standing if s.unit != unit.name and s.unit not in renamed]
        incoming = source.columns()
        stored = evolve.stored_columns(cursor, source.table_name)
        tally = self._tallied(source) if own else None
        if own and tally and self._is_there(cursor, source, own, tally, stored, incoming) and not renamed:
            written = self._leave(cursor, source, own, tally, incoming)
            stored_after = stored or {}
        else:
            written, stored_after = self._replace(cursor, source, stored, tally, load_id, [unit.name, *renamed])
        check_rows(source, written.body, earlier(others, unit.when.start, unit.when.end), self._contract)
        if is_new:
            written.events.append(DriftEvent("source_added", "info", f"{source.code} is new in this publication"))
        written.events += [
            DriftEvent(
                "unit_renamed", "warning", f"took the place of {name}, which loaded the same period of {source.code}"
            )
            for name in renamed
        ]
        if written.outcome == "loaded":
            record.retire(cursor, source.code, [unit.name, *renamed])
        record.write_history(
            cursor,
            load,
            source.code,
            source.table_name,
            load_id=load_id,
            outcome=written.outcome,
            rows=written.rows,
            body=written.body,
            replaced=written.replaced,
            columns=written.columns,
            checksum=written.checksum,
            contract=self._version,
            corrections=self._corrections,
            started=started,
            seconds=round(time.monotonic() - began, 3),
        )
        record.describe_source(cursor, unit, source)
        record.describe_columns(cursor, unit, source, incoming, stored_after)
        record.map_source(cursor, unit, source)
        self._record_events(cursor, (source.code, source.code), load_id, written.events)
        self._record_drift(cursor, source, load_id, others)
        logger.info("%s: %s, %d rows in %s", unit.name, written.outcome, written.rows, source.table_name)
        return written

    # --- rows

    def _tallied(self, source: SourceLoad) -> Tally:
        tally = evolve.tallied(source)
        for table in source.tables:
            check_expected(table.corrections, table.corrected, table.where)
        return tally

    def _is_there(
        self,
        cursor: Cursor,
        source: SourceLoad,
        own: Standing,
        tally: Tally,
        stored: dict[str, Any] | None,
        incoming: dict[str, IncomingColumn],
    ) -> bool:
        """Whether the warehouse already holds exactly these rows, loaded under this contract."""
        if stored is None or own.period != self._unit.when.canonical or own.checksum != tally.checksum():
            return False
        if own.contract != self._version or own.table != source.table_name:
            return False
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE _period = %s AND _load_id = %s").format(
                sql.Identifier("staging", source.table_name)
            ),
            (own.period, own.load_id),
        )
        row = cursor.fetchone()
        return bool(row and row[0] == own.rows)

    def _leave(
        self,
        cursor: Cursor,
        source: SourceLoad,
        own: Standing,
        tally: Tally,
        incoming: dict[str, IncomingColumn],
    ) -> Written:
        ids = record.register_files(cursor, self._unit, source, own.load_id)
        record.count_files(cursor, {ids[t.entry.id]: tally.rows[t.entry.id] for t in source.tables})
        return self._written("unchanged", source, tally, incoming, replaced=0, load_id=own.load_id)

    def _replace(
        self,
        cursor: Cursor,
        source: SourceLoad,
        stored: dict[str, Any] | None,
        tally: Tally | None,
        load_id: int,
        units: list[str],
    ) -> tuple[Written, dict[str, Any]]:
        ids = record.register_files(cursor, self._unit, source, load_id)
        replaced = self._delete(cursor, source, stored, units)
        evolution, tally = evolve.decide(cursor, source, stored, self._contract, tally)
        evolve.apply(cursor, source, evolution)
        tally = self._copy(cursor, source, evolution, tally, ids, load_id)
        if not evolution.exists:
            evolve.index(cursor, source)
        record.count_files(cursor, {ids[t.entry.id]: tally.rows[t.entry.id] for t in source.tables})
        record.supersede_files(cursor, units, source.code, ids.values())
        record.write_corrections(cursor, self._unit, source, ((t, ids[t.entry.id]) for t in source.tables), load_id)
        written = self._written("loaded", source, tally, source.columns(), replaced=replaced, load_id=load_id)
        written.events += evolution.events()
        return written, {**(stored or {}), **evolution.added, **evolution.stored}

    def _delete(self, cursor: Cursor, source: SourceLoad, stored: dict[str, Any] | None, units: list[str]) -> int:
        if stored is None:
            return 0
        statement = sql.SQL("DELETE FROM {} WHERE _period = %s").format(sql.Identifier("staging", source.table_name))
        values: list[Any] = [self._unit.when.canonical]
        if source.appends:
            # Only what the unit itself brought: the period is shared with others.
            statement += sql.SQL(
                " AND _manifest_file_id IN "
                "(SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = ANY(%s))"
            )
            values.append(units)
        cursor.execute(statement, values)
        return int(cursor.rowcount)

    def _copy(
        self,
        cursor: Cursor,
        source: SourceLoad,
        evolution: Evolution,
        known: Tally | None,
        ids: dict[str, int],
        load_id: int,
    ) -> Tally:
        when = self._unit.when
        tally = known or Tally()
        for table in source.tables:
            constants = {
                "_period": when.canonical,
                "_period_start": when.start,
                "_period_end": when.end,
                "_manifest_file_id": ids[table.entry.id],
                "_load_id": load_id,
            }
            rows = Rows(table, evolution.stored, frozenset(evolution.kept), constants)
            if known is None:
                tally.begin(table.entry.id)
            copied = copy_rows(
                cursor, source.table_name, rows, tally if known is None else None, frozen=not evolution.exists
            )
            self._check(table, copied, tally)
        return tally

    def _check(self, table: Table, copied: int, tally: Tally) -> None:
        counted = tally.rows[table.entry.id]
        if copied != counted:
            raise ContractError(f"{counted:,} rows were sent and the database took {copied:,}", where=table.where)
        check_account(table, copied)
        check_expected(table.corrections, table.corrected, table.where)

    def _written(
        self,
        outcome: str,
        source: SourceLoad,
        tally: Tally,
        incoming: dict[str, IncomingColumn],
        *,
        replaced: int,
        load_id: int,
    ) -> Written:
        for table in source.tables:
            check_account(table, tally.rows[table.entry.id])
        return Written(
            outcome=outcome,
            rows=tally.total,
            body=body_rows(source, tally.total),
            replaced=replaced,
            columns=[_described(column, tally) for column in incoming.values()],
            checksum=tally.checksum(),
            files=[LoadedFile(t.entry.id, t.entry.sha256, tally.rows[t.entry.id]) for t in source.tables],
            events=[],
            load_id=load_id,
        )

    # --- what the unit no longer has, and what changed

    def _remove_source(self, cursor: Cursor, load: UnitLoad, code: str, table: str, load_id: int) -> None:
        own = next((s for s in record.standing(cursor, code) if s.unit == self._unit.name), None)
        if own is None:
            return
        cursor.execute(
            sql.SQL(
                "DELETE FROM {} WHERE _period = %s AND _manifest_file_id IN "
                "(SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = %s)"
            ).format(sql.Identifier("staging", table)),
            (own.period, self._unit.name),
        )
        removed = int(cursor.rowcount)
        record.retire(cursor, code, [self._unit.name])
        record.supersede_files(cursor, [self._unit.name], code, [])
        record.write_history(
            cursor,
            load,
            code,
            table,
            load_id=load_id,
            outcome="removed",
            rows=0,
            body=0,
            replaced=removed,
            columns=[],
            checksum="",
            contract=self._version,
            corrections=self._corrections,
            started=datetime.now(UTC),
            seconds=0,
        )
        event = DriftEvent(
            "source_removed",
            "warning",
            f"the unit's manifest no longer has {code}: its {removed:,} rows of {own.period} were removed",
            details={"rows": removed},
        )
        self._record_events(cursor, (code, code), load_id, [event])

    def _record_events(
        self, cursor: Cursor, source: tuple[str | None, str], load_id: int, events: Iterable[DriftEvent]
    ) -> None:
        unit = self._unit
        who = (unit.name, unit.publication, unit.when.canonical)
        record.write_drift(cursor, who, source, load_id, None, events, between_periods=False)

    def _record_drift(self, cursor: Cursor, source: SourceLoad, load_id: int, others: list[Standing]) -> None:
        """Compare this period with the one before it, and the one after it with this."""
        unit = self._unit
        own = next(s for s in record.standing(cursor, source.code) if s.unit == unit.name)
        pairs = [
            (earlier(others, own.start, own.end), own),
            (own, later(others, own.start, own.end)),
        ]
        for before, after in pairs:
            if after is None:
                continue
            events = (
                compare(
                    snapshot(before),
                    snapshot(after),
                    likeness_of_values(cursor, source.table_name, before.period, after.period),
                )
                if before
                else []
            )
            who = (after.unit, unit.publication, after.period)
            against = before.period if before else None
            record.write_drift(cursor, who, (source.code, source.code), load_id, against, events, between_periods=True)


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
