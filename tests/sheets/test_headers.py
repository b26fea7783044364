"""Flattened headers, physical names and units."""

from __future__ import annotations

import pytest
from grids import headers, table, tables

from datawarp.sheets.columns import NAME_BYTES, RESERVED, physical_name, unique_names, unit_of
from datawarp.sheets.grid import Cell

Rows = list[list[Cell]]


def test_tiers_with_a_blank_row_inside_and_merges() -> None:
    rows: Rows = [
        ["Week number", 11.0, None, 12.0, None, 13.0, None],
        ["Week ended", "2020-03-13", None, "2020-03-20", None, "2020-03-27", None],
        [],
        [None, "All", "COVID", "All", "COVID", "All", "COVID"],
        ["Home", 5.0, 1.0, 6.0, 2.0, 7.0, 3.0],
        ["Hospital", 9.0, 1.0, 6.0, 2.0, 7.0, 3.0],
    ]
    merges = [(r, c, r, c + 1) for r in (0, 1) for c in (1, 3, 5)]
    found = table(rows, merges)
    assert (found.header_rows, found.data_rows) == ((1, 4), (5, 6))
    assert headers(found)[1:3] == ["11 | 2020-03-13 | All", "11 | 2020-03-13 | COVID"]


def test_a_title_on_the_headers_own_row_is_no_header() -> None:
    rows: Rows = [
        ["Table 1: Recorded prevalence by region, 2017-18", None, None, "Prevalence", None, None, None],
        [None, None, None, "2016-17", None, "2017-18", None],
        ["Region code", "Region", "Area", "Practices", "List size", "Practices", "List size"],
        ["Y54", "North", "Leeds", 16.0, 99.5, 16.0, 98.5],
        ["Y55", "South", "Kent", 16.0, 99.5, 17.0, 97.5],
    ]
    found = table(rows, [(0, 3, 0, 6), (1, 3, 1, 4), (1, 5, 1, 6)])
    assert found.header_rows == (1, 3)
    assert headers(found)[0] == "Region code"
    assert headers(found)[-1] == "Prevalence | 2017-18 | List size"
    assert found.title == "Table 1: Recorded prevalence by region, 2017-18"


def test_a_unit_alone_at_the_far_right_is_not_header() -> None:
    rows: Rows = [
        ["August 2024", None, None, None, "headcount"],
        ["Code", "Name", "All", "Doctors", "Nurses"],
        ["R1", "One", 9.0, 1.0, 2.0],
        ["R2", "Two", 8.0, 3.0, 2.0],
    ]
    assert table(rows).header_rows == (2, 2)


def test_code_and_unit_rows_below_the_names_belong_to_the_header() -> None:
    codes: Rows = [["Period", "All", "Mining"], [None, "YBFR", "L2KR"], ["2020", 1.5, 2.0], ["2021", 1.0, 2.5]]
    assert headers(table(codes)) == ["Period", "All | YBFR", "Mining | L2KR"]
    units: Rows = [
        ["Area", "Deaths", "Rate"],
        [None, "number", "per 100,000"],
        ["Fife", 10.0, 5.5],
        ["Powys", 20.0, 5.0],
    ]
    found = table(units)
    assert found.header_rows == (1, 2)
    assert [c.unit for c in found.columns] == [None, None, "per 100000"]


