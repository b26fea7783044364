"""Batches of printed texts as typed Arrow: the rules of :mod:`datawarp.sheets.texts`, a batch at a time.

Plain figures are converted by Arrow; every other text is looked at once per batch and distinct value.
Nothing that Arrow would read more freely than a statistician passes: ``007``, ``nan``, ``0x1F``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datawarp.arrow_types import arrow_type
from datawarp.sheets.finding import ColumnFinding, ColumnKind, TableFinding
from datawarp.sheets.notation import PLAIN, Notation
from datawarp.sheets.texts import TextTally
from datawarp.sheets.typed_table import places_of_long
from datawarp.sheets.values import typed_value

if TYPE_CHECKING:
    import pyarrow as pa

# A column with more distinct texts than this among its figures is a column of texts.
MOST_DISTINCT = 20_000
_PLAIN = {"integer": r"^-?(?:0|[1-9][0-9]{0,17})$", "numeric": r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?$"}
_CLASS = {"integer": "integer", "numeric": "decimal", "date": "iso_date"}


@dataclass
class Tallies:
    """What was seen of a table's typed columns, batch after batch: plain cells, and all other texts with counts."""

    plain: Counter[int] = field(default_factory=Counter)
    others: dict[int, Counter[str]] = field(default_factory=dict)
    markers: dict[int, Counter[str]] = field(default_factory=dict)
    rows: int = 0
    blank_rows: int = 0
    begin_again: bool = False

    def add(self, column: ColumnFinding, plain: int, others: Counter[str], markers: Counter[str]) -> None:
        """Count one batch of one column."""
        self.plain[column.index] += plain
        if others:
            self.others.setdefault(column.index, Counter()).update(others)
        if markers:
            self.markers.setdefault(column.index, Counter()).update(markers)

    def verdict(self, column: ColumnFinding) -> ColumnKind:
        """The type that all cells of a column ask for, when what the sample said is put to the test."""
        others = self.others.get(column.index)
        if column.type == "text" or not others:
            return column.type
        if len(others) > MOST_DISTINCT:
            return "text"
        notation = column.notation or PLAIN
        tally = TextTally(Counter({_CLASS.get(column.type, "text"): self.plain[column.index]}))
        if notation.percent and not self.plain[column.index]:
            tally = TextTally()
        return (tally + TextTally.of(others, notation)).verdict()


def typed_batch(table: TableFinding, texts: Sequence[pa.Array], first_row: int, tallies: Tallies) -> pa.RecordBatch:
    """One batch of a table's body: ``texts`` has an array of strings per column, blanks null.

    ``first_row`` is the 1-based row of the batch's first record. Rows without any value are left out. Every
    typed column is followed by its marker column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    n = len(texts[0])
    source = pa.arange(first_row, first_row + n).cast(pa.int32())
    if all(t.null_count for t in texts):
        blank = texts[0].is_null()
        for t in texts[1:]:
            blank = pc.and_(blank, t.is_null())
        if pc.any(blank).as_py():
            keep = pc.invert(blank)
            texts, source = [t.filter(keep) for t in texts], source.filter(keep)
            tallies.blank_rows += n - len(source)
    tallies.rows += len(source)
    wide = set(table.wide_periods.columns) if table.wide_periods and table.wide_periods.unpivoted else set()
    names: list[str] = []
    arrays: list[pa.Array] = []
    periods: list[tuple[ColumnFinding, pa.Array, pa.Array]] = []
    for column, array in zip(table.columns, texts, strict=True):
        values, markers = typed_texts(array, column, tallies)
        if column.column in wide:
            periods.append((column, values, markers))
            continue
        names.append(column.name)
        arrays.append(values)
        if column.type != "text":
            names.append(f"{column.name}_marker")
            arrays.append(markers)
    if periods:
        return _long(names, arrays, periods, source)
    return pa.RecordBatch.from_arrays([*arrays, source], names=[*names, "_source_row"])


def typed_texts(texts: pa.Array, column: ColumnFinding, tallies: Tallies) -> tuple[pa.Array, pa.Array]:
    """A column's texts as values and as markers (null where the cell is a value or blank)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "text":
        spaces = pc.starts_with(texts, " ")
        if pc.any(spaces).as_py():
            texts = pc.if_else(pc.utf8_is_space(texts), pa.scalar(None, pa.string()), texts)
        return texts, pa.nulls(len(texts), pa.string())
    target = arrow_type(column.type)
    notation = column.notation or PLAIN
    values = _plain_figures(texts, column.type, target) if notation.decimal == "." else None
    if values is not None:
        tallies.add(column, len(texts) - texts.null_count, Counter(), Counter())
        return values, pa.nulls(len(texts), pa.string())
    pointed = _in_points(texts, column.type, notation)
    plain = _plain_mask(pointed, column.type)
    values = pc.if_else(plain, pointed, pa.scalar(None, pa.string())).cast(target) if plain is not None else None
    rest = pc.and_(texts.is_valid(), pc.invert(plain)) if plain is not None else texts.is_valid()
    others = texts.filter(rest)
    encoded = others.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    known: list[Any] = [typed_value(text, column.type, notation) for text in distinct]
    kept = [text if value is None and text.strip() else None for text, value in zip(distinct, known, strict=True)]
    counts = Counter(dict(zip(distinct, _counts(encoded), strict=True)))
    markers = Counter({text: counts[text] for text in kept if text is not None})
    dates = Counter({t: n for t, n in counts.items() if t not in markers}) if values is None else Counter()
    tallies.add(column, len(texts) - texts.null_count - len(others) + dates.total(), counts - dates, markers)
    found = pa.array(known, target).take(encoded.indices)
    base = values if values is not None else pa.nulls(len(texts), target)
    marked = pa.array(kept, pa.string()).take(encoded.indices)
    return pc.replace_with_mask(base, rest, found), pc.replace_with_mask(
        pa.nulls(len(texts), pa.string()), rest, marked
    )


