"""The part of a grid that detection looks at: all of a small sheet, a telling sample of a large one.

A table of a million rows is one header, one body and one end; what matters is where rows change. So of a
large sheet the first and last rows are looked at, and every row whose fill differs from the usual with
its neighbours; the rows left out are full body rows between rows of the same profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from datawarp.sheets.cells import BLANK, column_kinds
from datawarp.sheets.grid import Cell, Grid, Merge

WHOLE = 1500  # sheets up to this many rows are looked at whole
HEAD, TAIL, AROUND = 400, 200, 6
MOST_UNUSUAL = 4000
LARGEST_MERGE = 20_000


@dataclass
class View:
    """Rows of a grid with the kinds of their cells.

    ``numbers[i]`` is the 0-based sheet row of ``rows[i]``; ``kinds[i]`` has one letter per cell, all of
    the same ``width``; ``down[c]`` has the kinds of column ``c`` and ``cells[c]`` its cells, top down. ``covered``
    maps a blank cell (0-based sheet row and column) inside a merged range to the range. Rows of the same kinds
    share one string, so that what follows from kinds alone is found once. ``figures`` keeps what the search for a
    boundary has found of a row, since it looks at each many times.
    """

    numbers: list[int]
    rows: list[Sequence[Cell]]
    kinds: list[str]
    down: list[str]
    cells: list[tuple[Cell, ...]]
    width: int
    n_rows: int
    covered: dict[tuple[int, int], Merge] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    complete: bool = True
    figures: dict[tuple[int, int, int], list[int]] = field(default_factory=dict, repr=False)
    _filled: dict[tuple[str, int, int | None], list[int]] = field(default_factory=dict, repr=False)

    def value(self, i: int, column: int) -> Cell:
        """The cell in view row ``i``, None beyond the row's end."""
        row = self.rows[i]
        return row[column] if column < len(row) else None

    def blank(self, i: int, first: int = 0, last: int | None = None) -> bool:
        """Whether view row ``i`` is blank between two columns (inclusive)."""
        part = self.kinds[i][first : self.width if last is None else last + 1]
        return part.count(BLANK) == len(part)

    def filled(self, i: int, first: int = 0, last: int | None = None) -> list[int]:
        """The columns of view row ``i`` that hold something; not to be changed."""
        kinds = self.kinds[i]
        found = self._filled.get((kinds, first, last))
        if found is None:
            end = self.width if last is None else last + 1
            found = [c for c in range(first, min(end, len(kinds))) if kinds[c] != BLANK]
            self._filled[kinds, first, last] = found
        return found

    def merge_at(self, i: int, column: int) -> Merge | None:
        """The merged range that covers a cell of view row ``i``."""
        return self.covered.get((self.numbers[i], column))


def _telling_rows(fills: list[int]) -> list[int]:
    """Numbers of the rows of a large sheet that detection looks at, told from how many cells of each are filled."""
    usual = Counter(fills).most_common(1)[0][0]
    for limit in (0.5 * usual, 2, 0):
        unusual = [i for i, fill in enumerate(fills) if fill <= limit]
        if len(unusual) <= MOST_UNUSUAL:
            break
    else:
        unusual = unusual[:MOST_UNUSUAL]
    chosen = set(range(min(HEAD, len(fills)))) | set(range(max(0, len(fills) - TAIL), len(fills)))
    for i in unusual:
        chosen.update(range(max(0, i - AROUND), min(len(fills), i + AROUND + 1)))
    return sorted(chosen)


def _fills(grid: Grid) -> list[int]:
    """How many cells of each row hold anything."""
    return grid.packed.fills() if grid.packed is not None else [len(row) - row.count(None) for row in grid.rows]


def view_of(grid: Grid) -> View:
    """The view of a grid; of a sample grid, its head and its tail."""
    if grid.complete:
        numbers = list(range(len(grid.rows))) if len(grid.rows) <= WHOLE else _telling_rows(_fills(grid))
        rows: list[Sequence[Cell]] = list(grid.packed.pick(numbers)) if grid.packed else [grid.rows[i] for i in numbers]
    else:
        head, tail = grid.rows[:HEAD], grid.tail[-TAIL:]
        tail = tail[max(0, len(head) + len(tail) - grid.n_rows) :]  # of a short file the tail begins within the head
        numbers = [*range(len(head)), *range(grid.n_rows - len(tail), grid.n_rows)]
        rows = [*head, *tail]
    cells = list(zip_longest(*rows))
    down = list(map(column_kinds, cells))
    while down and not down[-1].strip(BLANK):
        down.pop()
    width = len(down)
    shared: dict[str, str] = {}
    kinds = [shared.setdefault(k, k) for k in map("".join, zip(*down, strict=True))] or [""] * len(rows)
    covered = {}
    seen = set(numbers)
    for merge in grid.merges:
        right = min(merge.right, width - 1)
        if (merge.bottom - merge.top + 1) * (right - merge.left + 1) > LARGEST_MERGE:
            continue
        for r in range(merge.top, merge.bottom + 1):
            if r in seen:
                for c in range(merge.left, right + 1):
                    covered[r, c] = merge
    return View(numbers, rows, kinds, down, cells, width, grid.n_rows, covered, list(grid.merges), grid.complete)
