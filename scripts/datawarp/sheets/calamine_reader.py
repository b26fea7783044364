"""Workbooks through python-calamine, the fast reader that is tried first."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from datawarp.sheets.grid import Cell, Grid, Merge, SheetType, Visibility

_TYPES: dict[str, SheetType] = {
    "WorkSheet": "worksheet",
    "ChartSheet": "chart",
    "DialogSheet": "dialog",
    "MacroSheet": "macro",
    "Vba": "macro",
}


@contextmanager
def without_collector() -> Iterator[None]:
    """Python's garbage collector off: millions of new cells hold no cycles, and searching them takes a third more."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise ``ValueError`` where the reader's Rust code panics, which Python tells as it tells an interruption."""
    try:
        yield
    except BaseException as problem:
        if type(problem).__name__ == "PanicException":
            raise ValueError(f"python-calamine gave up: {problem}") from None
        raise


def open_calamine(file: Path | io.BytesIO) -> Any:
    """The workbook; raises python-calamine's own errors."""
    from python_calamine import load_workbook

    with panics_as_errors():
        return load_workbook(str(file) if isinstance(file, Path) else file)


def sheet_shells(workbook: Any, member: str | None) -> list[Grid]:
    """The workbook's sheets in order, without their cells."""
    shells = []
    for meta in workbook.sheets_metadata:
        sheet_type = _TYPES[str(meta.typ).rsplit(".", 1)[-1]]
        visibility = cast(Visibility, str(meta.visible).rsplit(".", 1)[-1].lower())
        shells.append(Grid(meta.name, member, [], "calamine", sheet_type, visibility))
    return shells


def fill(shell: Grid, index: int, workbook: Any) -> None:
    """Read the cells and merged ranges of sheet ``index`` into ``shell``."""
    with without_collector(), panics_as_errors():
        sheet = workbook.get_sheet_by_index(index)
        shell.rows = _rows(sheet)
        shell.n_rows = len(shell.rows)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        shell.merges.append(Merge(top, left, bottom, right))


def _rows(sheet: Any) -> list[list[Cell]]:
    """Rows from A1 on; blanks as None, no blanks at a row's end and no blank rows at the sheet's.

    Leading blank rows are added here, since python-calamine would make each as wide as the sheet.
    """
    if sheet.start is None:
        return []
    top, left = sheet.start
    rows = sheet.to_python(skip_empty_area=True)
    blank_cells: list[Cell] = [None] * left
    found: list[list[Cell]] = [[] for _ in range(top)]
    found += [_row(blank_cells, row) if left else _trimmed(row) for row in rows]
    while found and not found[-1]:
        found.pop()
    return found


def _row(blank_cells: list[Cell], row: list[Any]) -> list[Cell]:
    row = _trimmed(row)
    return blank_cells + row if row else row


def _trimmed(row: list[Any]) -> list[Cell]:
    if all(row) or "" not in row:
        return row
    while row and row[-1] == "":
        row.pop()
    return [cell if cell or cell != "" else None for cell in row]