def test_a_code_row_within_the_body_stays_there() -> None:
    rows: Rows = [
        ["Period", "Category", "All", "Mining"],
        [2019.0, "Weight", 1000.0, 11.0],
        ["[na]", "CDID", "YBFR", "L2KR"],
    ]
    rows += [
        [f"2021 {m}", "Monthly", 95.5, 90.1] for m in ("Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    ] * 3
    found = table(rows)
    assert (found.header_rows, found.data_rows) == ((1, 1), (2, 30))
    assert found.columns[2].markers == {"YBFR": 1}


def test_merged_headings_that_reach_down_end_the_header() -> None:
    rows: Rows = [
        ["Ethnicity", "1st dose", "2nd dose"],
        [],
        ["All", 9.0, 3.0],
        [],
        ["White", 5.0, 1.0],
        ["Asian", 4.0, 2.0],
    ]
    found = table(rows, [(0, 0, 1, 0), (0, 1, 1, 1), (0, 2, 1, 2)])
    assert (found.header_rows, found.data_rows) == ((1, 2), (3, 6))


def test_headings_filled_by_eye_stop_at_a_spacer_and_cover_no_named_stub() -> None:
    rows: Rows = [
        ["Area", "Males", None, None, "Females", None],
        [None, "n", "%", None, "n", "%"],
        ["Fife", 1.0, 0.5, None, 2.0, 0.5],
        ["Powys", 1.0, 0.5, None, 3.0, 0.5],
    ]
    assert headers(table(rows)) == ["Area", "Males | n", "Males | %", "Females | n", "Females | %"]


@pytest.mark.parametrize(
    ("tiers", "name"),
    [
        (["Submissions [7]"], "submissions"),
        (["ODS CODE (1)"], "ods_code"),
        (["Persons ²", "2024-25"], "persons_2024_25"),
        (["Age 5-17"], "age_5_to_17"),
        (["2020-01-06"], "n_2020_01_06"),
        (["Covid 19"], "covid_19"),
        (["Table 10"], "table_10"),
        (["NumberOfAttendances"], "number_of_attendances"),
        (["%"], "percent"),
        (["Order"], "order_"),
        (["0-4"], "n_0_to_4"),
        (["Waiting >18-52 weeks"], "waiting_over_18_to_52_weeks"),
        (["Seen [note 2]", "% of all"], "seen_percent_of_all"),
        ([], "column_b"),
        (["£ million"], "pounds_million"),
        (["x_marker"], "x_text"),
    ],
)
def test_names_come_from_the_header_alone(tiers: list[str], name: str) -> None:
    assert physical_name(tiers, "B") == name


def test_names_are_unique_short_and_never_reserved() -> None:
    long = [
        "The percentage of patients with a record of the condition in the preceding twelve months " + c for c in "ab"
    ]
    names = unique_names([(["%"], "A"), (["%"], "B"), ([long[0]], "C"), ([long[1]], "D"), (["User"], "E")])
    assert len(set(names)) == 5
    assert names[:2] == ["percent", "percent_2"]
    assert all(len(n.encode()) <= NAME_BYTES for n in names)
    assert not RESERVED & set(names)


def test_a_column_added_elsewhere_renames_nothing() -> None:
    before = unique_names([(["Area"], "A"), (["Deaths"], "B")])
    after = unique_names([(["Area"], "A"), (["Code"], "B"), (["Deaths"], "C")])
    assert set(before) <= set(after)


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Percentage of pupils (%)", "percent"),
        ("Rate per 100,000 [note 3]", "per 100000"),
        ("Spending (£ million)", "£ million"),
        ("Pay (£)", "£"),
        ("Population (thousands)", "thousand"),
        ("Deaths", None),
    ],
)
def test_units_are_kept_apart(header: str, unit: str | None) -> None:
    assert unit_of(header) == unit


def test_questions_and_definitions_of_indicators_are_headings() -> None:
    asked = [
        f"Q{n}. Was it easy to get through? Think of the last time that you called. Leave out the web." for n in (1, 2)
    ]
    found = table([["Patient survey"], ["Practice", *asked], ["A81001", 71.5, 88.1], ["A81002", 64.2, 90.4]])
    assert (found.header_rows, found.data_rows, headers(found)) == ((2, 2), (3, 4), ["Practice", *asked])
    text = [
        ["Notes"],
        ["Some figures differ from those published before. See the notes.", *asked],
        ["Rounding", "5", "10"],
    ]
    assert not tables(text)