def _counts(encoded: pa.DictionaryArray) -> list[int]:
    counts = [0] * len(encoded.dictionary)
    for found in encoded.indices.value_counts().to_pylist():
        counts[found["values"]] = found["counts"]
    return counts


def _plain_figures(texts: pa.Array, found: ColumnKind, target: pa.DataType) -> pa.Array | None:
    """All texts as figures, or None when one of them is not plainly a figure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if found not in _PLAIN:
        return None
    try:
        values = texts.cast(target)
    except pa.ArrowInvalid:
        return None
    padded = pc.starts_with(texts, "0")
    if found == "integer":
        odd = pc.and_(padded, pc.greater(pc.binary_length(texts), 1))
    else:
        odd = pc.and_(pc.and_(padded, pc.greater(pc.binary_length(texts), 1)), pc.invert(pc.starts_with(texts, "0.")))
        if not pc.all(pc.is_finite(values), min_count=0).as_py():
            return None
    return None if pc.any(odd).as_py() else values


def _in_points(texts: pa.Array, found: ColumnKind, notation: Notation) -> pa.Array:
    """Texts with the figures among them written plainly (``1,234.5`` as ``1234.5``), where a pattern tells them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if found not in _PLAIN or notation.decimal == "?":
        return texts
    thousands, point = (",", ".") if notation.decimal == "." else (".", ",")
    figures = pc.match_substring_regex(
        texts, rf"^-?(?:0|[1-9][0-9]{{0,2}}(?:\{thousands}[0-9]{{3}})+|[1-9][0-9]{{0,14}})(?:\{point}[0-9]+)?$"
    )
    plain = pc.replace_substring(texts, thousands, "")
    if point == ",":
        plain = pc.replace_substring(plain, ",", ".")
    # Other texts are looked at one by one: 1.5 is no figure where commas stand before decimals.
    return pc.if_else(figures, plain, texts if point == "." else pa.scalar(None, pa.string()))


def _plain_mask(texts: pa.Array, found: ColumnKind) -> pa.Array | None:
    import pyarrow.compute as pc

    if found not in _PLAIN:
        return None
    return pc.fill_null(pc.match_substring_regex(texts, _PLAIN[found]), False)


def _long(
    names: list[str], arrays: list[pa.Array], periods: list[tuple[ColumnFinding, pa.Array, pa.Array]], source: pa.Array
) -> pa.RecordBatch:
    """One row for each body row and period, in that order."""
    import pyarrow as pa

    repeated, which, by_row = places_of_long(len(source), len(periods))
    columns = [
        *(a.take(repeated) for a in arrays),
        pa.array([c.period for c, _, _ in periods], pa.string()).take(which),
        pa.array([c.period_label for c, _, _ in periods], pa.string()).take(which),
        pa.concat_arrays([values for _, values, _ in periods]).take(by_row),
        pa.concat_arrays([markers for _, _, markers in periods]).take(by_row),
        source.take(repeated),
    ]
    return pa.RecordBatch.from_arrays(
        columns, names=[*names, "reported_period", "_wide_label", "value", "value_marker", "_source_row"]
    )
