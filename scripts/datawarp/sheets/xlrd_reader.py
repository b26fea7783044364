"""Old workbooks (.xls) through xlrd, where the fast reader breaks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from datawarp.sheets.grid import Cell, Grid, Merge, SheetType, Visibility
from datawarp.sheets.xls_parts import Silent

_VISIBILITIES: dict[int, Visibility] = {0: "visible", 1: "hidden", 2: "veryhidden"}


def read_xlrd(file: Path | io.BytesIO, member: str | None) -> Iterator[Grid]:
    """The sheets of an .xls; raises xlrd's own errors."""
    import xlrd

    data = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    workbook = xlrd.open_workbook(file_contents=data, logfile=Silent(), ragged_rows=True, on_demand=True)
    for index in range(workbook.nsheets):
        sheet = workbook.sheet_by_index(index)
        rows = [[_cell(cell, workbook.datemode) for cell in sheet.row(r)] for r in range(sheet.nrows)]
        for row in rows:
            while row and row[-1] is None:
                row.pop()
        merges = [Merge(top, left, bottom - 1, right - 1) for top, bottom, left, right in sheet.merged_cells]
        kind: SheetType = "worksheet"
        yield Grid(sheet.name, member, rows, "xlrd", kind, _VISIBILITIES[sheet.visibility], merges)
        workbook.unload_sheet(index)


def _cell(cell: Any, datemode: int) -> Cell:
    import xlrd

    value: Any = cell.value
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) or value == "":
        return None
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(value, "#N/A"))
    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            moment: datetime = xlrd.xldate_as_datetime(value, datemode)
        except (ValueError, OverflowError):
            return float(value)
        if value < 1:
            return moment.time()
        return moment if moment.time().isoformat() != "00:00:00" else moment.date()
    return str(value) if cell.ctype == xlrd.XL_CELL_TEXT else float(value)
