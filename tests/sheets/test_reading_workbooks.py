"""Workbooks as grids: values as printed, and what the fast reader leaves out."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from books import OFFICE, ods, text_cell, xlsx, zipped
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference

from datawarp.errors import SheetError
from datawarp.sheets.book import open_book
from datawarp.sheets.grid import Grid, Merge


def grids(folder: Path, data: bytes, name: str = "file.xlsx") -> list[Grid]:
    path = folder / "original"
    path.write_bytes(data)
    return list(open_book(path, name))


def grid(folder: Path, data: bytes, name: str = "file.xlsx") -> Grid:
    (only,) = grids(folder, data, name)
    return only


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_rows_are_anchored_at_a1_and_blanks_are_none(tmp_path: Path) -> None:
    book = Workbook()
    book.active["C3"], book.active["E3"], book.active["B5"] = "code", 5, True
    assert grid(tmp_path, saved(book)).rows == [[], [], [None, None, "code", None, 5.0], [], [None, True]]


def test_error_cells_are_printed_also_at_the_end_of_a_row(tmp_path: Path) -> None:
    cells = '<c r="A1"><v>1</v></c><c r="B1" t="e"><v>#N/A</v></c><c r="D1" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    found = grid(tmp_path, xlsx(f'<sheetData><row r="1">{cells}</row></sheetData>'))
    assert found.rows == [[1.0, "#N/A", None, "#DIV/0!"]]


def test_formulas_without_a_stored_value_are_told(tmp_path: Path) -> None:
    cells = '<c r="A1"><f>1+1</f></c><c r="B1"><f>2+2</f><v>4</v></c><c r="C1" t="str"><f>""</f><v></v></c>'
    found = grid(tmp_path, xlsx(f'<sheetData><row r="1">{cells}</row></sheetData>'))
    assert found.rows == [[None, 4.0]]
    (note,) = found.notes
    assert note.startswith("1 formulas have no stored value (the first is A1)")


def test_hidden_parts_merges_and_formats(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["Group", None, "Rate"])
    sheet.append(["a", "b", 0.25])
    sheet.append(["c", "d", 0.5])
    sheet.merge_cells("A1:B1")
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    sheet["C2"].number_format = "0.0%"
    sheet["C3"].number_format = '"£"#,##0'
    book.create_sheet("Secret").sheet_state = "veryHidden"
    first, second = grids(tmp_path, saved(book))
    assert first.merges == [Merge(0, 0, 0, 1)]
    assert (first.hidden_rows, first.hidden_columns) == ({2}, {1})
    assert first.number_formats == {(1, 2): "0.0%", (2, 2): '"£"#,##0'}
    assert (first.visibility, second.visibility) == ("visible", "veryhidden")


def test_chart_sheets_are_flagged(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append([1, 2])
    chart = BarChart()
    chart.add_data(Reference(book.active, min_col=1, min_row=1))
    book.create_chartsheet("Chart").add_chart(chart)
    assert [g.sheet_type for g in grids(tmp_path, saved(book))] == ["worksheet", "chart"]


def test_dates_of_both_epochs_and_midnight(tmp_path: Path) -> None:
    cells = '<sheetData><row r="1"><c r="A1" s="2"><v>{}</v></c></row></sheetData>'
    assert grid(tmp_path, xlsx(cells.format(45505))).rows == [[date(2024, 8, 1)]]
    assert grid(tmp_path, xlsx(cells.format(44043), date1904=True)).rows == [[date(2024, 8, 1)]]


def test_a_lying_dimension_hides_nothing(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{r}"><c r="A{r}"><v>{r}</v></c><c r="B{r}"><v>{r}</v></c></row>' for r in (1, 2, 3))
    found = grid(tmp_path, xlsx(f'<dimension ref="A1"/><sheetData>{rows}</sheetData>'))
    assert found.rows == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]


def test_a_used_range_of_a_million_rows_and_all_columns_takes_no_memory(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    found = grid(tmp_path, xlsx(f"<sheetData>{rows}</sheetData>"))
    assert found.n_rows == 1_048_576
    assert found.rows[0] == [1] and found.rows[-1][-1] == 2 and len(found.rows[-1]) == 16_384
    assert found.reader == "openpyxl" and "far apart" in found.notes[0]


def test_styled_blank_cells_far_below_are_no_rows(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="C1048576" s="1"/></row>'
    assert grid(tmp_path, xlsx(f"<sheetData>{rows}</sheetData>")).rows == [[1.0]]


def test_a_missing_drawing_costs_nothing(tmp_path: Path) -> None:
    sheet = f'<sheetData><row r="1">{text_cell("A1", "code")}</row></sheetData><drawing r:id="d1"/>'
    rels = f'<Relationship Id="d1" Type="{OFFICE}/drawing" Target="../drawings/drawing1.xml"/>'
    assert grid(tmp_path, xlsx(sheet, rels)).rows == [["code"]]


def test_rich_and_preserved_text(tmp_path: Path) -> None:
    rich = '<c r="A1" t="inlineStr"><is><r><t>Sub</t></r><r><t>missions</t></r></is></c>'
    found = grid(tmp_path, xlsx(f'<sheetData><row r="1">{rich}{text_cell("B1", "007")}</row></sheetData>'))
    assert found.rows == [["Submissions", "007"]]


def test_where_the_fast_reader_breaks_another_is_tried_and_named(tmp_path: Path) -> None:
    # Errors that Excel learnt later stop python-calamine.
    sheet = '<sheetData><row r="1"><c r="A1"><v>7</v></c><c r="B1" t="e"><v>#BLOCKED!</v></c></row></sheetData>'
    found = grid(tmp_path, xlsx(sheet))
    assert (found.rows, found.reader) == ([[7, "#BLOCKED!"]], "openpyxl")
    assert "python-calamine could not" in found.notes[0]


def test_ods_spans_errors_percentages_and_hidden_parts(tmp_path: Path) -> None:
    table = (
        '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
        '<table:table-row><table:table-cell table:number-columns-spanned="2" office:value-type="string">'
        "<text:p>Group</text:p></table:table-cell><table:covered-table-cell/>"
        '<table:table-cell office:value-type="percentage" office:value="0.25"><text:p>25%</text:p></table:table-cell>'
        '</table:table-row><table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
        '<table:table-row table:visibility="collapse"><table:table-cell/><table:table-cell/>'
        '<table:table-cell calcext:value-type="error" office:value-type="string" office:string-value="">'
        "<text:p>#DIV/0!</text:p></table:table-cell></table:table-row>"
        '<table:table-row table:number-rows-repeated="1048572">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    found = grid(tmp_path, ods(table), "file.ods")
    assert found.rows[0] == ["Group", None, 0.25]
    assert found.rows[3] == [None, None, "#DIV/0!"] and found.n_rows == 4
    assert found.merges == [Merge(0, 0, 0, 1)]
    assert found.number_formats == {(0, 2): "0%"}
    assert (found.hidden_rows, found.hidden_columns) == ({3}, {1})


@pytest.mark.parametrize("name", ["file.xls", "file.csv", "file"])
def test_content_decides_not_the_name(tmp_path: Path, name: str) -> None:
    book = Workbook()
    book.active.append(["code", 5])
    assert grid(tmp_path, saved(book), name).rows == [["code", 5.0]]


def test_xml_spreadsheet_2003(tmp_path: Path) -> None:
    text = (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Styles><Style ss:ID="p"><NumberFormat '
        'ss:Format="Percent"/></Style></Styles><Worksheet ss:Name="T"><Table><Row ss:Index="2">'
        '<Cell ss:Index="2" ss:MergeAcross="1"><Data ss:Type="String">Rate</Data></Cell>'
        '<Cell ss:StyleID="p"><Data ss:Type="Number">0.5</Data></Cell></Row></Table></Worksheet></Workbook>'
    )
    found = grid(tmp_path, text.encode(), "file.xls")
    assert found.rows == [[], [None, "Rate", None, 0.5]]
    assert (found.merges, found.number_formats) == ([Merge(1, 1, 1, 2)], {(1, 3): "0.00%"})


def test_sylk(tmp_path: Path) -> None:
    text = 'ID;PWXL;N;E\nP;PGeneral\nP;Pdd/mm/yyyy\nF;P1;Y1;X2\nC;Y1;X1;K"a;;b"\nC;X2;K45505\nC;Y2;X1;K#N/A\nE\n'
    assert grid(tmp_path, text.encode(), "file.slk").rows == [["a;b", date(2024, 8, 1)], ["#N/A"]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes"),
        (b"<!DOCTYPE html><html><body>moved</body></html>", "web page"),
        (b"%PDF-1.7\n%...", "PDF"),
        (b'{"status": "error"}', "JSON"),
        (b"\x00\x01\x02\x03\xff\xfe" * 300, "binary"),
        (zipped({"word/document.xml": b"<w/>", "[Content_Types].xml": b"<Types/>"}), "Word"),
    ],
)
def test_what_is_no_data_is_one_clear_error(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(SheetError, match=says) as problem:
        grids(tmp_path, data)
    assert problem.value.where == "file.xlsx" and problem.value.hint


@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_cut_off_workbook_is_an_error(tmp_path: Path, share: float) -> None:
    book = Workbook()
    for r in range(200):
        book.active.append([r, f"name {r}", r / 7])
    data = saved(book)
    with pytest.raises(SheetError, match=r"cut-off|damaged"):
        grids(tmp_path, data[: int(len(data) * share)])
