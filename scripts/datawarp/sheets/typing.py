"""Types of whole columns, and a table as Arrow: nothing printed is lost on the way.

A column is decided by the set of its cells' Python types first, and only texts are looked at one distinct
value at a time, so that a million numbers cost one conversion.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from datawarp.errors import SheetError
from datawarp.sheets.account import body_of, sample_body
from datawarp.sheets.cells import is_marker, printed
from datawarp.sheets.finding import BodyCells, ColumnFinding, ColumnKind, TableFinding, types_of
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.notation import PLAIN, Decimal, Evidence, Notation
from datawarp.sheets.texts import MOST_WORDS, TextTally, day_in, figure, text_class
from datawarp.sheets.whole_column import WholeColumn

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST_EXACT = 2**53
_OWN: dict[str, frozenset[type]] = {
    "integer": frozenset({int, float}),
    "numeric": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "date": frozenset({date, datetime}),
    "timestamp": frozenset({date, datetime}),
    "text": frozenset({str}),
}
_DIGIT = re.compile(r"[\d\u00b2\u00b3\u00b9\u2070-\u2089]")  # superscripts too
TRIAL = 2000  # texts that show whether a long column is one of words
# Columns up to this length are looked at cell by cell: sooner done than pyarrow.compute is imported.
SHORT = 400


def typed_columns(grid: Grid, table: TableFinding, overrides: Mapping[str, ColumnKind]) -> None:
    """Set type, markers and unit of a table's columns from its body (for a sample grid, from the sample)."""
    body = body_of(grid, table) if grid.complete else sample_body(grid, table)
    note_notations(grid, table)
    day_first = _day_first(table, body)
    for column in table.columns:
        notation = column.notation or PLAIN
        cells, wanted = body.columns[column.index], overrides.get(column.column)
        types = body.types(column.index)
        column.type, column.markers = column_type(cells, wanted, notation, day_first, types)
        if column.unit is None and (notation.percent or _is_percent(grid, table, column.index)):
            column.unit = "percent"
        if notation.decimal == "?" and column.type == "text":
            table.evidence.append(f"column {column.column} is text: its figures may have decimals or thousands")
    if table.wide_periods and table.wide_periods.unpivoted:
        _share_type(table, body)


def note_notations(grid: Grid, table: TableFinding) -> None:
    """Set how the texts of each column write figures, from its body (for a sample grid, from the sample)."""
    body = body_of(grid, table) if grid.complete else sample_body(grid, table)
    for column in table.columns:
        if column.notation is None:
            texts = str in body.types(column.index)
            column.notation = _notation(body.columns[column.index], grid.decimal) if texts else PLAIN


def _notation(cells: Sequence[Cell], file: Decimal) -> Notation:
    """How a column's texts write figures, in a file that means ``file`` by and large."""
    some = cells.counted if isinstance(cells, WholeColumn) else cells
    first = next((v for v in some if isinstance(v, str) and _DIGIT.search(v)), "")
    percent = first.rstrip().endswith("%")
    if file == "." and not percent:
        return PLAIN
    texts = set(counted_texts(cells))
    decimal = file if file == "." else Evidence.of(texts).decimal(file)
    percent = percent and not types_of(cells) & {int, float, bool}
    return Notation(decimal, percent and TextTally.of(texts, Notation(decimal)).all_percent)


def _day_first(table: TableFinding, body: BodyCells) -> bool:
    """Whether some column of a table has dates that can only have their day first."""
    for column in table.columns:
        cells = body.columns[column.index]
        if str in body.types(column.index) and any(isinstance(v, str) and v.count("/") == 2 for v in cells[:20]):
            counts = TextTally.of(counted_texts(cells)).counts
            dates = counts["day_first_date"] + counts["either_date"] + counts["same_date"]
            if counts["day_first_date"] and dates + counts["marker"] == counts.total():
                return True
    return False


def _share_type(table: TableFinding, body: BodyCells) -> None:
    """Give the columns that become one ``value`` column one type."""
    wide = [c for c in table.columns if table.wide_periods and c.column in table.wide_periods.columns]
    types = {c.type for c in wide}
    common: ColumnKind = (
        next(iter(types)) if len(types) == 1 else "numeric" if types <= {"integer", "numeric"} else "text"
    )
    for column in wide:
        if column.type != common:
            column.type, column.markers = column_type(body.columns[column.index], common, column.notation or PLAIN)


def _is_percent(grid: Grid, table: TableFinding, index: int) -> bool:
    formats = grid.number_formats
    first = table.data_rows[0] - 1
    return bool(formats) and any(
        "%" in formats.get((r, index), "") for r in range(first, min(first + 20, table.data_rows[1]))
    )


