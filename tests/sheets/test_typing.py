"""Types lose nothing: markers, codes, dates, numbers stored as text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from grids import grid, table

from datawarp.sheets.detect import detect
from datawarp.sheets.grid import Cell
from datawarp.sheets.texts import TextTally, classify_text, text_class
from datawarp.sheets.typed_table import typed_table
from datawarp.sheets.typing import column_type


@pytest.mark.parametrize(
    ("cells", "kind", "markers"),
    [
        ([5.0, 7.0, None], "integer", {}),
        ([5.0, 7.5], "numeric", {}),
        ([5.0, "*", "-", "*", "[c]"], "integer", {"*": 2, "-": 1, "[c]": 1}),
        ([0.9, 0.8, "100%*", 1.0], "numeric", {"100%*": 1}),
        ([10413.0, "10 (0.096%)", 5.0], "integer", {"10 (0.096%)": 1}),
        ([0.5, "1,234 r", 0.25], "numeric", {"1,234 r": 1}),
        ([12.0, "1,234r", 25.0, "0~"], "integer", {"0~": 1, "1,234r": 1}),
        (["12r", "13p", 25.0], "text", {}),
        (["213", "*", "146", "*"], "integer", {"*": 2}),
        (["*", "..", None, "[c]"], "integer", {"*": 1, "..": 1, "[c]": 1}),
        (["x", "*"], "text", {}),
        (["None", "Low"], "text", {}),
        (["1,234", "2,345", "12"], "integer", {}),
        (["12.5", "z", "NULL"], "numeric", {"NULL": 1, "z": 1}),
        (["007", "012"], "text", {}),
        (["816", "8E782", "108"], "text", {}),
        ([816.0, "8E782", 108.0], "text", {}),
        (["C", "A", "D"], "text", {}),
        (["12345678901234567890", "1"], "text", {}),
        (["2025-08-31", "2025-09-30"], "date", {}),
        (["31/08/2025", "30/09/2025", "-"], "date", {"-": 1}),
        (["31/08/2025", "13/31/2025"], "text", {}),
        ([datetime(2020, 1, 1), date(2020, 2, 1)], "date", {}),
        ([datetime(2020, 1, 1, 9, 30)], "timestamp", {}),
        ([date(2020, 1, 1), "n/a"], "date", {"n/a": 1}),
        ([True, False], "boolean", {}),
        ([True, 1.0], "text", {}),
        ([None, None], "integer", {}),
        ([2018.0, "2021 Apr", "2021 May"], "text", {}),
        (["10-14", "15-19"], "text", {}),
    ],
)
def test_column_types(cells: list[Cell], kind: str, markers: dict[str, int]) -> None:
    assert column_type(cells) == (kind, markers)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("5", "integer"), ("-5", "integer"), ("1,234", "integer"), ("0.25", "decimal"), ("1e-3", "decimal"),
    ("007", "code"), ("5%", "noted"),
     ("£5", "noted"), ("(3)", "noted"), ("8E782", "code"), ("5A7", "code"), ("1,234 r", "noted"), ("..",
     "marker"), ("c", "marker"),
     ("Leeds", "text"), ("2024/25", "code")],
)  # fmt: skip
def test_text_classes(text: str, kind: str) -> None:
    assert text_class(text) == kind or (text == "2024/25" and text_class(text) in ("text", "code"))


def test_tallies_of_batches_add_up() -> None:
    first, second = TextTally.of(["1", "2", "*"]), TextTally.of({"3": 2, "4.5": 1})
    assert (first + second).verdict() == "numeric"
    assert (first + second).kept == {"*": 1}
    assert classify_text(["A1", "7", "9"]) == "text"


def test_mostly_suppressed_figures_stay_figures() -> None:
    assert classify_text({"*": 620, "19727": 1, "10.64": 379}) == "numeric"


def typed(rows: list[list[Cell]], **more: Any) -> dict[str, list[Any]]:
    sheet = grid(rows, **more)
    (found,) = detect(sheet).tables
    return typed_table(sheet, found).to_pydict()


def test_a_table_as_arrow_keeps_what_is_printed() -> None:
    rows: list[list[Cell]] = [
        ["Code", "Name", "n", "Share (%)"],
        ["007", "Fife", 5.0, 0.5],
        [],
        ["012", " ", "*", "100%*"],
        ["A81", "Powys", 7.0, 0.25],
    ]
    got = typed(rows)
    assert got["_source_row"] == [2, 4, 5]
    assert got["code"] == ["007", "012", "A81"]
    assert got["name"] == ["Fife", None, "Powys"]
    assert (got["n"], got["n_marker"]) == ([5, None, 7], [None, "*", None])
    assert (got["share_percent"], got["share_percent_marker"]) == ([0.5, None, 0.25], [None, "100%*", None])
    assert "code_marker" not in got


def test_numbers_in_text_columns_print_as_a_reader_sees_them() -> None:
    rows: list[list[Cell]] = [["Period", "n"], [2018.0, 1.0], ["2021 Apr", 2.0], ["2021 May", 3.0]]
    assert typed(rows)["period_"] == ["2018", "2021 Apr", "2021 May"]


def test_percent_formats_name_the_unit_and_leave_the_value() -> None:
    rows: list[list[Cell]] = [["Area", "Seen"], ["Fife", 0.5], ["Powys", 0.75]]
    sheet = grid(rows, number_formats={(1, 1): "0.0%", (2, 1): "0.0%"})
    (found,) = detect(sheet).tables
    assert found.columns[1].unit == "percent"
    assert typed_table(sheet, found)["seen"].to_pylist() == [0.5, 0.75]


def test_long_columns_of_words_are_text_and_late_words_are_seen() -> None:
    words: list[Cell] = [f"Practice {i}" for i in range(5000)]
    assert column_type(words) == ("text", {})
    assert column_type([*["5"] * 4000, "*", "see note"]) == ("integer", {"*": 1, "see note": 1})


def test_many_rows_keep_their_numbers() -> None:
    found = table([["Code", "n"], *[[f"A{i}", float(i)] for i in range(3000)]])
    assert found.account is not None
    assert (found.account.header, found.account.body) == (1, 3000)
