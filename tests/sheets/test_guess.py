"""Sheets of figures whose header is in doubt, or that are one column: they are kept, and the evidence says why."""

from __future__ import annotations

from grids import grid, headers

from datawarp.sheets.detect import detect


def test_figures_are_kept_when_no_row_is_a_header_beyond_doubt() -> None:
    rows = [["Wards"], [None, None, None, None, None, None, "Beds", None, "Staff"]]
    rows += [[None, None, f"Ward {n}", "x", "y", "z", 10 + 7 * n, 3 * n * n, 100 - 11 * n] for n in range(1, 6)]
    (found,) = detect(grid(rows)).tables
    assert found.header_rows == (2, 2) and found.data_rows == (3, 7)
    assert [h for h in headers(found) if h] == ["Beds", "Staff"]
    assert any("beyond doubt" in words for words in found.evidence)


def test_one_column_of_figures_under_its_heading_is_a_table() -> None:
    (found,) = detect(grid([["Attendances"], ["120"], ["340"], ["*"], ["460"]])).tables
    assert found.header_rows == (1, 1) and found.data_rows == (2, 5) and headers(found) == ["Attendances"]
    assert detect(grid([["Cover"], ["Published"], ["2024"]])).kind == "notes"
