"""Changes to a sheet that leave its tables what they were, as publishers make them from release to release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from datawarp.sheets.finding import TableFinding
from datawarp.sheets.grid import Cell, Grid, Merge

Place = tuple[tuple[int, int] | None, tuple[int, int], tuple[tuple[int, str], ...]]


def place(table: TableFinding, down: int = 0, right: int = 0, longer: int = 0) -> Place:
    """Where a table lies and what its headers are, moved down and to the right, its body ``longer`` by some rows."""
    head = table.header_rows and (table.header_rows[0] + down, table.header_rows[1] + down)
    body = (table.data_rows[0] + down, table.data_rows[1] + down + longer)
    return head, body, tuple((c.index + right, c.original_name) for c in table.columns)


@dataclass(frozen=True)
class Change:
    """A changed sheet and where its tables are to be found."""

    grid: Grid
    tables: list[Place]


def with_rows(grid: Grid, rows: Sequence[Sequence[Cell]], down: int = 0, right: int = 0) -> Grid:
    """A sheet of other rows, its merged ranges moved with them."""
    merges = [Merge(m.top + down, m.left + right, m.bottom + down, m.right + right) for m in grid.merges]
    return Grid(grid.sheet, grid.member, rows, grid.reader, grid.sheet_type, merges=merges)


def moved_right(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """Two blank columns at the left."""
    rows = [[None, None, *row] for row in grid.rows]
    return Change(with_rows(grid, rows, right=2), [place(t, right=2) for t in tables])


def moved_down(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """Three blank rows at the top."""
    return Change(with_rows(grid, [(), (), (), *grid.rows], down=3), [place(t, down=3) for t in tables])


def with_logo(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """The publisher's name at the top right, and a blank row."""
    width = max(map(len, grid.rows))
    rows = [[*[None] * (width - 1), "NHS England"], [], *grid.rows]
    return Change(with_rows(grid, rows, down=2), [place(t, down=2) for t in tables])


