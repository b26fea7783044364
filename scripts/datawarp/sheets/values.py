"""A cell as a value of its column's type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeGuard

from datawarp.sheets.cells import printed
from datawarp.sheets.finding import ColumnKind
from datawarp.sheets.grid import Cell
from datawarp.sheets.notation import PLAIN, Notation
from datawarp.sheets.texts import day_in, figure
from datawarp.sheets.whole_column import WholeColumn

_LARGEST_EXACT = 2**53
OWN: dict[str, frozenset[type]] = {
    "integer": frozenset({int, float}),
    "numeric": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "date": frozenset({date, datetime}),
    "timestamp": frozenset({date, datetime}),
    "text": frozenset({str}),
}
# Columns up to this length are looked at cell by cell: sooner done than pyarrow.compute is imported.
SHORT = 400


def is_midnight(value: Cell) -> bool:
    if not isinstance(value, datetime):
        return True
    return not (value.hour or value.minute or value.second or value.microsecond)


def _is_whole(value: Cell) -> TypeGuard[int | float]:
    return type(value) is int or (type(value) is float and value.is_integer())


def all_whole(cells: Sequence[Cell]) -> bool:
    """Whether all numbers are whole and exact as 64-bit integers; so is a column without any number."""
    if isinstance(cells, WholeColumn):
        return cells.whole()
    if len(cells) <= SHORT:
        numbers: list[Any] = [v for v in cells if v is not None]
        if set(map(type, numbers)) <= {float}:
            return all(map(float.is_integer, numbers)) and max(map(abs, numbers), default=0) <= _LARGEST_EXACT
        return all(_is_whole(v) and abs(v) <= _LARGEST_EXACT for v in numbers)
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        whole = pa.array(cells, pa.float64(), from_pandas=False).cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    ends = pc.min_max(whole).as_py()
    return all(end is None or abs(end) <= _LARGEST_EXACT for end in (ends["min"], ends["max"]))


def typed_value(value: Cell, found: ColumnKind, notation: Notation = PLAIN) -> Any:
    """A cell as a value of the column's type, or None where it is kept as printed in the marker column."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if found == "text":
        return printed(value)
    if found in ("integer", "numeric"):
        return _number(value, found, notation)
    if found == "boolean":
        return value if isinstance(value, bool) else None
    day = day_in(value) if isinstance(value, str) else value
    if found == "timestamp":
        return (
            day
            if isinstance(day, datetime)
            else datetime(day.year, day.month, day.day)
            if isinstance(day, date)
            else None
        )
    if isinstance(day, datetime):
        return day.date() if is_midnight(day) else None
    return day if isinstance(day, date) else None


def _number(value: Cell, found: ColumnKind, notation: Notation) -> int | float | None:
    number = figure(value, notation) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if found == "numeric":
        return float(number)
    return int(number) if float(number).is_integer() else None
