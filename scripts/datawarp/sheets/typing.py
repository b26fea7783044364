"""Types of whole columns, and a table as Arrow: nothing printed is lost on the way.

A column is decided by the set of its cells' Python types first, and only texts are looked at one distinct
value at a time, so that a million numbers cost one conversion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from datawarp.errors import SheetError
from datawarp.sheets.account import body_rows
from datawarp.sheets.cells import is_marker, printed
from datawarp.sheets.finding import ColumnFinding, ColumnKind, TableFinding
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.texts import TextTally, day_in, figure, percent_figure

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST_EXACT = 2**53


def column_cells(rows: Sequence[Sequence[Cell]], index: int) -> list[Cell]:
    """One column of rows that may be ragged."""
    try:
        return [row[index] for row in rows]
    except IndexError:
        return [row[index] if index < len(row) else None for row in rows]


def typed_columns(grid: Grid, table: TableFinding, overrides: dict[str, ColumnKind]) -> None:
    """Set type, markers and unit of a table's columns from its body (for a sample grid, from the sample)."""
    rows = _sample_body(grid, table) if not grid.complete else body_rows(grid, table)[1]
    for column in table.columns:
        cells = column_cells(rows, column.index)
        column.type, column.markers = column_type(cells, overrides.get(column.column))
        if column.unit is None and _is_percent(grid, table, column.index):
            column.unit = "percent"
    if table.wide_periods and table.wide_periods.unpivoted:
        wide = set(table.wide_periods.columns)
        common = _common([c.type for c in table.columns if c.column in wide])
        for column in table.columns:
            if column.column in wide and column.type != common:
                column.type, column.markers = column_type(column_cells(rows, column.index), common)


def _sample_body(grid: Grid, table: TableFinding) -> list[Sequence[Cell]]:
    first, last = table.data_rows
    tail_begins = grid.n_rows - len(grid.tail)
    head = list(grid.rows[first - 1 : last])
    return head + [row for n, row in enumerate(grid.tail, tail_begins + 1) if first <= n <= last]


def _common(types: Sequence[ColumnKind]) -> ColumnKind:
    distinct = set(types)
    if len(distinct) == 1:
        return types[0]
    return "numeric" if distinct <= {"integer", "numeric"} else "text"


def _is_percent(grid: Grid, table: TableFinding, index: int) -> bool:
    formats = grid.number_formats
    if not formats:
        return False
    first = table.data_rows[0] - 1
    return any("%" in formats.get((r, index), "") for r in range(first, min(first + 20, table.data_rows[1])))


def column_type(cells: list[Cell], wanted: ColumnKind | None = None) -> tuple[ColumnKind, dict[str, int]]:
    """The type of a column and its markers with their counts; ``wanted`` is a type that someone asks for."""
    types = set(map(type, cells))
    types.discard(type(None))
    found = wanted or _natural_type(cells, types)
    return found, _markers(cells, types, found)


def _natural_type(cells: list[Cell], types: set[type]) -> ColumnKind:
    if types <= {int, float}:
        return "integer" if all_whole(cells) else "numeric"
    if types == {bool}:
        return "boolean"
    if types <= {date, datetime}:
        return "date" if all(_is_midnight(v) for v in cells) else "timestamp"
    texts = Counter(v for v in cells if isinstance(v, str))
    tally = TextTally.of(texts)
    others = types - {str}
    if not others:
        return tally.verdict() if tally.total else "integer"
    if others <= {int, float}:
        numbers = [v for v in cells if isinstance(v, int | float)]
        return tally.verdict(len(numbers), all_whole(numbers))
    if others <= {date, datetime}:
        if all(is_marker(t) for t in texts if t.strip()):
            return "date" if all(_is_midnight(v) for v in cells) else "timestamp"
    return "text"


def _is_midnight(value: Cell) -> bool:
    if not isinstance(value, datetime):
        return True
    return not (value.hour or value.minute or value.second or value.microsecond)


def all_whole(cells: Sequence[Cell]) -> bool:
    """Whether all numbers are whole and exact as 64-bit integers; a column without any number is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values = pa.array(cells, pa.float64(), from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    if values.null_count == len(values):
        return True
    whole = pc.all(pc.equal(values, pc.floor(values))).as_py()
    return bool(whole) and pc.max(pc.abs(values)).as_py() <= _LARGEST_EXACT


def _markers(cells: list[Cell], types: set[type], found: ColumnKind) -> dict[str, int]:
    """Printed texts, with their counts, of the cells that are no value of the type; each distinct one is tried once."""
    if found == "text":
        return {}
    own = _OWN_TYPES[found]
    odd = Counter((type(v), v) for v in cells if type(v) not in own) if not types <= own else Counter()
    del odd[type(None), None]
    if found == "integer" and float in types:
        odd.update((float, v) for v in cells if type(v) is float and not v.is_integer())
    kept: Counter[str] = Counter()
    for (_, value), n in odd.items():
        if typed_value(value, found) is None and printed(value).strip():
            kept[printed(value)] += n
    return dict(sorted(kept.items(), key=lambda p: (-p[1], p[0])))


_OWN_TYPES: dict[str, set[type]] = {
    "integer": {int, float},
    "numeric": {int, float},
    "boolean": {bool},
    "date": {date, datetime},
    "timestamp": {date, datetime},
}


def typed_value(value: Cell, found: ColumnKind) -> Any:
    """A cell as a value of the column's type, or None where it is kept as printed in the marker column."""
    if value is None or found == "text":
        return printed(value) if value is not None else None
    if found in ("integer", "numeric"):
        if isinstance(value, bool) or isinstance(value, date):
            return None
        number = value if isinstance(value, int | float) else None
        if isinstance(value, str):
            number = figure(value)
            if number is None and found == "numeric":
                number = None
        if number is None:
            return None
        if found == "integer":
            return int(number) if float(number).is_integer() else None
        return float(number)
    if found == "boolean":
        return value if isinstance(value, bool) else None
    day = day_in(value) if isinstance(value, str) else value
    if isinstance(day, datetime):
        return (day if found == "timestamp" else day.date()) if found == "timestamp" or _is_midnight(day) else None
    if isinstance(day, date):
        return datetime(day.year, day.month, day.day) if found == "timestamp" else day
    return None


