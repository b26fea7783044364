"""The one transaction of a unit's load: all its sources, and everything that is recorded about them."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datawarp.errors import ContractError
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import database_identity
from datawarp.warehouse.corrections import Correction, corrections_version
from datawarp.warehouse.load import events, evolve, lineage, record, rows
from datawarp.warehouse.load.context import LoadContext, Written
from datawarp.warehouse.load.contract import check_rows, contract_version
from datawarp.warehouse.load.drift import DriftEvent
from datawarp.warehouse.load.events import Subject
from datawarp.warehouse.load.locks import lock_publication, lock_tables, lock_unit
from datawarp.warehouse.load.marker import LoadedMarker, LoadedSource
from datawarp.warehouse.load.meaning import record_calls, record_review
from datawarp.warehouse.load.plan import SourceLoad, UnitLoad, plan
from datawarp.warehouse.load.standing import known_sources, preceding, sources_of, standing_loads
from datawarp.warehouse.load.tally import tallied

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

logger = logging.getLogger(__name__)


def load_unit(
    connection: Connection, unit: Unit, paths: Paths, settings: Settings, corrections: list[Correction]
) -> LoadedMarker:
    """Load all sources and commit; on any error nothing has happened."""
    load = plan(unit, paths, settings, corrections)
    with connection, connection.cursor() as cursor:
        lock_unit(cursor, unit.name)
        before = sources_of(cursor, unit.name)
        lock_tables(cursor, {*before.values(), *(s.table_name for s in load.sources)})
        context = LoadContext(
            unit=unit,
            load_id=record.next_load_id(cursor),
            manifest_sha256=load.manifest_sha256,
            contract_version=contract_version(unit.settings.contract),
            corrections_version=corrections_version(corrections),
        )
        sources, left_out = _admitted(load, known_sources(cursor, unit.publication, unit.name), set(before))
        written = {}
        for source in sorted(sources, key=lambda s: s.code):
            written[source.code] = _load_source(cursor, context, source)
        for source in left_out:
            _record_left_out(cursor, context, source)
        for code in sorted(set(before) - set(written)):
            _remove_source(cursor, context, code, before[code])
        lineage.forget_mappings(cursor, unit, [t.entry.id for s in sources for t in s.tables])
        record_calls(cursor, unit, paths)
        record_review(cursor, unit, paths)
        lock_publication(cursor, unit.publication)
        events.record_drift_of_publication(cursor, context.load_id, unit)
        identity = database_identity(connection)
    return LoadedMarker(
        unit=unit.name,
        period=unit.period,
        database=identity,
        contract=context.contract_version,
        corrections=context.corrections_version,
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


def _admitted(load: UnitLoad, of_others: set[str], own: set[str]) -> tuple[list[SourceLoad], list[SourceLoad]]:
    """The sources that the contract lets in, and those that it leaves out; the first load brings the tables."""
    tables = load.unit.settings.contract.tables
    known = of_others | own
    new = [s for s in load.sources if s.code not in known] if known else []
    if not new or tables == "evolve":
        return load.sources, []
    if tables == "freeze":
        raise ContractError(
            f"source {new[0].code} is new, and the contract freezes the tables",
            where=new[0].tables[0].where,
            hint="set contract.tables to evolve (or discard, to leave it out) in the registry, or disable the "
            "source in the enriched manifest, and run again",
        )
    return [s for s in load.sources if s not in new], new


def _load_source(cursor: Cursor, context: LoadContext, source: SourceLoad) -> Written:
    started, began = datetime.now(UTC), time.monotonic()
    unit = context.unit
    record.claim_source(cursor, unit, source)
    standing = standing_loads(cursor, source.code)
    own = next((s for s in standing if s.unit == unit.name), None)
    renamed = [
        s.unit for s in standing if s.period == unit.when.canonical and s.unit != unit.name and not source.appends
    ]
    others = [s for s in standing if s.unit not in (unit.name, *renamed)]
    stored = evolve.stored_columns(cursor, source.table_name)
    tally = None
    if own and not renamed and rows.may_be_there(cursor, context, source, own, stored):
        tally = tallied(source.tables)
    if own and tally and tally.checksum() == own.checksum:
        written, stored_now = rows.leave(cursor, context, source, own, tally), dict(stored or {})
    else:
        written, stored_now = rows.replace(cursor, context, source, stored, tally, [unit.name, *renamed])
        record.retire(cursor, source.code, [unit.name, *renamed])
    check_rows(source, written.body, preceding(others, unit.when.start, unit.when.end), context.contract)
    record.write_history(
        cursor, context, (source.code, source.table_name), written, started, round(time.monotonic() - began, 3)
    )
    record.describe_source(cursor, unit, source)
    record.describe_columns(cursor, unit, source, stored_now)
    lineage.map_source(cursor, unit, source)
    for name in renamed:
        events.forget_unit(cursor, name, source.code)
        words = f"took the place of {name}, which loaded the same period of {source.code}"
        written.events.append(DriftEvent("unit_renamed", "warning", words))
    events.record_events(cursor, context.load_id, _subject(unit, source.code), written.events)
    events.record_drift_of_source(cursor, context.load_id, unit, source.code)
    logger.info("%s: %s, %d rows in %s", unit.name, written.outcome, written.rows, source.table_name)
    return written


def _record_left_out(cursor: Cursor, context: LoadContext, source: SourceLoad) -> None:
    event = DriftEvent("source_left_out", "warning", f"{source.code} is new, and the contract leaves new tables out")
    subject = _subject(context.unit, source.code, is_loaded=False)
    events.record_events(cursor, context.load_id, subject, [event])


def _remove_source(cursor: Cursor, context: LoadContext, code: str, table: str) -> None:
    """Take away what the unit had of a source that its manifest no longer has."""
    started, began = datetime.now(UTC), time.monotonic()
    unit, period = context.unit, context.unit.when.canonical
    removed = rows.delete(cursor, table, rows.rows_of(period, [unit.name])) if evolve.exists(cursor, table) else 0
    record.retire(cursor, code, [unit.name])
    lineage.supersede_files(cursor, [unit.name], code, [])
    written = Written("removed", replaced=removed)
    record.write_history(cursor, context, (code, table), written, started, round(time.monotonic() - began, 3))
    event = DriftEvent(
        "source_removed",
        "warning",
        f"the unit's manifest no longer has {code}: its {removed:,} rows of {period} were removed",
        details={"rows": removed},
    )
    events.record_events(cursor, context.load_id, _subject(unit, code), [event])
    events.record_drift_of_source(cursor, context.load_id, unit, code)


def _subject(unit: Unit, source: str, *, is_loaded: bool = True) -> Subject:
    return Subject(unit.name, unit.publication, unit.when.canonical, source, is_loaded)
