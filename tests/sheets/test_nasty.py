"""Other readers' hard cases: every file is read, or gives one clear error, and quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hard_cases
import pytest

from datawarp.sheets.book import open_book
from datawarp.sheets.cells import printed
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.openpyxl_reader import read_openpyxl
from datawarp.sheets.xlrd_reader import read_xlrd

# Cells (0-based row and column) in which readers differ for a reason.
DIFFER = {
    # A duration: its format is [hh]:mm:ss, which xlrd takes for a moment.
    ("calamine__date_1904.xls", "Sheet1"): {(2, 0)},
    # A serial number beyond the year 9999, which openpyxl prints as an error.
    ("python-calamine__issue139.xlsx", "bad_xlsx_dates"): {(1, 0)},
}


@pytest.fixture(scope="module")
def found(shared: Path) -> dict[str, str]:
    """All outcomes, from a process of its own that must end within a minute."""
    command = [sys.executable, hard_cases.__file__, str(shared / "nasty")]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: text for name, _, text in (line.partition("\t") for line in done.stdout.splitlines())}


def test_every_outcome_is_as_written_down(found: dict[str, str]) -> None:
    assert found == hard_cases.expected()


def test_the_page_is_current() -> None:
    assert hard_cases.PAGE.read_text(encoding="utf-8") == hard_cases.page(hard_cases.expected())


def _cells(grid: Grid) -> dict[tuple[int, int], Cell]:
    return {(r, c): v for r, row in enumerate(grid.rows) for c, v in enumerate(row) if v is not None}


def _agree(mine: Cell, other: Cell) -> bool:
    if isinstance(mine, float) and isinstance(other, int | float):
        return abs(mine - other) <= 1e-9 * abs(mine)
    return printed(mine) == printed(other)


def test_cells_are_those_of_other_readers(shared: Path) -> None:
    """Apart from chart sheets, which xlrd leaves out, and strict OOXML, in which openpyxl sees no sheets."""
    compared = 0
    for path in sorted((shared / "nasty").iterdir()):
        text = hard_cases.expected().get(path.name, "error:")
        if text.startswith("error:") or path.suffix not in (".xls", ".xlsx") or "biff5" in path.name:
            continue
        read = read_openpyxl if path.suffix == ".xlsx" else read_xlrd
        others = {grid.sheet: _cells(grid) for grid in read(path, None)}
        for grid in open_book(path, path.name):
            if grid.sheet not in others:
                assert grid.sheet_type == "chart" or "strict" in path.name, (path.name, grid.sheet)
                continue
            mine, other = _cells(grid), others[grid.sheet]
            places = (mine.keys() | other.keys()) - DIFFER.get((path.name, grid.sheet), set())
            wrong = [(p, mine.get(p), other.get(p)) for p in places if not _agree(mine.get(p), other.get(p))]
            assert not wrong, (path.name, grid.sheet, wrong[:3])
            compared += len(places)
    assert compared > 60_000
