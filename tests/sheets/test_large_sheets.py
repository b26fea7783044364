"""Large .xlsx sheets are read as arrays, and come out as the reader of cells gives them, to the last type."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from books import MAIN, text_cell, xlsx, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.sheets import xlsx_parts
from datawarp.sheets.book import open_book
from datawarp.sheets.grid import Grid, column_letters

STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="170" formatCode="0.0&quot;d&quot;;[Red]\\d0"/>'
    '<numFmt numFmtId="171" formatCode="[$-809]dddd\\ d\\ mmmm"/></numFmts><cellXfs>'
    '<xf numFmtId="0"/><xf numFmtId="10"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="170"/>'
    '<xf numFmtId="171"/><xf numFmtId="46"/></cellXfs></styleSheet>'
)
PLAIN, PERCENT, DAY, MOMENT, NO_DAY, LONG_DAY, ELAPSED = range(7)


def grids(data: bytes, folder: Path) -> list[Grid]:
    path = folder / "original.xlsx"
    path.write_bytes(data)
    return list(open_book(path, "original.xlsx"))


def both(data: bytes, folder: Path, *, whole: bool = True) -> Grid:
    """The one sheet of a workbook read both ways, once the same has been found; ``whole`` if as arrays the one time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx_parts, "WORTHWHILE", 0)
        patch.setattr(xlsx_parts, "LARGE", 1 << 60)
        (cell_by_cell,) = grids(data, folder)
        patch.setattr(xlsx_parts, "LARGE", 0)
        (found,) = grids(data, folder)
    assert cell_by_cell.packed is None
    assert (found.packed is not None) == whole
    assert as_told(found) == as_told(cell_by_cell)
    return found


def as_told(grid: Grid) -> list[Any]:
    """All that a grid says."""
    cells = [[(type(cell), cell) for cell in row] for row in grid.rows]
    return [
        cells,
        grid.n_rows,
        grid.merges,
        grid.hidden_rows,
        grid.hidden_columns,
        dict(grid.number_formats),
        grid.notes,
    ]


def sheet(*rows: str, before: str = "", after: str = "") -> bytes:
    lines = "".join(f'<row r="{n}">{row}</row>' for n, row in enumerate(rows, 1))
    return xlsx(f"{before}<sheetData>{lines}</sheetData>{after}", styles=STYLES)


@pytest.mark.parametrize(
    "cell",
    [
        "<v>5</v>",
        "<v>-0.5</v>",
        "<v>1E-3</v>",
        "<v>12345678</v>",
        "<v>123456789</v>",
        "<v>12345678901234567890</v>",
        "<v>0.1234567890123456789</v>",
        "<f>A2+1</f><v>6</v>",
        '<f t="shared" si="0"/><v>7</v>',
        "<f>A2</f>",
        "<v></v>",
        "<v/>",
    ],
)
def test_figures(cell: str, tmp_path: Path) -> None:
    both(sheet(f'<c r="A1">{cell}</c><c r="B1" t="n">{cell}</c><c r="C1" s="1">{cell}</c>'), tmp_path)


def test_texts_truths_and_errors(tmp_path: Path) -> None:
    rows = [
        '<c r="A1" t="str"><v> a&amp;b&#10;c_x000D_d </v></c><c r="B1" t="b"><v>1</v></c><c r="C1" t="b"><v>0</v></c>',
        '<c r="A2" t="e"><v>#N/A</v></c><c r="B2" t="e" s="1"><f>1/0</f><v>#DIV/0!</v></c>',
        f'{text_cell("A3", " padded ")}<c r="B3" t="inlineStr"><is><t xml:space="preserve"> kept </t></is></c>',
        '<c r="A4" t="inlineStr" s="1"><is><r><t>one </t></r><r><rPr><b/></rPr><t xml:space="preserve"> two</t></r>'
        '<rPh sb="0" eb="1"><t>sound</t></rPh></is></c><c r="B4" t="inlineStr"><is><t/></is></c>',
        '<c r="A5" t="str"><f>""</f><v></v></c>' + text_cell("B5", "caf\u00e9 &lt;5 _x0041_"),
        text_cell("AA6", "far") + text_cell("ABC6", "farther"),
    ]
    found = both(sheet(*rows), tmp_path)
    assert found.rows[3][0] == "one two"


