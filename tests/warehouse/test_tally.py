"""The checksum of a source's rows: of the rows alone, not of the batches that they come in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datawarp.warehouse.load.tally import Tally

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "numeric": (pa.float64(), st.floats(allow_nan=False)),
    "text": (pa.string(), st.text(max_size=5)),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates(date(1900, 1, 1))),
    "timestamp": (pa.timestamp("us"), st.datetimes(datetime(1900, 1, 1))),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(1, 12))
    columns = {}
    for name, (kind, values) in KINDS.items():
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows))
        columns[name] = pa.array(cells, kind)
    return pa.table(columns)


def tally(table: pa.Table, rows_at_once: int) -> Tally:
    found = Tally()
    found.begin("table")
    for batch in table.to_batches(max_chunksize=rows_at_once):
        found.update(batch)
    return found


@given(tables(), st.integers(1, 12))
def test_it_is_the_same_in_whatever_batches(table: pa.Table, rows_at_once: int) -> None:
    whole, cut = tally(table, 1 << 20), tally(table, rows_at_once)
    assert cut.checksum() == whole.checksum()
    assert (cut.rows, cut.values, cut.beyond_exact) == (whole.rows, whole.values, whole.beyond_exact)


@given(tables(), st.data())
def test_one_other_value_is_another_checksum(table: pa.Table, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KINDS)))
    kind, values = KINDS[name]
    row = data.draw(st.integers(0, len(table) - 1))
    cells = table[name].to_pylist()
    other = data.draw(
        st.one_of(st.none(), values).filter(lambda value: (value, str(value)) != (cells[row], str(cells[row])))
    )
    changed = pa.array([*cells[:row], other, *cells[row + 1 :]], kind)
    at = table.schema.get_field_index(name)
    assert tally(table.set_column(at, name, changed), 5).checksum() != tally(table, 5).checksum()
