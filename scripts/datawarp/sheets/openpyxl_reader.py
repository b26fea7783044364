"""Workbooks through openpyxl: slower, but it forgives more and holds only the cells that exist."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from datawarp.sheets.grid import Cell, Grid, Merge, Visibility


def _open(stream: IO[bytes], read_only: bool) -> Any:
    """The workbook without its drawings: a missing picture or chart part must not cost the tables."""
    from openpyxl.reader import excel

    class CellsOnly(excel.ExcelReader):  # type: ignore[misc]
        def read_worksheets(self) -> None:
            original = excel.find_images
            excel.find_images = lambda archive, path: ([], [])
            try:
                super().read_worksheets()
            finally:
                excel.find_images = original

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = CellsOnly(stream, read_only=read_only, data_only=True, keep_links=False)
        reader.read()
    return reader.wb


@contextmanager
def _stream(file: Path | io.BytesIO) -> Iterator[IO[bytes]]:
    """The file as a stream, since openpyxl refuses paths by their ending."""
    if isinstance(file, Path):
        with open(file, "rb") as stream:
            yield stream
    else:
        yield file


def sparse_rows(file: Path | io.BytesIO, index: int) -> list[list[Cell]]:
    """The rows of sheet ``index``, each up to its last cell; gaps cost one empty list a row."""
    with _stream(file) as stream:
        sheet = _open(stream, read_only=True).worksheets[index]
        sheet.reset_dimensions()
        return _without_blank_end([_trimmed(row) for row in sheet.iter_rows(values_only=True)])


def read_openpyxl(file: Path | io.BytesIO, member: str | None) -> Iterator[Grid]:
    """The sheets of an .xlsx; raises openpyxl's own errors."""
    with _stream(file) as stream:
        workbook = _open(stream, read_only=False)
    for sheet in workbook._sheets:
        visibility = cast(Visibility, sheet.sheet_state.lower())
        if not hasattr(sheet, "iter_rows"):
            yield Grid(sheet.title, member, [], "openpyxl", "chart", visibility)
            continue
        rows = _without_blank_end([_trimmed(row) for row in sheet.iter_rows(values_only=True)])
        merges = [Merge(m.min_row - 1, m.min_col - 1, m.max_row - 1, m.max_col - 1) for m in sheet.merged_cells.ranges]
        formats = {
            (cell.row - 1, cell.column - 1): cell.number_format
            for cell in sheet._cells.values()
            if cell.value is not None and cell.number_format != "General"
        }
        yield Grid(
            sheet.title,
            member,
            rows,
            "openpyxl",
            "worksheet",
            visibility,
            sorted(merges, key=lambda m: (m.top, m.left)),
            frozenset(n - 1 for n, d in sheet.row_dimensions.items() if d.hidden),
            frozenset(_hidden_columns(sheet)),
            formats,
        )


def _hidden_columns(sheet: Any) -> Iterator[int]:
    for dimension in sheet.column_dimensions.values():
        if dimension.hidden:
            yield from range((dimension.min or 1) - 1, min(dimension.max or 0, 16_384))


def _without_blank_end(rows: list[list[Cell]]) -> list[list[Cell]]:
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _trimmed(row: tuple[Any, ...]) -> list[Cell]:
    cells = [_cell(value) for value in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _cell(value: Any) -> Cell:
    """A cell as the fast reader gives it: midnight as a date, empty text as blank."""
    if isinstance(value, datetime):
        return value if value.hour or value.minute or value.second or value.microsecond else value.date()
    return None if value == "" else cast(Cell, value)
