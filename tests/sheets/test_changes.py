"""A table is found as before when its sheet is moved, decorated, annotated, extended or saved in another format."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import books
import pytest
from changes import CHANGES, place
from generator import Sheet, single_tables
from hypothesis import HealthCheck, given, settings
from layouts import LAYOUTS, sheet

from datawarp.sheets.book import open_book
from datawarp.sheets.cells import printed
from datawarp.sheets.detect import detect
from datawarp.sheets.grid import Cell, Grid

few = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def check(grid: Grid, where: str) -> int:
    """Every change that can be made to a sheet leaves its tables; how many changes were made."""
    tables = detect(grid).tables
    made = 0
    for change in CHANGES:
        changed = change(grid, tables) if tables else None
        if changed is None:
            continue
        made += 1
        assert [place(t) for t in detect(changed.grid).tables] == changed.tables, (where, change.__name__)
    return made


@pytest.mark.parametrize("name", LAYOUTS)
def test_drawn_layouts_stay_themselves(name: str) -> None:
    assert check(sheet(LAYOUTS[name][0]), name) >= 6


@few
@given(single_tables())
def test_generated_tables_stay_themselves(drawn: Sheet) -> None:
    check(drawn.grid(), "generated")


def test_tables_of_real_releases_stay_themselves(shared: Path) -> None:
    made = 0
    small = (p for p in sorted((shared / "nhs").glob("*/*/*")) if p.is_file() and p.stat().st_size < 60_000)
    for path in list(small)[:14]:
        for n, grid in enumerate(open_book(path, path.name)):
            if grid.complete and len(grid.rows) < 400 and n < 6:
                made += check(grid, f"{path.parent.parent.name} {grid.sheet}")
    assert made >= 100


def _xlsx(grid: Grid) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    assert page is not None
    for r, row in enumerate(grid.rows, 1):
        for c, value in enumerate(row, 1):
            page.cell(r, c, value)
    for m in grid.merges:
        page.merge_cells(start_row=m.top + 1, start_column=m.left + 1, end_row=m.bottom + 1, end_column=m.right + 1)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _ods(grid: Grid) -> bytes:
    spans = {(m.top, m.left): m for m in grid.merges}
    covered = {(r, c) for m in grid.merges for r in range(m.top, m.bottom + 1) for c in range(m.left, m.right + 1)}
    lines = []
    for r, row in enumerate(grid.rows):
        cells = []
        for c, value in enumerate(row):
            span = spans.get((r, c))
            if (r, c) in covered and span is None:
                cells.append("<table:covered-table-cell/>")
                continue
            more = ""
            if span is not None:
                wide, high = span.right - span.left + 1, span.bottom - span.top + 1
                more = f' table:number-columns-spanned="{wide}" table:number-rows-spanned="{high}"'
            cells.append(f"<table:table-cell{more}{_value(value)}</table:table-cell>")
        lines.append(f"<table:table-row>{''.join(cells)}</table:table-row>")
    return books.ods("".join(lines))


def _value(value: Cell) -> str:
    if value is None:
        return ">"
    text = printed(value).replace("&", "&amp;").replace("<", "&lt;")
    if isinstance(value, float):
        return f' office:value-type="float" office:value="{value!r}"><text:p>{text}</text:p>'
    return f' office:value-type="string"><text:p>{text}</text:p>'


def _csv(grid: Grid) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([[printed(c) for c in row] for row in grid.rows])
    return out.getvalue().encode()


@pytest.mark.parametrize(("suffix", "write"), [(".xlsx", _xlsx), (".ods", _ods), (".csv", _csv)])
def test_tables_are_the_same_in_every_format(suffix: str, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A CSV file has no merged cells: there, layouts without any are tried."""
    tried = 0
    for name, (drawn, _) in LAYOUTS.items():
        grid = sheet(drawn)
        dates = any(not isinstance(c, str | float | None) for row in grid.rows for c in row)
        if (suffix == ".csv" and grid.merges) or (suffix != ".xlsx" and dates):
            continue
        path = tmp_path / f"table{suffix}"
        path.write_bytes(write(grid))
        (read,) = open_book(path, path.name)
        before = [place(t) for t in detect(grid).tables]
        assert [place(t) for t in detect(read).tables] == before, name
        tried += 1
    assert tried >= 15
