"""A table as Arrow: each column of its own type, markers beside it, nothing printed lost on the way."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from datawarp.arrow_types import arrow_type
from datawarp.errors import SheetError
from datawarp.sheets.account import body_of
from datawarp.sheets.cells import printed
from datawarp.sheets.finding import BodyCells, ColumnFinding, ColumnKind, TableFinding
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.notation import PLAIN, Notation
from datawarp.sheets.typing import note_notations
from datawarp.sheets.values import OWN, SHORT, all_whole, is_midnight, typed_value
from datawarp.sheets.whole_column import WholeColumn

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_column(cells: Sequence[Cell], column: ColumnFinding, types: Set[type]) -> tuple[pa.Array, pa.Array | None]:
    """The values of a column with cells of ``types``, and its markers as printed where it has any."""
    import pyarrow as pa

    found = column.type
    if types <= OWN[found] and (plain := _plain_column(cells, found)) is not None:
        return plain, None
    # Texts are converted once per distinct value; other cells one by one, since 1 and True are the same key.
    notation = column.notation or PLAIN
    if isinstance(cells, WholeColumn) and (mixed := _mixed_column(cells, found, types, notation)) is not None:
        return mixed
    texts = {v: typed_value(v, found, notation) for v in set(cells) if isinstance(v, str)} if str in types else {}
    values = [
        texts[v] if isinstance(v, str) else v if type(v) is float and found == "numeric" else typed_value(v, found)
        for v in cells
    ]
    if found == "text":
        return pa.array(values, pa.string()), None
    odd = {v: v for v, value in texts.items() if value is None and v.strip()}
    strange = types - {str} - OWN[found] or (found == "integer" and float in types) or found == "date"
    if not odd and not strange:
        return pa.array(values, arrow_type(found)), None
    if strange:
        marks = [
            odd.get(v) if isinstance(v, str) else printed(v) if value is None and v is not None else None
            for v, value in zip(cells, values, strict=True)
        ]
    else:
        marks = [odd.get(v) if isinstance(v, str) else None for v in cells]
    marked = pa.array(marks, pa.string())
    return pa.array(values, arrow_type(found)), None if marked.null_count == len(marked) else marked


def _mixed_column(
    cells: WholeColumn, found: ColumnKind, types: Set[type], notation: Notation
) -> tuple[pa.Array, pa.Array | None] | None:
    """The values and markers of a column of figures with texts among them; None for any other column."""
    import pyarrow as pa

    if found not in ("integer", "numeric") or not types <= {float, str}:
        return None
    texts = {text: typed_value(text, found, notation) for text in cells.counted}
    try:
        values, marks = cells.mapped(texts, arrow_type(found))
    except pa.ArrowInvalid:
        return None
    return values, None if marks.null_count == len(marks) else marks


def _plain_column(cells: Sequence[Cell], found: ColumnKind) -> pa.Array | None:
    """The values of a column whose cells are all of its own Python types, or None when some do not fit it."""
    import pyarrow as pa

    if isinstance(cells, WholeColumn):
        return _plain_whole(cells, found)
    values: Sequence[Any] = cells
    if found == "text":
        if len(cells) <= SHORT:
            return pa.array([v if v and not v.isspace() else None for v in values], pa.string())
        return _without_white(pa.array(cells, pa.string()))
    if found == "integer":
        if len(cells) <= SHORT:
            return pa.array([v if v is None else int(v) for v in values], pa.int64()) if all_whole(cells) else None
        try:
            return pa.array(cells, pa.float64()).cast(pa.int64())
        except pa.ArrowInvalid:
            return None
    if found in ("date", "timestamp"):
        if found == "date" and not all(is_midnight(v) for v in cells):
            return None
        return pa.array([typed_value(v, found) for v in cells], arrow_type(found))
    return pa.array(cells, arrow_type(found))


def _without_white(texts: pa.Array) -> pa.Array:
    """Texts, with null for those of white space alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    return pc.if_else(blank, pa.scalar(None, pa.string()), texts) if pc.any(blank).as_py() else texts


def _plain_whole(cells: WholeColumn, found: ColumnKind) -> pa.Array | None:
    """:func:`_plain_column` of a column that is read as arrays."""
    import pyarrow as pa

    if found == "text":
        return _without_white(cells.array(str))
    if found == "boolean":
        return cells.array(bool)
    if found in ("date", "timestamp"):
        return None if datetime in cells.types else cells.array(date).cast(arrow_type(found))
    try:
        return cells.array(float).cast(arrow_type(found))
    except pa.ArrowInvalid:
        return None


def typed_table(grid: Grid, table: TableFinding) -> pa.Table:
    """A table's body as Arrow: physical names, ``<name>_marker`` where markers occur, ``_source_row``.

    A table with periods in its columns comes long: its other columns, ``reported_period``, ``_wide_label``, ``value``,
    ``value_marker``, one row for each body row and period, in that order. Raises :class:`SheetError` for a sample grid.
    """
    import pyarrow as pa

    if not grid.complete:
        raise SheetError(
            "a sample of a large file cannot be typed whole", where=grid.member or grid.sheet, hint="stream its body"
        )
    body = body_of(grid, table)
    note_notations(grid, table)
    wide = set(table.wide_periods.columns) if table.wide_periods and table.wide_periods.unpivoted else set()
    names: list[str] = []
    arrays: list[pa.Array] = []
    for column in table.columns:
        if column.column in wide:
            continue
        values, markers = arrow_column(body.columns[column.index], column, body.types(column.index))
        names.append(column.name)
        arrays.append(values)
        if markers is not None:
            names.append(f"{column.name}_marker")
            arrays.append(markers)
    source = pa.array(body.numbers, pa.int32())
    if not wide:
        return pa.Table.from_arrays([*arrays, source], names=[*names, "_source_row"])
    return _long(body, [c for c in table.columns if c.column in wide], names, arrays, source)


def places_of_long(rows: int, periods: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """For each row of a long table: its body row, its period, and its place among the periods' columns end to end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pa.arange(0, rows * periods)
    row = pc.divide(place, periods)
    period = pc.subtract(place, pc.multiply(row, periods))
    return row, period, pc.add(pc.multiply(period, rows), row)


def _long(
    body: BodyCells, periods: list[ColumnFinding], names: list[str], arrays: list[pa.Array], source: pa.Array
) -> pa.Table:
    import pyarrow as pa

    n = len(body.numbers)
    repeated, which, by_row = places_of_long(n, len(periods))
    values, markers = [], []
    for column in periods:
        found, marked = arrow_column(body.columns[column.index], column, body.types(column.index))
        values.append(found)
        markers.append(marked if marked is not None else pa.nulls(n, pa.string()))
    labels = (
        pa.array([c.period for c in periods], pa.string()),
        pa.array([c.period_label for c in periods], pa.string()),
    )
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
