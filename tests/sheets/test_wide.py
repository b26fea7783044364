"""Runs of periods in columns, stored long; bands and codes that are none."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from grids import grid, table

from datawarp.sheets.detect import detect
from datawarp.sheets.grid import Cell
from datawarp.sheets.labels import read_label
from datawarp.sheets.typed_table import typed_table


@pytest.mark.parametrize(
    ("printed", "period"),
    [
        ("Apr-24", "2024-04"),
        ("April 2024", "2024-04"),
        ("Jan-24 [7]", "2024-01"),
        ("Apr-217, 8", "2021-04"),
        ("2021 Apr", "2021-04"),
        ("Sept 2024 (p)", "2024-09"),
        ("2024/25", "2024-25"),
        ("2024-25", "2024-25"),
        ("2023-2024", "2023-24"),
        ("Q1 2024/25", "2024-25-Q1"),
        ("2024-25 Q3", "2024-25-Q3"),
        ("Jan to Mar 2024", "2023-24-Q4"),
        ("Q2 2024", "2024-Q2"),
        ("2024-w07", "2024-W07"),
        ("31 March 2025", "2025-03-31"),
        ("31/03/2025", "2025-03-31"),
        ("2023p", "2023"),
        ("2022¹", "2022"),
        ("Apr 2022 to Mar 2023", "2022-23"),
        ("January 2022 to December 2022", "2022"),
        ("Oct 2023 - Dec 2023", "2023-24-Q3"),
        ("Year ending March 2024", "2023-24"),
        ("12 months to Dec-23", "2023"),
        ("Quarter ending June 2023", "2023-24-Q1"),
        ("Quarter ended 31 March 2024", "2023-24-Q4"),
        ("2022 1st quarter", "2022-Q1"),
        (2018.0, "2018"),
        (date(2024, 5, 1), "2024-05-01"),
    ],
)
def test_labels_are_read(printed: Cell, period: str) -> None:
    found = read_label(printed)
    assert found is not None
    assert found.canonical == period


@pytest.mark.parametrize(
    "printed",
    [
        "10-12",
        "10-14",
        "0-4",
        "90+",
        "A81001",
        "12",
        12.0,
        "2024/26",
        "1-4 weeks",
        "Type 1",
        "Year ending June 2023",
        "May 2021 to Apr 2022",
        None,
        True,
        "30/02/2024",
    ],
)
def test_bands_codes_and_plain_numbers_are_no_periods(printed: Cell) -> None:
    assert read_label(printed) is None


def heads(labels: list[Cell], stub: str = "Area") -> list[list[Cell]]:
    return [[stub, *labels], ["Fife", *[7.0 + n for n in range(len(labels))]], ["Powys", *[2.5 for _ in labels]]]


@pytest.mark.parametrize(
    ("labels", "periods"),
    [
        (["Apr-24", "May-24", "Jun-24", "Jul-24 [7]"], ["2024-04", "2024-05", "2024-06", "2024-07"]),
        (
            [datetime(2009, 11, 30), datetime(2009, 12, 31), datetime(2010, 1, 31), datetime(2010, 2, 28)],
            ["2009-11", "2009-12", "2010-01", "2010-02"],
        ),
        (["2021/22", "2022/23", "2023/24"], ["2021-22", "2022-23", "2023-24"]),
        ([2018.0, 2019.0, 2020.0, 2021.0], ["2018", "2019", "2020", "2021"]),
        ([datetime(2020, 1, 3) + timedelta(7 * n) for n in range(5)], [f"2020-W{n:02d}" for n in range(1, 6)]),
        (["Week 1", "Week 2", "Week 3", "Week 4"], ["W01", "W02", "W03", "W04"]),
        (["Dec-24", "Nov-24", "Oct-24", "Sep-24"], ["2024-12", "2024-11", "2024-10", "2024-09"]),
    ],
)
def test_series_are_stored_long(labels: list[Cell], periods: list[str]) -> None:
    found = table(heads(labels))
    assert found.wide_periods is not None
    assert [c.period for c in found.columns[1:]] == periods
    assert any("stored long" in e for e in found.evidence)


@pytest.mark.parametrize(
    "labels",
    [
        ["Jan-Mar 2024", "Feb-Apr 2024", "Mar-May 2024", "Apr-Jun 2024"],
        ["10-14", "15-19", "20-24", "25-29"],
        ["0-4", "5-9", "10-12", "13-15"],
        ["2022", "2023", "% change"],
        ["Apr-24", "Jun-24", "Sep-24", "Dec-24"],
        ["A1", "A2", "A3", "A4"],
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    ],
)
def test_what_is_no_series_stays(labels: list[Cell]) -> None:
    assert table(heads(labels)).wide_periods is None


def test_years_under_two_measures_are_not_one_series() -> None:
    rows: list[list[Cell]] = [
        [None, "Births", None, "Deaths", None],
        ["Area", "2022", "2023", "2022", "2023"],
        ["Fife", 1.0, 2.0, 3.0, 4.5],
        ["Powys", 1.0, 2.0, 3.0, 4.0],
    ]
    assert table(rows, [(0, 1, 0, 2), (0, 3, 0, 4)]).wide_periods is None


def test_months_below_their_year() -> None:
    rows: list[list[Cell]] = [
        [None, 2020.0, None, 2021.0, None],
        ["Area", "Nov", "Dec", "Jan", "Feb"],
        ["Fife", 9.0, 2.0, 3.0, 4.0],
        ["Powys", 1.0, 2.0, 3.0, 4.0],
    ]
    found = table(rows, [(0, 1, 0, 2), (0, 3, 0, 4)])
    assert [c.period for c in found.columns[1:]] == ["2020-11", "2020-12", "2021-01", "2021-02"]


def test_the_long_table() -> None:
    rows: list[list[Cell]] = [
        ["Code", "Apr-24", "May-24", "Jun-24", "Jul-24", "Value"],
        ["A1", 1.0, "*", 3.0, None, 9.0],
        ["A2", 4.0, 5.0, 6.5, None, 8.0],
    ]
    sheet = grid(rows)
    (found,) = detect(sheet).tables
    got = typed_table(sheet, found).to_pydict()
    assert list(got) == ["code", "value_2", "reported_period", "_wide_label", "value", "value_marker", "_source_row"]
    assert got["reported_period"] == ["2024-04", "2024-05", "2024-06", "2024-07"] * 2
    assert got["_wide_label"][:4] == ["Apr-24", "May-24", "Jun-24", "Jul-24"]
    assert got["value"] == [1.0, None, 3.0, None, 4.0, 5.0, 6.5, None]
    assert got["value_marker"] == [None, "*", None, None, None, None, None, None]
    assert got["_source_row"] == [2, 2, 2, 2, 3, 3, 3, 3]
    assert got["value_2"] == [9, 9, 9, 9, 8, 8, 8, 8]