def test_shared_texts(tmp_path: Path) -> None:
    items = (
        "<si><t>plain</t></si><si><t> pad </t></si><si><t xml:space='preserve'> kept </t></si><si><t/></si>"
        "<si><r><t>rich</t></r><r><t xml:space='preserve'> run</t></r></si><si><t>a&amp;_x000D_b</t></si>"
        "<si><t>_x005F_x000D_</t></si><si><t>two\r\nlines</t></si><si><t>&#163;5</t><phoneticPr fontId='1'/></si>"
    )
    cells = "".join(f'<c r="{column_letters(n)}1" t="s"><v>{n}</v></c>' for n in range(9))
    found = both(with_shared(f'<row r="1">{cells}</row>', items), tmp_path)
    assert found.rows[0] == [
        "plain",
        "pad",
        " kept ",
        None,
        "rich run",
        "a&\rb",
        "_x000D_",
        "two\nlines",
        "\u00a35",
    ]


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def with_shared(rows: str, items: str, prefix: str = "") -> bytes:
    """A workbook with shared texts, their tags with a prefix if need be."""
    parts = unzipped(xlsx(f"<sheetData>{rows}</sheetData>", styles=STYLES))
    shared = (
        f"<sst>{items}</sst>".replace("</", f"<//{prefix}").replace("<", f"<{prefix}").replace(f"<{prefix}//", "</")
    )
    declared = f'xmlns:{prefix[:-1]}="{MAIN}"' if prefix else f'xmlns="{MAIN}"'
    parts["xl/sharedStrings.xml"] = shared.replace(f"<{prefix}sst", f"<{prefix}sst {declared}", 1).encode()
    rels = "xl/_rels/workbook.xml.rels"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    related = f'<Relationship Id="s9" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    parts[rels] = parts[rels].replace(b"</Relationships>", related.encode())
    return zipped(parts)


@pytest.mark.parametrize("date1904", [False, True])
def test_days(date1904: bool, tmp_path: Path) -> None:
    serials = ["1", "59", "60", "61", "45383", "45383.5", "45383.5208333333", "45383.999999999", "2949999"]
    rows = "".join(
        f'<row r="{n}">' + "".join(f'<c r="{"ABCD"[i]}{n}" s="{s}"><v>{v}</v></c>' for i, s in enumerate(styles))
        + "</row>"
        for n, v in enumerate(serials, 1)
        for styles in [(DAY, MOMENT, LONG_DAY, NO_DAY)]
    )  # fmt: skip
    found = both(xlsx(f"<sheetData>{rows}</sheetData>", date1904=date1904, styles=STYLES), tmp_path)
    assert found.rows[4][0] == (date(2028, 4, 2) if date1904 else date(2024, 4, 1))


def test_what_lies_around_the_rows(tmp_path: Path) -> None:
    before = '<cols><col min="2" max="3" hidden="1"/></cols>'
    after = '<mergeCells><mergeCell ref="A1:B2"/><mergeCell ref="C3:C9"/></mergeCells>'
    rows = (
        '<row r="3" hidden="1" spans="1:3"><c r="A3"><v>1</v></c><c r="B3" s="1"/><c r="C3" s="1"><v>0.5</v></c></row>'
        '<row r="4"/><row r="7"><c r="B7"><f>A1</f></c><c r="C7"><v>2</v></c></row><row r="9"><c r="A9" s="2"/></row>'
    )
    found = both(xlsx(f"{before}<sheetData>{rows}</sheetData>{after}", styles=STYLES), tmp_path)
    assert found.n_rows == 7 and found.hidden_columns == {1, 2} and len(found.merges) == 2
    assert list(found.rows) == [[], [], [1.0, None, 0.5], [], [], [], [None, None, 2.0]]


