"""Small grids for tests: rows as written, merges as (top, left, bottom, right), 0-based."""

from __future__ import annotations

from collections.abc import Sequence

from datawarp.sheets.detect import detect
from datawarp.sheets.finding import TableFinding
from datawarp.sheets.grid import Cell, Grid, Merge


def grid(rows: Sequence[Sequence[Cell]], merges: Sequence[tuple[int, int, int, int]] = (), **more: object) -> Grid:
    """A grid of ``rows``; short rows end in blanks."""
    return Grid("Sheet", None, [list(r) for r in rows], "test", merges=[Merge(*m) for m in merges], **more)  # type: ignore[arg-type]


def tables(rows: Sequence[Sequence[Cell]], merges: Sequence[tuple[int, int, int, int]] = ()) -> list[TableFinding]:
    """The tables found on a sheet of ``rows``; every row account must balance."""
    found = detect(grid(rows, merges)).tables
    assert all(t.account and t.account.balanced for t in found)
    return found


def table(rows: Sequence[Sequence[Cell]], merges: Sequence[tuple[int, int, int, int]] = ()) -> TableFinding:
    """The one table on a sheet of ``rows``."""
    (only,) = tables(rows, merges)
    return only


def headers(found: TableFinding) -> list[str]:
    """The printed headers of a table."""
    return [c.original_name for c in found.columns]
