"""How texts write figures: nothing is a thousand times too large or too small, and what cannot be told stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datawarp.sheets.book import open_book
from datawarp.sheets.cells import NUMBER, text_kind
from datawarp.sheets.csv_dialect import dialect_of
from datawarp.sheets.detect import detect
from datawarp.sheets.notation import Evidence, Notation, in_points
from datawarp.sheets.texts import classify_text, figure
from datawarp.sheets.typed_table import typed_table
from datawarp.sheets.typing import column_type

COMMA = Notation(",")


@pytest.mark.parametrize(
    ("text", "notation", "number"),
    [
        ("1.234,5", COMMA, 1234.5),
        ("1.234", COMMA, 1234),
        ("0,125", COMMA, 0.125),
        ("-12,5", COMMA, -12.5),
        ("1.5", COMMA, None),
        ("1 234", Notation(), 1234),
        ("2\u202f165\u202f423", COMMA, 2165423),
        ("1 234,5", COMMA, 1234.5),
        ("8'738'791", Notation(), 8738791),
        ("1 23", Notation(), None),
        ("0 234", Notation(), None),
        ("1.234", Notation("?"), None),
        ("12", Notation("?"), 12),
        ("12.5%", Notation(percent=True), 0.125),
        ("12,5 %", Notation(",", percent=True), 0.125),
        ("-7.1%", Notation(percent=True), -0.071),
        ("12.5%", Notation(), None),
    ],
)
def test_figures_in_a_notation(text: str, notation: Notation, number: float | None) -> None:
    assert figure(text, notation) == number


@pytest.mark.parametrize(
    ("texts", "file", "decimal"),
    [
        (["1.234,5"], ".", ","),
        (["1,234.5"], ",", "."),
        (["10,5", "3.250"], "?", ","),
        (["1.234", "12.500"], ",", ","),
        (["1.234", "12.500"], "?", "?"),
        (["1.234", "379", "66"], "?", ","),
        (["1.234", "3790", "66"], "?", "."),
        (["1,234", "379"], "?", "."),
        (["1,234", "2,345", "3790"], "?", ","),
        (["1.234", "1,234"], "?", "?"),
        (["5", "6"], ",", "."),
        (["1,234"] * 50 + ["7,8"], "?", "?"),
    ],
)
def test_what_a_column_means(texts: list[str], file: Any, decimal: str) -> None:
    assert Evidence.of(texts).decimal(file) == decimal


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\nx;1,5\n", ","),
        ("a;b\nx;1.5\n", "."),
        ("a;b\nx;1.234\ny;5.678\n", "?"),
        ("a;b\nx;52.51\ny;0,5\n", "?"),
        ("a;b\nx;47.475.420\n", ","),
        ('a,b\nx,"10,5"\ny,"3,25"\n', ","),
        ('a,b\nx,"1,234"\ny,"7,8"\nz,"2,345"\nw,"3,456"\n', "."),
        ("a,b\nx,1.234\ny,5.678\n", "."),
        ("a\tb\nx\t1,5\n", ","),
        ("a;b\nx;y\n", "."),
    ],
)
def test_what_a_file_means(text: str, decimal: str) -> None:
    assert dialect_of(text.encode(), True).decimal == decimal


def read(folder: Path, text: str, streamed: int | None = None) -> dict[str, list[Any]]:
    path = folder / "original"
    path.write_text(text, encoding="utf-8")
    (grid,) = open_book(path, "file.csv", streamed=streamed)
    (table,) = detect(grid).tables
    return typed_table(grid, table).to_pydict()


def test_a_continental_file(tmp_path: Path) -> None:
    rows = "".join(f"{10000 + i};Ort {i};{i}.{i}05;{i},25\n" for i in range(1, 9))
    found = read(tmp_path, f"Code;Ort;Einwohner;Anteil\n{rows}")
    assert found["einwohner"] == [i * 1000 + int(f"{i}05") for i in range(1, 9)]
    assert found["anteil"] == [i + 0.25 for i in range(1, 9)]


def test_each_column_of_a_mixed_file_tells_for_itself(tmp_path: Path) -> None:
    rows = "".join(f"Ort {i};{i}.{i}05;{i},25;{50 + i}.5\n" for i in range(1, 9))
    found = read(tmp_path, f"Ort;Einwohner;Anteil;Breite\n{rows}")
    assert found["einwohner"][0] == "1.105"
    assert found["anteil"] == [i + 0.25 for i in range(1, 9)]
    assert found["breite"] == [50.5 + i for i in range(1, 9)]


def test_figures_that_cannot_be_told_stay_text_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_text("Ort;Menge\n" + "".join(f"Ort {c};{i}.125\n" for i, c in enumerate("ABCDEF", 1)), encoding="utf-8")
    (grid,) = open_book(path, "file.csv")
    (table,) = detect(grid).tables
    assert table.columns[1].type == "text"
    assert any("column B is text: its figures may have decimals or thousands" in e for e in table.evidence)


def test_percentages_are_what_a_spreadsheet_makes_of_them() -> None:
    notation = Notation(percent=True)
    assert column_type(["5%", "12.5%", "-"], None, notation) == ("numeric", {"-": 1})
    assert column_type(["0.9", "100%"]) == ("numeric", {"100%": 1})


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["31/08/2025", "01/09/2025"], "date"),
        (["01/09/2025", "02/09/2025"], "text"),
        (["01/01/2025", "02/02/2025"], "date"),
        (["05/19/2006", "01/02/2006"], "text"),
    ],
)
def test_days_and_months_are_not_guessed(texts: list[str], kind: str) -> None:
    assert classify_text(texts) == kind


def test_a_column_with_days_tells_the_one_beside_it(tmp_path: Path) -> None:
    rows = "".join(f"A{i},{i + 9:02d}/04/2025,01/0{i}/2025,{i}\n" for i in range(1, 9))
    found = read(tmp_path, f"Code,Seen,Month,n\n{rows}")
    assert [d.isoformat() for d in found["month"]][:2] == ["2025-01-01", "2025-02-01"]
    assert in_points("10-14", ".") == "10-14"


@pytest.mark.parametrize(
    "text", ["10,5", "-0,5", "12,5 %", "1.234.567", "1.234,5", "1 234", "2\u202f165,5", "8'738'791"]
)
def test_detection_sees_figures_of_every_notation(text: str) -> None:
    assert text_kind(text) == NUMBER


@pytest.mark.parametrize("text", ["7, 8", "1.2.3", "12 34", "01 234", "2024 01", "1 000 m", "10-14"])
def test_codes_and_notes_are_no_figures(text: str) -> None:
    assert text_kind(text) != NUMBER
