"""Types of whole columns: nothing printed is lost by them.

A column is decided by the set of its cells' Python types first, and only texts are looked at one distinct
value at a time, so that a million numbers cost one conversion.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime

from datawarp.sheets.account import body_of, sample_body
from datawarp.sheets.cells import is_marker, printed
from datawarp.sheets.finding import BodyCells, ColumnKind, TableFinding, types_of
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.notation import PLAIN, Decimal, Evidence, Notation
from datawarp.sheets.texts import MOST_WORDS, TextTally, text_class
from datawarp.sheets.values import OWN, all_whole, is_midnight, typed_value
from datawarp.sheets.whole_column import WholeColumn

_DIGIT = re.compile(r"[\d\u00b2\u00b3\u00b9\u2070-\u2089]")  # superscripts too
TRIAL = 2000  # texts that show whether a long column is one of words


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
    if types - {str} - OWN[found] or wanted:
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
        return "date" if datetime not in others or all(is_midnight(v) for v in cells) else "timestamp"
    return "text"
