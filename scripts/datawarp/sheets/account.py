"""Where every row of the sheet went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING

from datawarp.sheets.body import Body
from datawarp.sheets.finding import Account, BodyCells, ExcludedRows, TableFinding
from datawarp.sheets.grid import Cell, Grid
from datawarp.sheets.view import View

if TYPE_CHECKING:
    from datawarp.sheets.detect import Candidate
    from datawarp.sheets.packed import PackedRows


SPARSE = 8  # cells of a row that are looked at one by one for white space


def is_blank_row(row: Sequence[Cell]) -> bool:
    """Whether a row holds nothing but blanks and white space."""
    return all(c is None or (isinstance(c, str) and not c.strip()) for c in row)


def body_cells(rows: Sequence[Sequence[Cell]], table: TableFinding, first: int) -> BodyCells:
    """The rows with any value in the table's columns, of ``rows`` whose first is sheet row ``first``."""
    left, right = table.first_column, table.last_column + 1
    width = max(map(len, rows), default=0)
    parts = rows if left == 0 and width <= right else [row[left:right] for row in rows]
    fills = [len(part) - part.count(None) for part in parts]
    if min(fills, default=0) > SPARSE:
        kept, numbers = list(rows), list(range(first, first + len(rows)))
    else:
        places = [n for n, fill in enumerate(fills) if fill > SPARSE or (fill and not is_blank_row(parts[n]))]
        kept, numbers = [rows[n] for n in places], [first + n for n in places]
    columns: dict[int, Sequence[Cell]] = {}
    if kept and width >= right and len(set(map(len, kept))) == 1:
        every = list(zip(*kept, strict=True))
        columns = {column.index: every[column.index] for column in table.columns}
    else:
        for c in (column.index for column in table.columns):
            columns[c] = [row[c] if c < len(row) else None for row in kept]
    return BodyCells(numbers, columns)


def _body_in_view(view: View, table: TableFinding) -> BodyCells:
    """The body of a table whose sheet is looked at whole: its columns as the view has them, without blank rows."""
    start, stop = table.data_rows[0] - 1, table.data_rows[1]
    left, right = table.first_column, table.last_column
    filled = [not view.blank(i, left, right) for i in range(start, min(stop, len(view.rows)))]
    every = all(filled)
    columns: dict[int, Sequence[Cell]] = {}
    for column in table.columns:
        cells = view.cells[column.index][start:stop] if column.index < len(view.cells) else (None,) * len(filled)
        columns[column.index] = cells if every else list(compress(cells, filled))
    return BodyCells(list(compress(range(start + 1, stop + 1), filled)), columns)


def body_of(grid: Grid, table: TableFinding) -> BodyCells:
    """The body of a table in a complete grid, read once."""
    if table.body is None:
        first, last = table.data_rows
        if grid.packed is not None:
            table.body = _packed_body(grid.packed, table)
        else:
            table.body = body_cells(grid.rows[first - 1 : last], table, first)
    return table.body


def _packed_body(rows: PackedRows, table: TableFinding) -> BodyCells:
    first, last = table.data_rows
    filled = rows.filled(first - 1, last, table.first_column, table.last_column)
    where = slice(first - 1, last) if len(filled) == last - first + 1 else filled
    columns: dict[int, Sequence[Cell]] = {c.index: rows.sheet.column(c.index, where) for c in table.columns}
    return BodyCells((filled + 1).tolist(), columns)


def sample_body(grid: Grid, table: TableFinding) -> BodyCells:
    """The body rows of a sample grid that lie in its head or its tail."""
    first, last = table.data_rows
    tail_begins = grid.n_rows - len(grid.tail)
    after = max(first, len(grid.rows) + 1)
    tail = [row for n, row in enumerate(grid.tail, tail_begins + 1) if after <= n <= last]
    return body_cells([*grid.rows[first - 1 : last], *tail], table, first)


def count_rows(grid: Grid, view: View, table: TableFinding) -> int:
    """Body rows with any value; of a sample grid, all rows of the range less the blank ones seen."""
    if grid.complete:
        if len(view.rows) == grid.n_rows and table.body is None:
            table.body = _body_in_view(view, table)
        return len(body_of(grid, table).numbers)
    first, last = table.data_rows
    left, right = table.first_column, table.last_column
    blank = sum(view.blank(i, left, right) for i, n in enumerate(view.numbers) if first <= n + 1 <= last)
    return last - first + 1 - blank


def footnotes_below(view: View, body: Body, others: Sequence[Candidate]) -> tuple[int, int] | None:
    """First and last row of text between a body's end and the next table, or the sheet's end."""
    stop = min((c.first_row for c in others if c.first_row > body.last), default=len(view.rows))
    filled = [i for i in range(body.last + 1, stop) if not view.blank(i)]
    if stop < len(view.rows):  # the last lines before another header are its title
        while filled and filled[-1] >= stop - 2:
            filled.pop()
    return (view.numbers[filled[0]] + 1, view.numbers[filled[-1]] + 1) if filled else None


def account_for(grid: Grid, view: View, table: TableFinding, candidate: Candidate, others: Sequence[Candidate]) -> None:
    """Fill in the row account of a table and the reasons of the rows that belong to none."""
    header = table.header_rows or (0, -1)
    notes = table.footnote_rows or (0, -1)
    first, last = table.data_rows
    left, right = table.first_column, table.last_column
    elsewhere: set[int] = set()
    for other in others:
        if other is candidate:
            continue
        elsewhere.update(range(view.numbers[other.first_row], view.numbers[other.body.last] + 1))
    counts = dict.fromkeys(("header", "body", "blank", "footnotes", "excluded", "other_tables"), 0)
    reasons: list[tuple[int, str]] = []
    looked_at = set(view.numbers)
    for i, number in enumerate(view.numbers):
        n = number + 1
        if view.blank(i):
            counts["blank"] += 1
        elif header[0] <= n <= header[1]:
            counts["header"] += 1
        elif first <= n <= last and not view.blank(i, left, right):
            counts["body"] += 1
        elif number in elsewhere:
            counts["other_tables"] += 1
        elif notes[0] <= n <= notes[1]:
            counts["footnotes"] += 1
        else:
            counts["excluded"] += 1
            reasons.append(
                (n, "above the table: title and notes" if n < first else "text between or beside the tables")
            )
    unseen = grid.n_rows - len(looked_at)
    if unseen:
        inside = table.n_rows - counts["body"]
        counts["body"] += inside
        counts["other_tables"] += unseen - inside
    table.account = Account(sheet_rows=grid.n_rows, **counts)
    table.excluded = _ranges(reasons)


def _ranges(reasons: list[tuple[int, str]]) -> list[ExcludedRows]:
    found: list[ExcludedRows] = []
    for n, reason in reasons:
        if found and found[-1].reason == reason and found[-1].rows[1] == n - 1:
            found[-1].rows = (found[-1].rows[0], n)
        else:
            found.append(ExcludedRows((n, n), reason))
    return found
