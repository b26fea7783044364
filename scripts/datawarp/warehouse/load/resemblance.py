"""How alike the values of two columns in two periods are, asked of the database only about probable renames.

The table's columns may have been widened since by other periods, so values are compared as the types that the two
periods themselves delivered: what is found does not depend on what else is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from psycopg2 import sql

from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load.drift import Resemblance, Snapshot
from datawarp.warehouse.load.evolve import stored_columns
from datawarp.warehouse.load.standing import Standing
from datawarp.warehouse.types import conversion

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_NUMBERS: tuple[ColumnType, ...] = ("integer", "numeric")


def snapshot(standing: Standing) -> Snapshot:
    """A period as drift compares it."""
    columns = cast(list[dict[str, Any]], standing.columns)
    return Snapshot(standing.period, standing.body_rows, {c["name"]: c for c in columns})


def likeness_of_values(cursor: Cursor, before: Standing, after: Standing) -> Resemblance:
    """For texts and dates the share of distinct values in common; for numbers how near their averages are."""

    def resemblance(old: str, new: str) -> float | None:
        first, second = _values(cursor, before, old), _values(cursor, after, new)
        if first is None or second is None:
            return None
        numbers = [column.delivered in _NUMBERS for column in (first, second)]
        if all(numbers):
            return _near(cursor, first, second)
        return 0.0 if any(numbers) else _shared(cursor, first, second)

    return resemblance


@dataclass(frozen=True)
class _Values:
    """The values of a column that one load brought: their type then, and where they are now."""

    delivered: ColumnType
    stored: ColumnType
    table: sql.Identifier
    column: sql.Identifier
    load: sql.Composed

    @property
    def text(self) -> sql.Composed:
        """Each value as it prints, which no widening changes."""
        return sql.SQL(conversion(self.stored, "text")).format(self.column)


def _values(cursor: Cursor, standing: Standing, name: str) -> _Values | None:
    delivered = snapshot(standing).columns[name]["type"]
    stored = (stored_columns(cursor, standing.table) or {}).get(name)
    if stored is None:
        return None
    load = sql.SQL("_period = {} AND _load_id = {}").format(sql.Literal(standing.period), sql.Literal(standing.load_id))
    return _Values(delivered, stored, sql.Identifier("staging", standing.table), sql.Identifier(name), load)


def _near(cursor: Cursor, first: _Values, second: _Values) -> float | None:
    averages = []
    for values in (first, second):
        if values.stored not in (*_NUMBERS, "text"):  # the contract keeps a type that these numbers do not have
            return None
        cursor.execute(
            sql.SQL("SELECT avg(abs({}::double precision)) FROM {} WHERE {}").format(
                values.column, values.table, values.load
            )
        )
        row = cursor.fetchone()
        if row is None or row[0] is None:
            return None
        averages.append(float(row[0]))
    low, high = sorted(averages)
    return (low / high) ** 0.5 if high else 1.0


def _shared(cursor: Cursor, first: _Values, second: _Values) -> float | None:
    distinct = [
        sql.SQL("SELECT DISTINCT {} AS value FROM {} WHERE {} AND {} IS NOT NULL").format(
            values.text, values.table, values.load, values.column
        )
        for values in (first, second)
    ]
    cursor.execute(
        sql.SQL(
            "WITH first AS MATERIALIZED ({}), second AS MATERIALIZED ({}) SELECT (SELECT count(*) FROM first), "
            "(SELECT count(*) FROM second), (SELECT count(*) FROM first JOIN second USING (value))"
        ).format(*distinct)
    )
    row = cursor.fetchone()
    assert row is not None
    fewer = min(row[0], row[1])
    return row[2] / fewer if fewer else None
