"""A person's word on a sheet: rows and columns given in the registry, the rest detected around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawarp.errors import SheetError
from datawarp.registry.models import SheetOverride
from datawarp.sheets.body import Body, find_body
from datawarp.sheets.boundary import Boundary, score
from datawarp.sheets.cells import BLANK
from datawarp.sheets.grid import Grid, column_index
from datawarp.sheets.header_rows import find_boundary
from datawarp.sheets.headers import HeaderBlock, find_header
from datawarp.sheets.view import View

if TYPE_CHECKING:
    from datawarp.sheets.detect import Candidate


def overridden(view: View, grid: Grid, override: SheetOverride) -> Candidate:
    """The one table that a registry entry describes; what it leaves open is detected."""
    from datawarp.sheets.detect import Candidate

    first, last = _columns(view, grid, override)
    position = {number: i for i, number in enumerate(view.numbers)}

    def row(number: int) -> int:
        if number - 1 not in position:
            raise SheetError(
                f"the registry names row {number}, the sheet has rows 1 to {grid.n_rows}",
                where=grid.sheet,
                hint="correct the sheet's entry under `sheets:`",
            )
        return position[number - 1]

    boundary: Boundary | None
    if override.header_rows:
        top, bottom = row(override.header_rows[0]), row(override.header_rows[1])
        boundary = score(view, bottom, len(view.rows), first, last)
    else:
        start = 0
        stop = row(override.data_rows[0]) + 1 if override.data_rows else len(view.rows)
        boundary = find_boundary(view, start, len(view.rows), first, last)
        if boundary and boundary.row >= stop:
            boundary = None
    if boundary is None:
        raise SheetError(
            "there is nothing below the header rows that the registry names"
            if override.header_rows
            else "no header row is found",
            where=grid.sheet,
            hint="give header_rows and data_rows in the sheet's entry under `sheets:`",
        )
    if override.header_rows:
        header = HeaderBlock(list(range(top, bottom + 1)))
    else:
        header = find_header(view, boundary, 0, first, last)
    body = find_body(view, boundary, len(view.rows), first, last)
    if override.data_rows:
        body = Body(row(override.data_rows[0]), row(override.data_rows[1]), [], "the registry says so")
    used = [
        c
        for c in range(first, last + 1)
        if any(view.kinds[i][c] != BLANK for i in [*header.rows, *range(body.first, body.last + 1)])
    ]
    return Candidate(boundary, header, body, used, ["rows or columns given in the registry"])


def _columns(view: View, grid: Grid, override: SheetOverride) -> tuple[int, int]:
    if not override.columns:
        return 0, view.width - 1
    first, last = (column_index(letters) for letters in override.columns)
    if not 0 <= first <= last < max(view.width, 1):
        raise SheetError(
            f"the registry names columns {override.columns[0]} to {override.columns[1]}, "
            f"the sheet has {view.width} columns",
            where=grid.sheet,
            hint="correct the sheet's entry under `sheets:`",
        )
    return first, last
