"""A sheet as the preview page draws it: cells with their role, long stretches left out in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from datawarp.manifest.models import FileEntry
from datawarp.sheets.grid import Cell, Grid, Merge, column_index, column_letters

HEAD_ROWS, TAIL_ROWS = 14, 6  # of a table's body
LOOSE_ROWS = 40  # of a stretch that belongs to no table
WHOLE_ROWS = 90  # a sheet of so many rows is shown whole
HEAD_COLUMNS, TAIL_COLUMNS = 36, 8
LONGEST_TEXT, LONGEST_TIP = 240, 1200
_RUNNING = frozenset({"title", "footnote", "excluded", "notes", "loose"})


@dataclass
class CellView:
    """One cell: its text as printed, its role (a CSS class), and what the pointer tells of it."""

    text: str = ""
    role: str = ""
    tip: str = ""
    rowspan: int = 1
    colspan: int = 1
    is_number: bool = False


@dataclass
class RowView:
    """One row, or with ``left_out`` a stretch of rows that is not shown. Covered cells of merges are None."""

    number: int
    cells: list[CellView | None] = field(default_factory=list)
    left_out: int = 0
    role: str = ""
    hidden: bool = False


@dataclass
class SheetView:
    """A sheet: letters of the shown columns (None where some are left out), and its rows."""

    letters: list[str | None]
    rows: list[RowView]
    n_rows: int
    n_columns: int
    reader: str
    visibility: str
    notes: list[str]


@dataclass(frozen=True)
class _Roles:
    """What each row and cell is, as the sheet's tables say. Rows are 1-based, columns 0-based."""

    rows: dict[int, tuple[str, str]]
    areas: list[tuple[int, int, int, int, str, str]]

    def of(self, row: int, column: int) -> tuple[str, str]:
        """Role and explanation of a cell that is not blank."""
        for top, bottom, left, right, role, why in self.areas:
            if top <= row <= bottom and left <= column <= right:
                return role, why
        return self.rows.get(row, ("loose", "in no table"))


def grid_view(grid: Grid, entries: Sequence[FileEntry]) -> SheetView:
    """``grid`` with the roles that the tables in ``entries`` give its cells."""
    roles = _roles(entries)
    rows: dict[int, Sequence[Cell]]
    if grid.packed is not None:
        last, width = grid.n_rows, grid.packed.width
        shown = _shown_rows(last, entries)
        rows = dict(zip(shown, grid.packed.pick([number - 1 for number in shown]), strict=True))
    else:
        rows = _kept_rows(grid)
        last = max((number for number, cells in rows.items() if any(c is not None for c in cells)), default=0)
        width = max((_width(cells) for cells in rows.values()), default=0)
        shown = [n for n in _shown_rows(last, entries) if n in rows]
    columns = _shown_columns(width)
    merges = _merges(grid.merges, set(shown), {c for c in columns if c is not None})
    return SheetView(
        letters=[None if c is None else column_letters(c) for c in columns],
        rows=list(_row_views(grid, rows, shown, last, columns, roles, merges)),
        n_rows=last if grid.complete else grid.n_rows,
        n_columns=width,
        reader=grid.reader,
        visibility=grid.visibility,
        notes=list(grid.notes),
    )


def _kept_rows(grid: Grid) -> dict[int, Sequence[Cell]]:
    """The rows that a grid holds, by their 1-based numbers: of a sample, its head and its tail."""
    rows: dict[int, Sequence[Cell]] = dict(enumerate(grid.rows, 1))
    if not grid.complete:
        first = grid.n_rows - len(grid.tail) + 1
        rows.update({first + i: cells for i, cells in enumerate(grid.tail)})
    return rows


def _width(cells: Sequence[Cell]) -> int:
    return max((i for i, cell in enumerate(cells, 1) if cell is not None), default=0)


def _roles(entries: Sequence[FileEntry]) -> _Roles:
    """Header and body are areas of columns; footnotes and rows left out are whole rows."""
    areas: list[tuple[int, int, int, int, str, str]] = []
    rows: dict[int, tuple[str, str]] = {}
    for number, entry in enumerate(entries, 1):
        layout = entry.layout
        if layout is None:
            continue
        which = f" of table {number}" if len(entries) > 1 else ""
        for out in layout.excluded:
            # What one table leaves out below it may be the title of the next.
            above = layout.header_rows is not None and out.rows[1] < layout.header_rows[0]
            for row in range(out.rows[0], out.rows[1] + 1):
                if row not in rows or (above and rows[row][0] == "excluded"):
                    rows[row] = ("title" if above else "excluded", out.reason)
        if layout.footnote_rows:
            for row in range(layout.footnote_rows[0], layout.footnote_rows[1] + 1):
                rows[row] = ("footnote", f"footnotes{which}")
        if layout.columns is None:
            continue
        left, right = (column_index(letter) for letter in layout.columns)
        if layout.header_rows:
            areas.append((*layout.header_rows, left, right, "header", f"header{which}"))
        if layout.data_rows:
            inside = [o for o in layout.excluded if layout.data_rows[0] <= o.rows[0] <= layout.data_rows[1]]
            areas += [(*o.rows, left, right, "excluded", o.reason) for o in inside]
            areas.append((*layout.data_rows, left, right, "body", f"body{which}"))
    if not areas:
        return _Roles({}, [(1, 1 << 31, 0, 1 << 15, "notes", "no table on this sheet")])
    return _Roles(rows, areas)


