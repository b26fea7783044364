"""Generated sheets come back exactly: layout, headers, figures, markers, row account."""

from __future__ import annotations

import math

import pyarrow.compute as pc
from generator import Sheet, single_tables, stacked_tables, tables_side_by_side, text_tables
from hypothesis import HealthCheck, given, settings

from datawarp.sheets.detect import detect
from datawarp.sheets.typed_table import typed_table

relaxed = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def check(sheet: Sheet) -> None:
    """Every expected table is found where it lies, and nothing else."""
    grid = sheet.grid()
    finding = detect(grid)
    want = sorted(sheet.expected, key=lambda t: (t.header_rows[0], t.columns[0]))
    assert finding.kind == "data", finding.reason
    got = finding.tables
    assert [(t.header_rows, t.data_rows, t.n_rows) for t in got] == [
        (t.header_rows, t.data_rows, t.n_rows) for t in want
    ]
    for found, table in zip(got, want, strict=True):
        assert [c.column for c in found.columns] == table.columns
        assert [c.original_name for c in found.columns] == table.headers
        assert found.account is not None
        assert found.account.balanced
        assert found.evidence
        assert (found.wide_periods.columns if found.wide_periods else None) == table.wide
        assert len({c.name for c in found.columns}) == len(found.columns)
        typed = typed_table(grid, found)
        for column in found.columns:
            values, markers = (
                (typed[column.name], f"{column.name}_marker")
                if not table.wide or column.column not in table.wide
                else (None, "")
            )
            if values is None or column.column not in table.sums:
                continue
            assert column.type in ("integer", "numeric"), column
            assert math.isclose(pc.sum(values).as_py(), table.sums[column.column], rel_tol=1e-9)
            kept = len(typed) - typed[markers].null_count if markers in typed.column_names else 0
            assert kept == table.markers.get(column.column, 0)
        if table.wide:
            assert math.isclose(pc.sum(typed["value"]).as_py(), sum(table.sums.values()), rel_tol=1e-9)
            assert typed.num_rows == table.n_rows * len(table.wide)


@relaxed
@given(single_tables())
def test_a_single_table_comes_back(sheet: Sheet) -> None:
    check(sheet)


@relaxed
@given(stacked_tables())
def test_stacked_tables_come_back(sheet: Sheet) -> None:
    check(sheet)


@relaxed
@given(tables_side_by_side())
def test_tables_side_by_side_come_back(sheet: Sheet) -> None:
    check(sheet)


@relaxed
@given(text_tables())
def test_lookup_tables_come_back(sheet: Sheet) -> None:
    check(sheet)
