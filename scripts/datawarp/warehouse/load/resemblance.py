"""How alike the values of two columns in two periods are, asked of the database only about probable renames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from psycopg2 import sql

from datawarp.warehouse.load.contract import Standing
from datawarp.warehouse.load.drift import Resemblance, Snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_MOST_VALUES = 2000


def snapshot(standing: Standing) -> Snapshot:
    """A period as drift compares it."""
    columns = cast(list[dict[str, Any]], standing.columns)
    return Snapshot(standing.period, standing.body_rows, {c["name"]: c for c in columns})


def likeness_of_values(cursor: Cursor, table: str, before: str, after: str) -> Resemblance:
    """For texts and dates the share of distinct values in common; for numbers how near their averages are."""

    def resemblance(old: str, new: str) -> float | None:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
            "to_regclass('staging.' || quote_ident(%s)) AND attname = ANY(%s)",
            (table, [old, new]),
        )
        kinds = dict(cursor.fetchall())
        if len(kinds) != 2:
            return None
        numbers = {"bigint", "double precision"}
        if set(kinds.values()) <= numbers:
            return _near(cursor, table, (before, old), (after, new))
        if numbers & set(kinds.values()):
            return 0.0
        return _shared(cursor, table, (before, old), (after, new))

    return resemblance


def _near(cursor: Cursor, table: str, first: tuple[str, str], second: tuple[str, str]) -> float | None:
    averages = []
    for period, column in (first, second):
        cursor.execute(
            sql.SQL("SELECT avg(abs({})) FROM {} WHERE _period = %s").format(
                sql.Identifier(column), sql.Identifier("staging", table)
            ),
            (period,),
        )
        row = cursor.fetchone()
        averages.append(float(row[0]) if row and row[0] is not None else None)
    low, high = sorted(a for a in averages if a is not None) if None not in averages else (None, None)
    if low is None or high is None:
        return None
    return 1.0 if high == low else (low / high) ** 0.5 if high else 1.0


def _shared(cursor: Cursor, table: str, first: tuple[str, str], second: tuple[str, str]) -> float | None:
    sets = []
    for period, column in (first, second):
        cursor.execute(
            sql.SQL("SELECT DISTINCT {0}::text FROM {1} WHERE _period = %s AND {0} IS NOT NULL LIMIT %s").format(
                sql.Identifier(column), sql.Identifier("staging", table)
            ),
            (period, _MOST_VALUES),
        )
        sets.append({row[0] for row in cursor.fetchall()})
    if not sets[0] or not sets[1]:
        return None
    return len(sets[0] & sets[1]) / min(len(sets[0]), len(sets[1]))