@pytest.mark.parametrize("rows", ["", '<row r="1" spans="1:4"/><row r="2"><c r="A2" s="1"/></row>'])
def test_sheets_without_cells(rows: str, tmp_path: Path) -> None:
    assert both(xlsx(f"<sheetData>{rows}</sheetData>", styles=STYLES), tmp_path).n_rows == 0
    assert both(xlsx("<sheetData/>", styles=STYLES), tmp_path).n_rows == 0


@pytest.mark.parametrize(
    "rows",
    {
        "a bare >": '<row r="1"><c r="A1" t="str"><f>B1>C1</f><v>yes</v></c></row>',
        "a time of day": '<row r="1"><c r="A1" s="3"><v>0.5</v></c></row>',
        "a day after all days": '<row r="1"><c r="A1" s="2"><v>2958466</v></c></row>',
        "an elapsed time": '<row r="1"><c r="A1" s="6"><v>1.5</v></c></row>',
        "a day as text": '<row r="1"><c r="A1" t="d"><v>2024-01-02</v></c></row>',
        "no places": "<row><c><v>1</v></c></row>",
        "rows out of order": '<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>',
        "cells out of order": '<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>2</v></c></row>',
        "another row's cell": '<row r="1"><c r="A2"><v>1</v></c></row>',
        "a text for a figure": '<row r="1"><c r="A1"><v>many</v></c></row>',
        "white space for a text": '<row r="1"><c r="A1" t="str"><v xml:space="preserve"> x </v></c></row>',
        "a comment": '<row r="1"><c r="A1"><v>1<!-- one --></v></c></row>',
        "a place without letters": '<row r="1"><c r="11"><v>1</v></c></row>',
        "a shared text between two": '<row r="1"><c r="A1" t="s"><v>0.5</v></c></row>',
        "a shared text before the first": '<row r="1"><c r="A1" t="s"><v>-1</v></c></row>',
        "an unknown shared text": '<row r="1"><c r="A1" t="s"><v>0</v></c></row>',
        "cells far apart": '<row r="1"><c r="A1"><v>1</v></c></row><row r="900000"><c r="A900000"><v>2</v></c></row>',
    }.values(),
)
def test_what_spreadsheet_programs_do_not_write_is_read_cell_by_cell(rows: str, tmp_path: Path) -> None:
    data = xlsx(f"<sheetData>{rows}</sheetData>", styles=STYLES)
    try:
        both(data, tmp_path, whole=False)
    except Exception as problem:  # what the other reader does not take either
        assert "damaged" in str(problem)


def test_tags_may_have_a_prefix(tmp_path: Path) -> None:
    cells = '<x:c r="A1"><x:v>1.5</x:v></x:c><x:c r="B1" t="inlineStr"><x:is><x:t> one </x:t></x:is></x:c>'
    merged = '<x:mergeCells><x:mergeCell ref="A1:A2"/></x:mergeCells>'
    rows = f'<x:sheetData><x:row r="1" hidden="1">{cells}</x:row><x:row r="2"/></x:sheetData>{merged}'
    found = both(xlsx(rows), tmp_path)
    assert list(found.rows) == [[1.5, "one"]] and found.merges and found.hidden_rows == {0}
    items = "<si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r></si>"
    shared = with_shared('<row r="1"><c r="A1" t="s"><v>1</v></c></row>', items, prefix="x:")
    assert both(shared, tmp_path).rows[0] == ["two"]


def test_other_encodings_are_read_cell_by_cell(tmp_path: Path) -> None:
    data = sheet('<c r="A1"><v>1</v></c>')
    assert both(data, tmp_path).rows[0] == [1.0]
    part = "xl/worksheets/sheet1.xml"
    parts = unzipped(data)
    parts[part] = b'<?xml version="1.0" encoding="iso-8859-1"?>' + parts[part]
    both(zipped(parts), tmp_path, whole=False)


CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: f"<v>{v!r}</v>"),
    st.integers(-(10**17), 10**17).map(lambda v: f"<v>{v}</v>"),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="<>&"), max_size=12),
    st.sampled_from(["day", "blank", "true", "error", "formula"]),
)


