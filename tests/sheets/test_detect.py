"""Header, body and blocks on sheets made like those that publishers make."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from grids import grid, headers, table, tables

from datawarp.errors import SheetError
from datawarp.registry.models import SheetOverride
from datawarp.sheets.detect import detect
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.typed_table import typed_table

Rows = list[list[Cell]]


def test_preamble_of_keys_and_values_is_above_the_table() -> None:
    found = table(
        [
            [],
            [None, "Title:", "Cancelled operations"],
            [None, "Period:", "Quarter 2"],
            [None, "Contact:", "someone -", "a@b.uk"],
            [],
            [None, "Region", "Name", "Number", "Patients"],
            [None, "-", "England", 21249.0, 4825.0],
            [],
            [None, "Y56", "London", 2757.0, 618.0],
            [None, "Y58", "South West", 2947.0, 593.0],
        ]
    )
    assert (found.header_rows, found.data_rows, found.n_rows) == ((6, 6), (7, 10), 3)
    assert headers(found) == ["Region", "Name", "Number", "Patients"]
    assert found.title == "Cancelled operations"


def test_a_first_row_of_zeros_is_body() -> None:
    found = table([["Area", "Cases", "Deaths"], ["Fife", 0.0, 0.0], ["Powys", 3.0, 0.0]])
    assert (found.header_rows, found.data_rows) == ((1, 1), (2, 3))


def test_a_first_row_of_one_two_three_is_body() -> None:
    found = table([["Area", "a1", "a2", "a3"], ["Fife", 1.0, 2.0, 3.0], ["Powys", 3.0, 0.0, 1.0]])
    assert (found.header_rows, found.data_rows) == ((1, 1), (2, 3))


def test_names_that_begin_like_notes_end_no_table() -> None:
    found = table([["Name", "n"], ["Sourceton", 1.0], ["Noteby", 2.0], ["Keyworth", 3.0], [], ["Source: survey"]])
    assert found.data_rows == (2, 4)
    assert found.footnote_rows == (6, 6)


def test_rows_past_any_sample_are_kept() -> None:
    rows: Rows = [["Code", "n"], *[[f"A{i:05d}", float(i)] for i in range(12_000)], [], ["Note: rounded"]]
    found = table(rows)
    assert (found.data_rows, found.n_rows, found.footnote_rows) == ((2, 12_001), 12_000, (12_003, 12_003))


def test_a_second_table_far_down_a_long_sheet() -> None:
    block: Rows = [["Code", "Name", "n"], *[[f"A{i:05d}", f"Practice {i}", float(i)] for i in range(3000)]]
    rows: Rows = [["Part A"], *block, [], ["Part B"], [], *block]
    assert [t.data_rows for t in tables(rows)] == [(3, 3002), (3007, 6006)]


def test_a_blank_row_before_totals_and_a_section_row_are_inside() -> None:
    found = table(
        [
            ["Area", "n", "m"],
            ["Males"],
            ["Fife", 1.0, 2.0],
            ["Powys", 1.0, "*"],
            ["Females"],
            ["Fife", 4.0, 2.0],
            [],
            ["All", 6.0, 5.0],
        ]
    )
    assert (found.data_rows, found.n_rows) == ((2, 8), 6)


def test_footnotes_and_a_legend_are_not_rows() -> None:
    body: Rows = [["Area", "Code", "n"], ["Fife", "S1", 1.0], ["Powys", "W1", "[c]"]]
    for notes in (
        [["[c]", "confidential"]],
        [["*", "Please see caveats"]],
        [["1. Rounded to the nearest five"]],
        [["Source: ONS"]],
    ):
        found = table([*body, [], *notes])
        assert found.data_rows == (2, 3)
        assert found.footnote_rows == (5, 5)


@pytest.mark.parametrize(
    "remark",
    [
        "Provisional data", "(p) provisional", "n/a = not applicable", "* = fewer than 5", "*Provisional", "© NHS 2024",
        "Crown copyright", "a Includes Wales", "Excludes visitors", "Figures exclude Wales", "Totals may not add up",
        "Produced by NHS England", "For queries: a@b.uk", "Table last updated June",
        "Not all trusts submitted a return.",
    ],
)  # fmt: skip
def test_a_remark_directly_below_the_body_is_no_row(remark: str) -> None:
    rows: Rows = [["Area", "2021", "2022"], ["Isle of Wight", 5.0, 7.0], ["Kent", 9.0, 8.0], ["Total", 14.0, 15.0]]
    assert table([*rows, [remark]]).data_rows == (2, 4)
    assert table([*rows, ["Not known"]]).data_rows == (2, 5)


def test_numbered_labels_beside_a_figure_below_a_gap_are_rows() -> None:
    rows: Rows = [["Cause", "Deaths"], ["1. Cancer", 5.0], ["2. Stroke", 7.0], [], ["3. Other", 9.0], ["4. All", 21.0]]
    assert table(rows).data_rows == (2, 6)


def test_a_note_between_rows_without_a_blank_row_stays() -> None:
    found = table([["Age", "n"], ["Under 1", 3.0], ["Note: revised since"], ["1 to 4", 5.0], ["5 to 9", 6.0]])
    assert found.data_rows == (2, 5)


def test_stacked_blocks_with_the_header_repeated_and_groups_only_above_the_first() -> None:
    part: Rows = [["Code", "Name", "Total", "Within", None, "Within", "Later"]]
    body: Rows = [[f"R{i:02d}", f"Trust {i}", 9.0, 8.0, None, 8.0, 1.0] for i in range(10)]
    total: Rows = [[], [None, "All", 90.0, 80.0, None, 80.0, 10.0]]
    group: Rows = [[None, None, "Number", None, None, "Of which", None]]
    found = tables([["Title"], ["Part A"], *group, *part, *body, *total, [], [], ["Part B"], [], *part, *body, *total])
    assert [(t.header_rows, t.data_rows, t.n_rows) for t in found] == [((3, 4), (5, 16), 11), ((21, 21), (22, 33), 11)]
    assert headers(found[0]) == [
        "Code",
        "Name",
        "Number | Total",
        "Number | Within",
        "Of which | Within",
        "Of which | Later",
    ]
    assert [c.column for c in found[1].columns] == ["A", "B", "C", "D", "F", "G"]


def test_side_by_side_blocks_of_years_below_the_same_heading() -> None:
    rows: Rows = [
        ["Table 1a: current prices", None, None, None, "Table 1b: constant prices"],
        ["Year", "All", "Change", None, "Year", "All", "Change"],
    ]
    rows += [[float(y), 1.5 * y, 0.1, None, float(y), 1.2 * y, 0.2] for y in range(1997, 2010)]
    found = tables(rows)
    assert [(t.header_rows, t.data_rows, t.column_range) for t in found] == [
        ((2, 2), (3, 15), ("A", "C")),
        ((2, 2), (3, 15), ("E", "G")),
    ]


def test_side_by_side_blocks_of_different_length_with_merged_stubs() -> None:
    rows: Rows = [
        ["Region", None, "Population", None, None, "Region", None, "Area", "Population", None],
        [None, None, "Under 70", "70+", None, None, None, None, "Under 70", "70+"],
        ["East", None, 1.0, 2.0, None, "East", None, "Essex", 1.0, 2.0],
        ["West", None, 1.0, 2.0, None, "East", None, "Kent", 1.0, 2.0],
        [None, None, None, None, None, "West", None, "Avon", 1.0, 2.0],
    ]
    merges = [(0, 0, 1, 1), (0, 2, 0, 3), (0, 5, 1, 6), (0, 7, 1, 7), (0, 8, 0, 9)]
    first, second = tables(rows, merges)
    assert [c.column for c in first.columns] == ["A", "C", "D"]
    assert [c.column for c in second.columns] == ["F", "H", "I", "J"]
    assert (first.data_rows, second.data_rows) == ((3, 4), (3, 5))


def test_a_spacer_column_is_not_counted_and_does_not_split() -> None:
    found = table([["Area", "n", " ", "Share"], ["Fife", 1.0, "", 0.5], ["Powys", 2.0, None, 0.5]])
    assert [c.column for c in found.columns] == ["A", "B", "D"]


def test_one_row_tables_and_one_figure() -> None:
    found = table([["All adults 2022"], [], ["Males", "Females", "Persons"], [1.0, 2.0, 3.0]])
    assert (found.header_rows, found.data_rows) == ((3, 3), (4, 4))


def test_text_tables_are_tables() -> None:
    found = table([["Code", "Name", "Status"], ["A1", "One", "A"], ["A2", "Two", "A"], ["A3", "Three", "C"]])
    assert (found.data_rows, [c.type for c in found.columns]) == ((2, 4), ["text"] * 3)


def test_future_months_are_columns_already() -> None:
    found = table([["Area", "Apr-24", "May-24", "Jun-24", "Jul-24"], ["Fife", 1.0, 2.0], ["Powys", 3.0, 4.0]])
    assert [c.column for c in found.columns] == ["A", "B", "C", "D", "E"]
    assert found.wide_periods is not None
    assert found.wide_periods.columns == ["B", "C", "D", "E"]


def test_remarks_beside_the_rows_are_left_out_and_said_so() -> None:
    rows: Rows = [["Area", "n", "m"], *[[f"Area {i}", 1.0, 2.0] for i in range(30)]]
    rows[4] = [*rows[4], None, "revised since last month"]
    found = table(rows)
    assert found.column_range == ("A", "C")
    assert any("remarks" in e for e in found.evidence)


def test_records_without_a_header() -> None:
    found = table(
        [["A81001", "Surgery", "TS18 1HU"], ["A81002", "Practice", "TS18 2AW"], ["A81004", "Centre", "TS5 8SB"]]
    )
    assert (found.header_rows, found.data_rows) == (None, (1, 3))
    assert [c.name for c in found.columns] == ["column_a", "column_b", "column_c"]


def test_labels_beside_figures_below_a_title_have_no_header() -> None:
    rows: Rows = [["Figure 2: Share of activity"], [], ["Acute", 61.2], ["Community", 22.1], ["Ambulance", 4.2]]
    for above in (rows, rows[2:]):
        found = table([*above, [], ["Source: hospital returns"]])
        assert (found.header_rows, found.n_rows, found.data_rows[1]) == (None, 3, len(above))
        assert [c.type for c in found.columns] == ["text", "numeric"]


@pytest.mark.parametrize(
    "rows",
    [
        [["Contents"], [], ["Table", "Title"], ["1", "Deaths by age"], ["2", "Deaths by sex"]],
        [["Term", "Definition"], ["FTE", "Full time equivalent hours."], ["HC", "Headcount of staff."]],
        [["Symbol", "Meaning"], ["[c]", "confidential"], ["[x]", "not available"]],
        [["Version", "Date", "Revision"], [1.0, date(2024, 1, 1), "First published"]],
        [["Coverage:", "Great Britain"], ["Released:", "14 June"], ["Contact", "A. Person"], ["Email", "a@b.uk"]],
        [["Notes"], ["note 1", "Figures are rounded."], ["note 2", "Provisional."]],
        [["Field name", "Type", "Description"], ["ORG", "VARCHAR", "Code of the organisation"]],
        [["This workbook holds monthly statistics."], [], ["They are published on the second Thursday."]],
    ],
)
def test_sheets_to_read_are_notes_with_a_reason(rows: Rows) -> None:
    found = detect(grid(rows))
    assert found.kind == "notes"
    assert found.reason


def test_empty_chart_and_form_sheets() -> None:
    assert detect(grid([[None, " "], []])).kind == "empty"
    assert detect(Grid("Chart1", None, [], "test", sheet_type="chart")).kind == "chart"
    assert detect(grid([["Question", "Answer"], ["How many?"], ["Since when?"]])).kind == "form"


def test_legend_beside_particulars_below_is_no_second_table() -> None:
    rows: Rows = [
        ["Population"],
        ["Area", "All", "Aged 0-15"],
        ["Wales", 3.0, 1.5],
        ["Fife", 3.0, 1.0],
        [],
        ["Last update", "June"],
        ["Source", "ONS"],
    ]
    assert table(rows).data_rows == (3, 4)


def test_a_sample_of_a_large_file_is_judged_by_head_and_tail() -> None:
    head: Rows = [["code", "n"], *[[f"A{i:06d}", "5"] for i in range(500)]]
    tail: Rows = [*[[f"B{i:06d}", "*"] for i in range(50)], [], ["Source: extract"]]
    found = detect(Grid(None, "big.csv", head, "csv", "csv", complete=False, tail=tail, n_rows=1_000_000)).tables[0]
    assert (found.data_rows, found.n_rows) == ((2, 999_998), 999_997)
    assert found.account is not None
    assert found.account.balanced
    assert found.columns[1].markers == {"*": 50}


def test_a_person_overrules() -> None:
    rows: Rows = [["a", "b"], ["c", "d"], ["x", 1.0], ["y", 2.0], ["z", 3.0]]
    sheet = grid(rows)
    override = SheetOverride(header_rows=(1, 2), data_rows=(3, 4), types={"B": "text"})
    (found,) = detect(sheet, override).tables
    assert (found.header_rows, found.data_rows, found.n_rows) == ((1, 2), (3, 4), 2)
    assert headers(found) == ["a | c", "b | d"]
    assert typed_table(sheet, found)["b_d"].to_pylist() == ["1", "2"]
    assert detect(sheet, SheetOverride(enabled=False)).kind == "notes"
    assert [t.column_range for t in detect(sheet, SheetOverride(columns=("A", "B"))).tables] == [("A", "B")]
    with pytest.raises(SheetError, match="row 9"):
        detect(sheet, SheetOverride(header_rows=(9, 9)))
    with pytest.raises(SheetError, match="columns A to F"):
        detect(sheet, SheetOverride(columns=("A", "F")))


def test_months_in_rows_below_merged_groups() -> None:
    rows: Rows = [["Attendances"], [], [None, "A&E", None, "Admissions"], ["Period", "Type 1", "Type 2", "via A&E"]]
    rows += [[datetime(2020 + m // 12, m % 12 + 1, 1), 5.0 * m, 2.0, 3.0] for m in range(24)]
    found = table(rows, [(2, 1, 2, 2)])
    assert (found.header_rows, found.data_rows) == ((3, 4), (5, 28))
    assert [c.type for c in found.columns] == ["date", "integer", "integer", "integer"]
    assert found.wide_periods is None