def with_link(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """A link to the contents at the top left."""
    return Change(with_rows(grid, [["Back to contents"], *grid.rows], down=1), [place(t, down=1) for t in tables])


def _below(grid: Grid, tables: Sequence[TableFinding], above: list[list[Cell]]) -> Change | None:
    """Rows above everything else; on a sheet without a header they could be one."""
    if any(t.header_rows is None for t in tables):
        return None
    down = len(above)
    return Change(with_rows(grid, [*above, *grid.rows], down=down), [place(t, down=down) for t in tables])


def with_particulars(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """Keys and their values at the top, a date and a count among them."""
    keys: list[list[Cell]] = [
        ["Publication", "Activity"], ["Period", date(2024, 3, 31)], ["Published", "13 June"], ["Trusts", 134.0], [],
    ]  # fmt: skip
    return _below(grid, tables, keys)


def with_symbols_above(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """What the symbols mean, at the top."""
    return _below(grid, tables, [["*", "Suppressed"], ["..", "Not available"], ["r", "Revised"], []])


def with_choices(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """What was chosen to see, at the top."""
    return _below(grid, tables, [["Select region:", "All"], ["Select year:", 2023.0], ["Measure", "Count"], []])


def with_parted_title(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """A title of several cells, and a blank row."""
    if any(len(t.columns) < 3 for t in tables):
        return None  # three headings above two columns
    title: list[Cell] = [None] * max(4, *map(len, grid.rows))
    title[0], title[1], title[-1] = "Activity statistics", "England", "Published 13 June 2024"
    return _below(grid, tables, [title, []])


def with_white_space(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """Blank cells that hold a space, and a used range that runs past the table."""
    width = max(map(len, grid.rows))
    rows = [[" " if c is None else c for c in [*row, *[None] * (width - len(row))]] for row in grid.rows]
    return Change(with_rows(grid, [*rows, *[[" "] * width] * 5]), [place(t) for t in tables])


def with_hidden(grid: Grid, tables: Sequence[TableFinding]) -> Change:
    """Rows and columns that are hidden are read as the others."""
    rows = frozenset(range(2, len(grid.rows), 3))
    return Change(replace(grid, hidden_rows=rows, hidden_columns=frozenset({0, 2})), [place(t) for t in tables])


def without_notes(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """Nothing below the body."""
    if len(tables) != 1:
        return None
    return Change(with_rows(grid, grid.rows[: tables[0].data_rows[1]]), [place(tables[0])])


def with_notes_at_once(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """Notes below the body without a blank row between."""
    if len(tables) != 1:
        return None
    notes = [["Source: Office for National Statistics"], ["1. Figures are rounded."], ["[c] = suppressed"]]
    return Change(with_rows(grid, [*grid.rows[: tables[0].data_rows[1]], *notes]), [place(tables[0])])


def _above(grid: Grid, tables: Sequence[TableFinding], below: list[list[Cell]]) -> Change | None:
    """Rows below the body instead of what stands there."""
    if len(tables) != 1:
        return None
    return Change(with_rows(grid, [*grid.rows[: tables[0].data_rows[1]], *below]), [place(tables[0])])


def with_notes_in_two_cells(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """Numbered notes, their numbers in cells of their own."""
    return _above(
        grid, tables, [[], ["Notes"], [1.0, "Figures are rounded."], ["2", "Provisional."], ["Source:", "ONS"]]
    )


def with_update(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """When the table was last updated, and whom to ask."""
    return _above(grid, tables, [[], ["Last updated", date(2024, 6, 13)], ["Contact: stats@example.org"]])


def with_total(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """One more row, of sums."""
    sums = _sums(grid, tables)
    if sums is None:
        return None
    end = tables[0].data_rows[1]
    return Change(with_rows(grid, [*grid.rows[:end], sums, *grid.rows[end:]]), [place(tables[0], longer=1)])


def with_total_apart(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """One more row, of sums, below a blank one."""
    sums = _sums(grid, tables)
    if sums is None:
        return None
    end = tables[0].data_rows[1]
    return Change(with_rows(grid, [*grid.rows[:end], [], sums, *grid.rows[end:]]), [place(tables[0], longer=2)])


def _sums(grid: Grid, tables: Sequence[TableFinding]) -> list[Cell] | None:
    """A row of totals for a table with labels and figures."""
    if len(tables) != 1:
        return None
    first, last = tables[0].data_rows
    words = [c.index for c in tables[0].columns if c.type == "text"]
    row: list[Cell] = [None] * (tables[0].last_column + 1)
    for column in tables[0].columns:
        cells = [r[column.index] for r in grid.rows[first - 1 : last] if column.index < len(r)]
        figures = [c for c in cells if isinstance(c, int | float)]
        if figures and column.type in ("integer", "numeric"):
            row[column.index] = float(sum(figures)) + 0.25
    if not words or sum(c is not None for c in row) < 2:
        return None
    row[words[0]] = "Total"
    return row


def _with_figures(
    grid: Grid, tables: Sequence[TableFinding], other: Callable[[int, int, float], Cell]
) -> Change | None:
    """Other figures; ``other`` makes them of the row and column in the table and of a figure. A last row stays."""
    if any(t.header_rows is None or t.n_rows < 4 for t in tables):
        return None
    rows = [list(row) for row in grid.rows]
    for t in tables:
        columns = [c.index for c in t.columns if c.type in ("integer", "numeric") and c.index != t.columns[0].index]
        for r in range(t.data_rows[0] - 1, t.data_rows[1] - 1):
            for n, c in enumerate(columns):
                if c < len(rows[r]) and isinstance(figure := rows[r][c], float):
                    rows[r][c] = other(r, n, figure)
    return Change(with_rows(grid, rows), [place(t) for t in tables])


def with_revised_figures(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """A letter behind some figures."""
    return _with_figures(grid, tables, lambda r, c, v: f"{v:,.1f} r" if (r + c) % 3 == 1 else v)


def with_suppressed_figures(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """A symbol in place of some figures."""
    return _with_figures(grid, tables, lambda r, c, v: "*" if (r + c) % 4 == 1 else v)


def with_figures_like_years(grid: Grid, tables: Sequence[TableFinding]) -> Change | None:
    """Counts of about 2,000 for all figures."""
    return _with_figures(grid, tables, lambda r, c, v: 1960.0 + 60 * ((r + c) % 2) + (7 * r + 5 * c) % 30)


CHANGES: tuple[Callable[[Grid, Sequence[TableFinding]], Change | None], ...] = (
    moved_right, moved_down, with_logo, with_link, with_particulars, with_symbols_above, with_choices,
    with_parted_title, with_notes_in_two_cells, with_update, with_white_space, with_hidden, without_notes,
    with_notes_at_once, with_total, with_total_apart, with_revised_figures, with_suppressed_figures,
    with_figures_like_years,
)  # fmt: skip