def _shown_columns(width: int) -> list[int | None]:
    if width <= HEAD_COLUMNS + TAIL_COLUMNS + 1:
        return list(range(width))
    return [*range(HEAD_COLUMNS), None, *range(width - TAIL_COLUMNS, width)]


def _shown_rows(last: int, entries: Sequence[FileEntry]) -> list[int]:
    """Numbers of the rows to show: what is around each table's edges, and the ends of every other stretch."""
    if last <= WHOLE_ROWS:
        return list(range(1, last + 1))
    bodies = sorted(entry.layout.data_rows for entry in entries if entry.layout and entry.layout.data_rows)
    shown: set[int] = set()
    begin = 1
    for top, bottom in [*bodies, (last + 1, last)]:
        shown |= _ends(begin, top - 1, LOOSE_ROWS, TAIL_ROWS)
        shown |= _ends(top, bottom, HEAD_ROWS, TAIL_ROWS)
        begin = max(begin, bottom + 1)
    return sorted(n for n in shown if 1 <= n <= last)


def _ends(first: int, last: int, head: int, tail: int) -> set[int]:
    if last - first + 1 <= head + tail + 1:
        return set(range(first, last + 1))
    return {*range(first, first + head), *range(last - tail + 1, last + 1)}


def _merges(merges: Iterable[Merge], rows: set[int], columns: set[int]) -> dict[tuple[int, int], Merge | None]:
    """Merged ranges that are shown whole: their first cell → the range, their other cells → None."""
    cells: dict[tuple[int, int], Merge | None] = {}
    for merge in merges:
        height, breadth = merge.bottom - merge.top + 1, merge.right - merge.left + 1
        if height > len(rows) or breadth > len(columns):
            continue
        inside = [(r, c) for r in range(merge.top, merge.bottom + 1) for c in range(merge.left, merge.right + 1)]
        if all(r + 1 in rows and c in columns for r, c in inside) and not any(key in cells for key in inside):
            cells.update(dict.fromkeys(inside))
            cells[merge.top, merge.left] = merge
    return cells


def _row_views(
    grid: Grid,
    rows: dict[int, Sequence[Cell]],
    shown: Sequence[int],
    last: int,
    columns: Sequence[int | None],
    roles: _Roles,
    merges: dict[tuple[int, int], Merge | None],
) -> Iterable[RowView]:
    expected = 1
    for number in [*shown, None]:
        reached = (last if grid.complete else grid.n_rows) + 1 if number is None else number
        if reached > expected:
            inside = roles.of(expected, 0)[0] if (expected + reached) // 2 not in roles.rows else "loose"
            role = next((a[4] for a in roles.areas if a[0] <= expected and reached - 1 <= a[1]), inside)
            yield RowView(expected, left_out=reached - expected, role=role)
        if number is None:
            return
        cells = [_cell_view(grid, rows[number], number, c, roles, merges) for c in columns]
        yield RowView(number, _running_on(cells), hidden=number - 1 in grid.hidden_rows)
        expected = number + 1


def _running_on(cells: list[CellView | None]) -> list[CellView | None]:
    """Long texts outside tables take the blank cells to their right, as a spreadsheet draws them."""
    for i, cell in enumerate(cells):
        if cell is None or cell.role not in _RUNNING or len(cell.text) < 12 or (cell.rowspan, cell.colspan) != (1, 1):
            continue
        for j in range(i + 1, len(cells)):
            neighbour = cells[j]
            if (
                neighbour is None
                or neighbour.text
                or neighbour.role
                or (neighbour.rowspan, neighbour.colspan) != (1, 1)
            ):
                break
            cells[j] = None
            cell.colspan += 1
    return cells


def _cell_view(
    grid: Grid,
    cells: Sequence[Cell],
    number: int,
    column: int | None,
    roles: _Roles,
    merges: dict[tuple[int, int], Merge | None],
) -> CellView | None:
    if column is None:
        return CellView("…", "gap")
    key = (number - 1, column)
    merge = merges.get(key)
    if key in merges and merge is None:
        return None
    value = cells[column] if column < len(cells) else None
    spans = (merge.bottom - merge.top + 1, merge.right - merge.left + 1) if merge else (1, 1)
    if value is None:
        role = roles.of(number, column)[0] if any(a[0] <= number <= a[1] for a in roles.areas) else ""
        blank = f"{role} blank" if role in {"header", "body"} else ""
        return CellView("", blank, "", *spans)
    text = printed(value, grid.number_formats.get(key, ""))
    role, why = roles.of(number, column)
    hidden = " (hidden column)" if column in grid.hidden_columns else ""
    tip = f"{column_letters(column)}{number}: {why}{hidden}"
    if len(text) > 30:
        tip = f"{tip}\n{text[:LONGEST_TIP]}"
        text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return CellView(text, role, tip, *spans, is_number=is_number)


def printed(value: Cell, number_format: str = "") -> str:
    """A cell nearly as the sheet prints it: percentages as such, midnight left off."""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        if "%" in number_format:
            return f"{value * 100:.10g}%"
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    return str(value)
