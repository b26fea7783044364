"""How alike the values of two columns in two periods are, asked of the database only about probable renames.

The table's columns may have been widened since by other periods, so values are compared as the types that the two
periods themselves delivered: what is found does not depend on what else is loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from datawarp.manifest.models import ColumnType
from datawarp.warehouse.driver import sql
from datawarp.warehouse.load.drift import Resemblance, Snapshot
from datawarp.warehouse.load.evolve import stored_columns
from datawarp.warehouse.load.standing import Standing
from datawarp.warehouse.types import conversion

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_MOST_AT_ONCE = 200  # columns, or pairs of them, in one query
_NUMBERS: tuple[ColumnType, ...] = ("integer", "numeric")


def snapshot(standing: Standing) -> Snapshot:
    """A period as drift compares it."""
    columns = cast(list[dict[str, Any]], standing.columns)
    return Snapshot(standing.period, standing.body_rows, {c["name"]: c for c in columns})


def likeness_of_values(cursor: Cursor, before: Standing, after: Standing) -> Resemblance:
    """For texts and dates the share of distinct values in common; for numbers how near their averages are."""

    def resemblance(pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], float | None]:
        first = _Values(cursor, before, {old for old, _ in pairs})
        second = _Values(cursor, after, {new for _, new in pairs})
        likeness: dict[tuple[str, str], float | None] = {}
        texts, numbers = [], []
        for pair in pairs:
            kinds = [values.are_numbers.get(name) for values, name in zip((first, second), pair, strict=True)]
            if None in kinds:
                likeness[pair] = None
            elif all(kinds):
                numbers.append(pair)
            elif any(kinds):
                likeness[pair] = 0.0
            else:
                texts.append(pair)
        if numbers:
            low, high = (v.averages({p[i] for p in numbers}) for i, v in enumerate((first, second)))
            likeness |= {pair: _near(low.get(pair[0]), high.get(pair[1])) for pair in numbers}
        for begin in range(0, len(texts), _MOST_AT_ONCE):
            likeness |= _shared(cursor, first, second, texts[begin : begin + _MOST_AT_ONCE])
        return likeness

    return resemblance


class _Values:
    """The values of some columns that one load brought: their types then, and where and what they are now."""

    def __init__(self, cursor: Cursor, standing: Standing, names: Iterable[str]) -> None:
        self._cursor = cursor
        stored = stored_columns(cursor, standing.table) or {}
        delivered = snapshot(standing).columns
        self._stored = {name: stored[name] for name in names if name in stored}
        self.are_numbers = {name: delivered[name]["type"] in _NUMBERS for name in self._stored}
        self._rows = sql.SQL("{} WHERE _period = {} AND _load_id = {}").format(
            sql.Identifier("staging", standing.table), sql.Literal(standing.period), sql.Literal(standing.load_id)
        )

    def averages(self, names: Collection[str]) -> dict[str, float | None]:
        """The average size of each column's numbers; none of a column whose type the contract keeps from them."""
        # What was delivered as numbers is stored as numbers or text, but for a type that the contract keeps.
        asked = sorted(name for name in names if self._stored[name] in (*_NUMBERS, "text"))
        found: dict[str, float | None] = {}
        for begin in range(0, len(asked), _MOST_AT_ONCE):
            part = asked[begin : begin + _MOST_AT_ONCE]
            averages = sql.SQL(", ").join(
                sql.SQL("avg(abs({}::double precision))").format(sql.Identifier(name)) for name in part
            )
            self._cursor.execute(sql.SQL("SELECT {} FROM {}").format(averages, self._rows))
            [row] = self._cursor.fetchall()
            found |= dict(zip(part, row, strict=True))
        return found

    def distinct(self, name: str) -> sql.Composed:
        """The different values of a column, each as it prints, which no widening changes."""
        column = sql.Identifier(name)
        return sql.SQL("SELECT DISTINCT {} AS value FROM {} AND {} IS NOT NULL").format(
            sql.SQL(conversion(self._stored[name], "text")).format(column), self._rows, column
        )


def _near(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return None
    low, high = sorted((first, second))
    return (low / high) ** 0.5 if high else 1.0


def _shared(
    cursor: Cursor, first: _Values, second: _Values, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], float | None]:
    counted = [
        sql.SQL(
            "(WITH first AS MATERIALIZED ({}), second AS MATERIALIZED ({}) SELECT {}, (SELECT count(*) FROM first), "
            "(SELECT count(*) FROM second), (SELECT count(*) FROM first JOIN second USING (value)))"
        ).format(first.distinct(old), second.distinct(new), sql.Literal(number))
        for number, (old, new) in enumerate(pairs)
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(counted))
    return {pairs[n]: shared / min(a, b) if min(a, b) else None for n, a, b, shared in cursor.fetchall()}