def _cell(reference: str, value: str, style: int) -> str:
    if value.startswith("<v>"):
        return f'<c r="{reference}" s="{PERCENT if style else PLAIN}">{value}</c>'
    if value == "day":
        return f'<c r="{reference}" s="{DAY}"><v>{40000 + style}</v></c>'
    if value == "blank":
        return f'<c r="{reference}" s="{style}"/>'
    if value == "true":
        return f'<c r="{reference}" t="b"><v>1</v></c>'
    if value == "error":
        return f'<c r="{reference}" t="e"><v>#REF!</v></c>'
    if value == "formula":
        return f'<c r="{reference}" s="{PLAIN}"><f>SUM(A1:B2)</f><v>{style}.25</v></c>'
    return text_cell(reference, value)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.tuples(st.integers(1, 30), st.integers(0, 30)), st.tuples(CELLS, st.integers(0, 5)), max_size=60)
)
def test_any_cells(tmp_path_factory: pytest.TempPathFactory, cells: dict[tuple[int, int], tuple[str, int]]) -> None:
    rows: dict[int, list[str]] = {}
    for (row, column), (value, style) in sorted(cells.items()):
        rows.setdefault(row, []).append(_cell(f"{column_letters(column)}{row}", value, style))
    lines = "".join(f'<row r="{n}">{"".join(parts)}</row>' for n, parts in rows.items())
    both(xlsx(f"<sheetData>{lines}</sheetData>", styles=STYLES), tmp_path_factory.mktemp("any"))


def _drafted(data: bytes, folder: Path, large: int) -> tuple[str, dict[str, Any]]:
    """The manifest of a workbook, and its typed tables."""
    import pyarrow as pa

    from datawarp.acquire.download import download
    from datawarp.manifest.draft import draft

    release = folder / "book.xlsx"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_bytes(data)
    paths = Paths(folder / "run")
    unit = Unit(publication="beds", period="aug25", url=str(release), settings=PublicationSettings(name="Beds"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx_parts, "LARGE", large)
        patch.setattr(xlsx_parts, "WORTHWHILE", 0)
        download(unit, paths, Settings())
        draft(unit, paths, Settings())
    tables = {path.name: pa.ipc.open_file(path).read_all() for path in paths.root.rglob("*.arrow")}
    return paths.pending_manifest(unit.name).read_text().replace(str(folder), ""), tables


def test_a_draft_is_the_same_either_way(tmp_path: Path) -> None:
    book = Workbook()
    page = book.active
    page.append(["Beds by provider"])
    page.append([])
    page.append(["Month", "Code", "Name", "Beds", "Rate", "Opened", "Held", "Year", "Mixed", "Seen"])
    for n in range(2500):
        page.append(
            [
                date(2025, 1 + n % 12, 1),
                f"R{n:04d}",
                f"Trust {n % 90}" if n % 700 else "  ",
                "*" if n % 50 == 7 else n * 3,
                "[c]" if n % 41 == 5 else n / 7,
                None if n % 9 == 0 else date(2020, 1, 1 + n % 28),
                n % 2 == 0,
                2000 + n % 20 if n % 2 else str(2000 + n % 20),
                n if n % 3 else f"A{n}",
                "-" if n % 4 == 0 else None,
            ]
        )
        page.cell(page.max_row, 5).number_format = "0.0%"
    page.append([])
    page.append(["Source: returns of providers, as of March"])
    out = io.BytesIO()
    book.save(out)
    told, tables = _drafted(out.getvalue(), tmp_path / "cells", 1 << 60)
    same, arrays = _drafted(out.getvalue(), tmp_path / "arrays", 0)
    assert same.replace("reader: arrays", "reader: calamine") == told != same
    assert len(arrays) == 1 and arrays == tables


def test_real_sheets_come_out_the_same(shared: Path) -> None:
    found = 0
    for path in sorted((shared / "nhs").rglob("*.xls[xm]")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(xlsx_parts, "WORTHWHILE", 0)
            patch.setattr(xlsx_parts, "LARGE", 0)
            arrays = list(open_book(path, path.name))
            patch.setattr(xlsx_parts, "LARGE", 1 << 60)
            for one, other in zip(arrays, open_book(path, path.name), strict=True):
                assert as_told(one) == as_told(other), f"{path.name}, {one.sheet}"
                found += one.packed is not None
    assert found > 200