def column_type(
    cells: Sequence[Cell],
    wanted: ColumnKind | None = None,
    notation: Notation = PLAIN,
    day_first: bool = False,
    types: Set[type] | None = None,
) -> tuple[ColumnKind, dict[str, int]]:
    """The type of a column and its markers with their counts; ``wanted`` is a type that someone asks for.

    ``notation`` is how its texts write figures; ``day_first`` says that dates beside it have their day first;
    ``types`` are those of its cells where they are known.
    """
    types = types_of(cells) if types is None else types
    if (
        wanted is None
        and str in types
        and (_begins_with_words(cells, notation) or (types == {str} and _is_words(cells)))
    ):
        return "text", {}
    texts = counted_texts(cells) if str in types else Counter()
    found = wanted or _natural_type(cells, types, TextTally.of(texts, notation), texts, day_first)
    if found == "text":
        return found, {}
    kept = Counter(
        {text: n for text, n in texts.items() if text.strip() and typed_value(text, found, notation) is None}
    )
    if types - {str} - _OWN[found] or wanted:
        kept.update(printed(v) for v in cells if not isinstance(v, str | None) and typed_value(v, found) is None)
    return found, dict(sorted(kept.items(), key=lambda pair: (-pair[1], pair[0])))


def counted_texts(cells: Sequence[Cell]) -> Counter[str]:
    """How often each text occurs, in the order of their first cells."""
    return cells.counted if isinstance(cells, WholeColumn) else Counter([v for v in cells if isinstance(v, str)])


def _begins_with_words(cells: Sequence[Cell], notation: Notation) -> bool:
    """Whether a short column begins with so many words and codes that it is text whatever else it holds."""
    if len(cells) > TRIAL:
        return False
    enough = int(MOST_WORDS * len(cells)) + 1
    trial = (v for v in cells[: 2 * enough] if isinstance(v, str) and v and not v.isspace())
    return sum(text_class(text, notation.decimal) in ("text", "code") for text in trial) >= enough


def _is_words(cells: Sequence[Cell]) -> bool:
    """Whether a long column of texts is plainly one of words, told from a trial and a count of letters."""
    if len(cells) <= TRIAL:
        return False
    import pyarrow as pa
    import pyarrow.compute as pc

    trial = TextTally.of([v for v in cells[:TRIAL] if isinstance(v, str)])
    if trial.counts["text"] + trial.counts["code"] < 0.5 * trial.total or not trial.total:
        return False
    texts = cells.array(str) if isinstance(cells, WholeColumn) else pa.array(cells, pa.string())
    lettered = pc.sum(pc.match_substring_regex(texts, "[A-Za-z]{2}|[A-Za-z][0-9]")).as_py() or 0
    return bool(lettered > 0.5 * (len(texts) - texts.null_count))


def _natural_type(
    cells: Sequence[Cell], types: Set[type], tally: TextTally, texts: Counter[str], day_first: bool
) -> ColumnKind:
    if types <= {int, float}:
        return "integer" if all_whole(cells) else "numeric"
    if types == {bool}:
        return "boolean"
    others = types - {str}
    if not others:
        return tally.verdict(day_first=day_first) if tally.total else "integer"
    if others <= {int, float}:
        if isinstance(cells, WholeColumn):
            return tally.verdict(cells.count_figures(), cells.whole(), day_first)
        numbers = [v for v in cells if isinstance(v, int | float)]
        return tally.verdict(len(numbers), all_whole(numbers), day_first)
    if others <= {date, datetime} and all(is_marker(t) for t in texts if t.strip()):
        return "date" if datetime not in others or all(_is_midnight(v) for v in cells) else "timestamp"
    return "text"


def _is_midnight(value: Cell) -> bool:
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
        return day.date() if _is_midnight(day) else None
    return day if isinstance(day, date) else None


def _number(value: Cell, found: ColumnKind, notation: Notation) -> int | float | None:
    number = figure(value, notation) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if found == "numeric":
        return float(number)
    return int(number) if float(number).is_integer() else None


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


def arrow_column(cells: Sequence[Cell], column: ColumnFinding, types: Set[type]) -> tuple[pa.Array, pa.Array | None]:
    """The values of a column with cells of ``types``, and its markers as printed where it has any."""
    import pyarrow as pa

    found = column.type
    if types <= _OWN[found] and (plain := _plain_column(cells, found)) is not None:
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
    strange = types - {str} - _OWN[found] or (found == "integer" and float in types) or found == "date"
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
        if found == "date" and not all(_is_midnight(v) for v in cells):
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