def arrow_type(found: ColumnKind) -> pa.DataType:
    """The Arrow type of a column type."""
    import pyarrow as pa

    return {
        "integer": pa.int64(),
        "numeric": pa.float64(),
        "text": pa.string(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "boolean": pa.bool_(),
    }[found]


def arrow_column(cells: list[Cell], column: ColumnFinding) -> tuple[pa.Array, pa.Array | None]:
    """A column's values, and its markers as printed where it has any."""
    import pyarrow as pa

    types = set(map(type, cells))
    types.discard(type(None))
    found = column.type
    if not _odd_cells(types, found):
        if found == "integer":
            return pa.array(cells, pa.float64()).cast(pa.int64()), None
        if found == "text":
            return pa.array([v if v is None or (not v.isspace() and v) else None for v in cells], pa.string()), None
        if found in ("date", "timestamp"):
            return pa.array([typed_value(v, found) for v in cells], arrow_type(found)), None
        return pa.array(cells, arrow_type(found)), None
    known: dict[tuple[type, Cell], Any] = {}
    values, markers = [], []
    for cell in cells:
        key = (type(cell), cell)
        if key not in known:
            value = typed_value(cell, found)
            text = None
            if isinstance(cell, str) and not cell.strip():
                value = None
            elif value is None and cell is not None:
                text = printed(cell)
            known[key] = (value, text)
        value, text = known[key]
        values.append(value)
        markers.append(text)
    marked = pa.array(markers, pa.string())
    return pa.array(values, arrow_type(found)), None if marked.null_count == len(marked) else marked


def _odd_cells(types: set[type], found: ColumnKind) -> bool:
    if found == "text":
        return not types <= {str}
    return not types <= _OWN_TYPES[found]


def typed_table(grid: Grid, table: TableFinding) -> pa.Table:
    """A table's body as Arrow: physical names, ``<name>_marker`` where markers occur, ``_source_row``.

    A table with periods in its columns comes long: its other columns, ``reported_period``, ``_wide_label``, ``value``,
    ``value_marker``, one row for each body row and period, in that order.
    """
    import pyarrow as pa

    if not grid.complete:
        raise SheetError("a sample of a large file cannot be typed whole", where=grid.member or grid.sheet)
    numbers, rows = body_rows(grid, table)
    wide = set(table.wide_periods.columns) if table.wide_periods and table.wide_periods.unpivoted else set()
    names: list[str] = []
    arrays: list[pa.Array] = []
    for column in table.columns:
        if column.column in wide:
            continue
        values, markers = arrow_column(column_cells(rows, column.index), column)
        names.append(column.name)
        arrays.append(values)
        if markers is not None:
            names.append(f"{column.name}_marker")
            arrays.append(markers)
    source = pa.array(numbers, pa.int32())
    if not wide:
        return pa.Table.from_arrays([*arrays, source], names=[*names, "_source_row"])
    periods = [c for c in table.columns if c.column in wide]
    return _long(rows, periods, names, arrays, source)


def _long(
    rows: Sequence[Sequence[Cell]],
    periods: list[ColumnFinding],
    names: list[str],
    arrays: list[pa.Array],
    source: pa.Array,
) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    n, k = len(rows), len(periods)
    repeated = pa.array(np.repeat(np.arange(n), k))
    by_row = pa.array((np.arange(n * k) % k) * n + np.arange(n * k) // k)
    values, markers = [], []
    for column in periods:
        found, marked = arrow_column(column_cells(rows, column.index), column)
        values.append(found)
        markers.append(marked if marked is not None else pa.nulls(n, pa.string()))
    which = pa.array(np.tile(np.arange(k, dtype="int32"), n))
    labels = [
        pa.array([c.period for c in periods], pa.string()),
        pa.array([c.period_label for c in periods], pa.string()),
    ]
    long_arrays = [
        *(a.take(repeated) for a in arrays),
        *(label.take(which) for label in labels),
        pa.concat_arrays(values).take(by_row),
        pa.concat_arrays(markers).take(by_row),
        source.take(repeated),
    ]
    return pa.Table.from_arrays(
        long_arrays, names=[*names, "reported_period", "_wide_label", "value", "value_marker", "_source_row"]
    )


def figures_of_percent(texts: Sequence[str]) -> list[float | int | None]:
    """The figures of a column of texts such as ``12.5%``."""
    return [percent_figure(t) for t in texts]
