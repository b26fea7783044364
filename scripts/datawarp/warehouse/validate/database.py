"""Checks inside the database: every row has its lineage, every record its table, every count is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawarp.registry.periods import Period
from datawarp.warehouse.driver import sql
from datawarp.warehouse.load.standing import LATEST_TERMS
from datawarp.warehouse.validate.findings import Finding

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


@dataclass(frozen=True)
class Standing:
    """What history says that the warehouse holds of one unit's source."""

    unit: str
    publication: str
    source: str
    table: str
    period: Period
    rows: int
    load_id: int
    checksum: str
    manifest: str
    corrections: str | None


def standing(cursor: Cursor) -> list[Standing]:
    """All standing loads."""
    cursor.execute(
        sql.SQL(
            "SELECT unit, publication, source_code, table_name, period, canonical_period, period_start, period_end, "
            "rows_loaded, load_id, content_checksum, latest.manifest_sha256, latest.corrections_version "
            "FROM datawarp.tbl_load_history h {} WHERE is_current ORDER BY unit, source_code"
        ).format(LATEST_TERMS)
    )
    return [
        Standing(unit, publication, source, table, Period(code, canonical, "", start, end), *rest)
        for unit, publication, source, table, code, canonical, start, end, *rest in cursor
    ]


def tables(cursor: Cursor) -> Iterator[Finding]:
    """Registered sources against staging tables."""
    cursor.execute("SELECT source_code, table_name FROM datawarp.tbl_data_sources")
    registered = dict(cursor.fetchall())
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
    present = {row[0] for row in cursor.fetchall()}
    for source, table in registered.items():
        if table not in present:
            yield Finding(
                "tables", "severe", source, f"its table staging.{table} is gone", "snakemake adopt, then snakemake all"
            )
    for table in present - set(registered.values()):
        yield Finding("tables", "warning", f"staging.{table}", "belongs to no source", "snakemake cleanup")
    cursor.execute(
        "SELECT source_code FROM datawarp.tbl_canonical_sources c "
        "WHERE NOT EXISTS (SELECT FROM datawarp.tbl_data_sources d WHERE d.source_code = c.source_code)"
    )
    for (source,) in cursor.fetchall():
        yield Finding("tables", "warning", source, "is described and has no table", "snakemake cleanup")


def rows(cursor: Cursor, loads: list[Standing]) -> Iterator[Finding]:
    """Rows of every table against history and lineage: one pass over each table."""
    cursor.execute(
        "SELECT manifest_file_id, unit, source_code, rows_loaded, superseded_at FROM datawarp.tbl_manifest_files"
    )
    files = {row[0]: row[1:] for row in cursor.fetchall()}
    by_table: dict[str, list[Standing]] = defaultdict(list)
    for load in loads:
        by_table[load.table].append(load)
    for table, own in sorted(by_table.items()):
        if not _exists(cursor, table):
            continue
        counted = _counted(cursor, table)
        yield from _against_history(table, own, counted)
        yield from _against_lineage(table, own[0].source, counted, files)


_Counts = dict[tuple[str, int, int], tuple[int, int]]


def _counted(cursor: Cursor, table: str) -> _Counts:
    """Rows and distinct (sheet row, long label) by period, file and load."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'staging' AND table_name = %s "
        "AND column_name = '_wide_label')",
        (table,),
    )
    row = cursor.fetchone()
    label = sql.SQL(", _wide_label, reported_period" if row and row[0] else "")
    cursor.execute(
        sql.SQL(
            "SELECT _period, _manifest_file_id, _load_id, count(*), count(DISTINCT (_source_row{})) FROM {} "
            "GROUP BY 1, 2, 3"
        ).format(label, sql.Identifier("staging", table))
    )
    return {(period, file, load): (n, distinct) for period, file, load, n, distinct in cursor.fetchall()}


def _against_history(table: str, own: list[Standing], counted: _Counts) -> Iterator[Finding]:
    for load in own:
        found = sum(
            n
            for (period, _, number), (n, _) in counted.items()
            if (period, number) == (load.period.canonical, load.load_id)
        )
        if found != load.rows:
            yield Finding(
                "row counts",
                "severe",
                load.unit,
                f"staging.{table} holds {found:,} rows of it, and {load.rows:,} were loaded",
                "snakemake adopt, then snakemake all",
            )
    known = {(load.period.canonical, load.load_id) for load in own}
    for period in sorted({p for p, _, number in counted if (p, number) not in known}):
        stray = sum(n for (p, _, number), (n, _) in counted.items() if p == period and (p, number) not in known)
        yield Finding(
            "row counts",
            "severe",
            f"staging.{table}",
            f"{stray:,} rows of {period} come from no load that stands",
            "snakemake cleanup",
        )


def _against_lineage(
    table: str, source: str, counted: _Counts, files: dict[int, tuple[str, str, int, object]]
) -> Iterator[Finding]:
    for (period, number, _), (n, distinct) in sorted(counted.items()):
        file = files.get(number)
        if file is None:
            yield Finding(
                "lineage",
                "severe",
                f"staging.{table}",
                f"{n:,} rows of {period} name file {number}, which is not on record",
            )
            continue
        unit, of_source, expected, superseded = file
        if of_source != source or superseded is not None or n != expected:
            yield Finding(
                "lineage",
                "severe",
                unit,
                f"{n:,} rows of {period} in staging.{table} name file {number}, whose record says "
                + (f"{expected:,} rows of {of_source}" if superseded is None else "that another took its place"),
                "snakemake adopt, then snakemake all",
            )
        if distinct != n:
            yield Finding(
                "duplicates", "severe", unit, f"{n - distinct:,} rows of {period} in staging.{table} are there twice"
            )


def _exists(cursor: Cursor, table: str) -> bool:
    cursor.execute("SELECT to_regclass('staging.' || quote_ident(%s)) IS NOT NULL", (table,))
    row = cursor.fetchone()
    return bool(row and row[0])


def references(cursor: Cursor) -> Iterator[Finding]:
    """Records that point at something that is not there, where no foreign key can say so."""
    cursor.execute(
        "SELECT h.unit, h.source_code FROM datawarp.tbl_load_history h WHERE is_current AND NOT EXISTS "
        "(SELECT FROM datawarp.tbl_manifest_files f WHERE f.unit = h.unit AND f.source_code = h.source_code "
        "AND f.superseded_at IS NULL)"
    )
    for unit, source in cursor.fetchall():
        yield Finding("lineage", "severe", unit, f"no file is on record for {source}", "snakemake refresh_" + unit)
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint "
        "WHERE contype = 'f' AND NOT convalidated AND connamespace = 'datawarp'::regnamespace"
    )
    for table, name in cursor.fetchall():
        yield Finding("references", "warning", table, f"the foreign key {name} is not validated")


def duplicates(loads: list[Standing]) -> Iterator[Finding]:
    """One period of a source from two units."""
    units: dict[tuple[str, str], list[str]] = defaultdict(list)
    for load in loads:
        units[(load.source, load.period.canonical)].append(load.unit)
    for (source, period), names in sorted(units.items()):
        if len(names) > 1:
            yield Finding(
                "duplicates",
                "warning",
                source,
                f"{period} was loaded by {' and '.join(sorted(names))}",
                "are both meant?",
            )
