"""Records that are not like the others: each is accounted for, and what was made of it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from datawarp.manifest.tables import keep_table
from datawarp.sheets.book import open_book
from datawarp.sheets.detect import detect
from datawarp.sheets.finding import TableFinding
from datawarp.sheets.grid import Grid

BODY = [f"A{i},{i},{i}.5" for i in range(10, 90)]
HEADER = "code,n,rate"


def grid_of(folder: Path, lines: list[str], streamed: int | None = None) -> Grid:
    path = folder / "original"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    (grid,) = open_book(path, "file.csv", streamed=streamed)
    return grid


def table_of(grid: Grid) -> TableFinding:
    (table,) = detect(grid).tables
    assert table.account is not None and table.account.balanced
    return table


UNEVEN = {
    "a longer record": ("A5,5,5.5,more", "row 82 has more than the usual 3 fields: cells may have shifted"),
    "a shorter record": ("A5,5", "row 82 has fewer than the usual 3 fields"),
    "the header again": (HEADER, "row 82 has the header once more: left out"),
}


@pytest.mark.parametrize("odd", UNEVEN)
@pytest.mark.parametrize("streamed", [None, 200])
def test_uneven_records_are_told(tmp_path: Path, odd: str, streamed: int | None) -> None:
    line, words = UNEVEN[odd]
    grid = grid_of(tmp_path, [HEADER, *BODY, line, *BODY], streamed)
    table = table_of(grid)
    keep_table(tmp_path / "tables", grid, table)
    assert words in [*grid.notes, *table.evidence]
    assert [c.type for c in table.columns] == ["text", "integer", "numeric"]
    assert table.n_rows == (160 if line == HEADER else 161)


@pytest.mark.parametrize("between", [["", "Table 2"], ["Table 2,,"], [""]])
def test_a_header_below_a_title_heads_another_table(tmp_path: Path, between: list[str]) -> None:
    grid = grid_of(tmp_path, ["Area,England,", HEADER, *BODY, *between, HEADER, *BODY])
    assert [t.n_rows for t in detect(grid).tables] == [80, 80]
    assert not any("once more" in note for note in grid.notes)


def test_a_record_like_the_first_is_no_header_among_words(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, ["North,Leeds", "South,Bath", "North,Leeds", "East,Hull"])
    assert [list(row) for row in grid.rows].count(["North", "Leeds"]) == 2 and not grid.notes


def test_names_of_rows_without_a_heading(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, ["n,rate", *BODY])
    assert list(grid.rows[0]) == [None, "n", "rate"]
    assert grid.notes == ["the header has one field fewer than the records: the first column has no name"]
    assert [c.name for c in table_of(grid).columns] == ["column_a", "n", "rate"]


def test_delimiters_at_the_end_of_records_are_no_columns(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, [HEADER, *(f"{line}," for line in BODY)])
    assert [c.name for c in table_of(grid).columns] == ["code", "n", "rate"] and not grid.notes


@pytest.mark.parametrize(
    ("cell", "note"),
    [
        (r'"Unit \"x\", y"', "quotation marks within cells follow a backslash"),
        ("'Unit \"x\", y'", "quotation marks are single"),
        (' "Unit ""x"", y"', "quotation marks stand after blanks"),
        ('"Unit ""x"", y"', None),
    ],
)
@pytest.mark.parametrize("streamed", [None, 200])
def test_other_ways_of_quoting(tmp_path: Path, cell: str, note: str | None, streamed: int | None) -> None:
    grid = grid_of(tmp_path, ["code,name,n", *(f"A{i},{cell},{i}" for i in range(50))], streamed)
    rows = list(grid.stream.records()) if grid.stream else grid.rows
    assert rows[1][1] == 'Unit "x", y' and grid.notes == ([note] if note else [])


def test_the_end_of_a_dos_text_is_no_record(tmp_path: Path) -> None:
    assert table_of(grid_of(tmp_path, [HEADER, *BODY, "\x1a"])).n_rows == 80


def test_a_second_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, ["\ufeff\ufeff" + HEADER, *BODY])
    assert table_of(grid).columns[0].original_name == "code"


def test_tabs_win_over_the_commas_of_one_column(tmp_path: Path) -> None:
    lines = [f"A,CP_MEUR,B1G,{c}\t{i}.5 \t: c\t{i} p" for i, c in enumerate(["AT", "DE", "FR", "EL", "IT"])]
    grid = grid_of(tmp_path, ["freq,unit,na_item,geo\\TIME_PERIOD\t2022 \t2023 \t2024 ", *lines])
    assert len(grid.rows[1]) == 4 and grid.rows[1][0] == "A,CP_MEUR,B1G,AT"


@pytest.mark.parametrize(
    ("lines", "even"),
    [
        ([HEADER, *BODY], True),
        ([HEADER, *BODY, "", *BODY], True),
        (["Title", HEADER, *BODY], False),
        (["a,b", "1,2"], False),
    ],
)
def test_even_records(tmp_path: Path, lines: list[str], even: bool) -> None:
    assert grid_of(tmp_path, lines).even == even


def test_records_that_differ_from_the_header_alone(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, ["id,name,age", "1101,John", "1102,Julie,26,Potatoes"])
    assert grid.notes == ["row 3 has more than the usual 3 fields: cells may have shifted"]


@pytest.mark.parametrize(
    ("names", "blank"), [("Contents,...2,...3", "NA"), ("Unnamed: 0,Unnamed: 1,Unnamed: 2", ""), ("Contents,,", "NA")]
)
def test_a_sheet_that_a_program_wrote_whole(tmp_path: Path, names: str, blank: str) -> None:
    gap = ",".join([blank] * 3)
    lines = [
        names,
        f"Deaths by week,{blank},{blank}",
        gap,
        "Week,Deaths,Rate",
        *BODY,
        gap,
        f"Source: ONS,{blank},{blank}",
    ]
    table = table_of(grid_of(tmp_path, lines))
    assert (table.header_rows, table.data_rows) == ((4, 4), (5, 84))
    assert [c.type for c in table.columns] == ["text", "integer", "numeric"]


def test_na_among_figures_is_a_marker(tmp_path: Path) -> None:
    table = table_of(grid_of(tmp_path, [HEADER, *BODY, "A90,NA,NA"]))
    assert [c.markers for c in table.columns] == [{}, {"NA": 1}, {"NA": 1}]
