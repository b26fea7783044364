"""The one transaction of a unit's load: all its sources, and everything that is recorded about them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datawarp.errors import ContractError
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import database_identity
from datawarp.warehouse.corrections import Correction, corrections_version
from datawarp.warehouse.load import events, evolve, lineage, record
from datawarp.warehouse.load.arrival import Arrival, delete, rows_of
from datawarp.warehouse.load.context import LoadContext, Written
from datawarp.warehouse.load.contract import check_rows, contract_version
from datawarp.warehouse.load.drift import DriftEvent
from datawarp.warehouse.load.events import Subject
from datawarp.warehouse.load.locks import lock_publication, lock_tables, lock_unit
from datawarp.warehouse.load.marker import LoadedMarker, LoadedSource
from datawarp.warehouse.load.meaning import record_calls, record_review
from datawarp.warehouse.load.plan import SourceLoad, UnitLoad, plan
from datawarp.warehouse.load.standing import known_sources, preceding, sources_of, standing_loads

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
        sources, left_out = _admitted(cursor, load, set(before))
        written = _load_sources(cursor, context, sorted(sources, key=lambda s: s.code))
        _record_left_out(cursor, context, left_out)
        _remove_sources(cursor, context, {code: before[code] for code in sorted(set(before) - set(written))})
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


def _admitted(cursor: Cursor, load: UnitLoad, own: set[str]) -> tuple[list[SourceLoad], list[SourceLoad]]:
    """The sources that the contract lets in, and those that it leaves out; the first load brings the tables."""
    unit, tables = load.unit, load.unit.settings.contract.tables
    if tables == "evolve":
        return load.sources, []
    known = known_sources(cursor, unit.publication, unit.name) | own
    new = [s for s in load.sources if s.code not in known] if known else []
    if not new:
        return load.sources, []
    if tables == "freeze":
        raise ContractError(
            f"source {new[0].code} is new, and the contract freezes the tables",
            where=new[0].tables[0].where,
            hint="set contract.tables to evolve (or discard, to leave it out) in the registry, or disable the "
            "source in the enriched manifest, and run again",
        )
    return [s for s in load.sources if s not in new], new


def _load_sources(cursor: Cursor, context: LoadContext, sources: Sequence[SourceLoad]) -> dict[str, Written]:
    """Load sources and record it; what became of each, by code.

    What can be asked or said of all of them is, in one statement: a unit may have hundreds of small tables.
    """
    unit = context.unit
    record.claim_sources(cursor, unit, sources)
    standing = standing_loads(cursor, [s.code for s in sources])
    tables = evolve.stored_tables(cursor, [s.table_name for s in sources])
    arrivals = [Arrival(context, s, standing[s.code], tables.get(s.table_name)) for s in sources]
    for arrival in arrivals:
        arrival.compare(cursor)
    brought = [(a.source, a.load_id) for a in arrivals]
    ids = lineage.register_files(cursor, unit, brought)
    for arrival in arrivals:
        arrival.decide(cursor)
    new = [a for a in arrivals if a.is_new]
    evolve.create(cursor, [(a.source, a.evolution) for a in new])
    written = {}
    for arrival in arrivals:
        written[arrival.source.code] = done = arrival.write(cursor, ids)
        check_rows(
            arrival.source, done.body, preceding(arrival.others, unit.when.start, unit.when.end), context.contract
        )
        logger.info("%s: %s, %d rows in %s", unit.name, done.outcome, done.rows, done.table)
    evolve.index(cursor, [a.source for a in new])
    lineage.count_files(cursor, {ids[f.id]: f.rows for w in written.values() for f in w.files})
    replaced = [(name, a.source.code) for a in arrivals if not a.is_there for name in (unit.name, *a.renamed)]
    lineage.supersede_files(cursor, replaced, ids.values())
    lineage.write_corrections(cursor, unit, brought, ids)
    record.retire(cursor, replaced)
    record.write_history(cursor, context, written.values())
    record.describe_sources(cursor, unit, sources)
    record.describe_columns(cursor, unit, [(a.source, a.columns) for a in arrivals])
    lineage.map_sources(cursor, unit, sources)
    events.forget_events(cursor, [(name, a.source.code) for a in arrivals for name in a.renamed])
    events.record_events(cursor, context.load_id, [(_subject(unit, w.code), w.events) for w in written.values()])
    events.record_drift_of_sources(cursor, context.load_id, unit, [s.code for s in sources])
    return written


def _record_left_out(cursor: Cursor, context: LoadContext, left_out: Iterable[SourceLoad]) -> None:
    found = [
        (
            _subject(context.unit, source.code, is_loaded=False),
            [DriftEvent("source_left_out", "warning", f"{source.code} is new, and the contract leaves new tables out")],
        )
        for source in left_out
    ]
    events.record_events(cursor, context.load_id, found)


def _remove_sources(cursor: Cursor, context: LoadContext, gone: Mapping[str, str]) -> None:
    """Take away what the unit had of sources (codes with their tables) that its manifest no longer has."""
    if not gone:
        return
    unit, period = context.unit, context.unit.when.canonical
    there = evolve.stored_tables(cursor, gone.values())
    removed, happened = [], []
    for code, table in gone.items():
        started, began = datetime.now(UTC), time.monotonic()
        own = rows_of(period, [unit.name])
        deleted = delete(cursor, table, own) if table in there else 0
        seconds = time.monotonic() - began
        removed.append(Written(code, table, "removed", started=started, seconds=seconds, replaced=deleted))
        event = DriftEvent(
            "source_removed",
            "warning",
            f"the unit's manifest no longer has {code}: its {deleted:,} rows of {period} were removed",
            details={"rows": deleted},
        )
        happened.append((_subject(unit, code), [event]))
    pairs = [(unit.name, code) for code in gone]
    record.retire(cursor, pairs)
    lineage.supersede_files(cursor, pairs)
    record.write_history(cursor, context, removed)
    events.record_events(cursor, context.load_id, happened)
    events.record_drift_of_sources(cursor, context.load_id, unit, list(gone))


def _subject(unit: Unit, source: str, *, is_loaded: bool = True) -> Subject:
    return Subject(unit.name, unit.publication, unit.when.canonical, source, is_loaded)
