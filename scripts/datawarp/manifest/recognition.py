"""What a draft keeps of a table so that its next release can be recognised: the lines above it, a few values."""

from __future__ import annotations

from collections.abc import Sequence

from datawarp.sheets.cells import one_line
from datawarp.sheets.finding import ColumnFinding, TableFinding
from datawarp.sheets.grid import Grid

MOST_LINES, LONGEST_LINE = 12, 300
MOST_SAMPLES, LONGEST_SAMPLE, ROWS_LOOKED_AT = 6, 40, 200


def lines_above(grid: Grid, table: TableFinding, others: Sequence[TableFinding]) -> list[str]:
    """The lines printed between ``table`` and what lies above it, top down, cells joined by a blank.

    Lines beside another table of the sheet belong to that one. Of very many lines the first and last count.
    """
    top = (table.header_rows or table.data_rows)[0]
    ends = [t.data_rows[1] for t in others if t is not table and t.data_rows[1] < top]
    lines = []
    for row in grid.rows[max(ends, default=0) : top - 1]:
        cells = list(dict.fromkeys(text for cell in row if (text := one_line(cell))))
        if cells:
            lines.append(" ".join(cells)[:LONGEST_LINE])
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES // 2], *lines[-MOST_LINES // 2 :]]


def samples(grid: Grid, table: TableFinding, column: ColumnFinding) -> list[str]:
    """The first distinct texts of a text column, such as codes and names; none for other columns."""
    if column.type != "text" or column.period is not None:
        return []
    first, last = table.data_rows
    found: dict[str, None] = {}
    for cell in grid.column(column.index, first, min(last, first - 1 + ROWS_LOOKED_AT)):
        if text := one_line(cell):
            found[text[:LONGEST_SAMPLE]] = None
        if len(found) == MOST_SAMPLES:
            break
    return list(found)
