"""Grid to tables: finds every table of a sheet, or says why there is none.

The rules in words are in docs/reference/detection.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from datawarp.registry.models import SheetOverride
from datawarp.sheets.account import account_for, count_rows, footnotes_below
from datawarp.sheets.body import Body, find_body
from datawarp.sheets.boundary import SAMPLE_ROWS, Boundary, head_kind, is_like_below
from datawarp.sheets.cells import BLANK, DATE, MARKER, NUMBER, PROSE, TEXT, one_line
from datawarp.sheets.columns import LONG, printed_header, unique_names, unit_of
from datawarp.sheets.finding import ColumnFinding, SheetFinding, TableFinding, WideFinding
from datawarp.sheets.grid import Grid, column_letters
from datawarp.sheets.header_rows import best_boundary, find_boundary
from datawarp.sheets.headers import HeaderBlock, find_header, flatten
from datawarp.sheets.labels import read_label
from datawarp.sheets.override import overridden
from datawarp.sheets.prose import data_tables, why_no_table
from datawarp.sheets.remarks import is_footnote
from datawarp.sheets.series import is_sequence
from datawarp.sheets.titles import title_of
from datawarp.sheets.typing import typed_columns
from datawarp.sheets.view import View, view_of
from datawarp.sheets.wide import find_wide

MOST_TABLES = 200
LONGER = 2  # rows by which a list outlasts the table that it stands beside
_LEGEND = re.compile(r"(?:key|legend|symbols?|notation|conventions?|shorthand)\b.*", re.I)


@dataclass
class Candidate:
    """A table in view rows and 0-based columns, before it is written up."""

    boundary: Boundary
    header: HeaderBlock
    body: Body
    columns: list[int]
    evidence: list[str] = field(default_factory=list)

    @property
    def first_row(self) -> int:
        """The view row that the table begins with."""
        return self.header.first if self.header.rows else self.body.first


def detect(grid: Grid, override: SheetOverride | None = None) -> SheetFinding:
    """What ``grid`` is and which tables it holds; ``override`` is a person's word and wins.

    Rows in the result are 1-based sheet rows. Raises :class:`~datawarp.errors.SheetError` when an
    override names rows or columns that the sheet does not have.
    """
    if grid.sheet_type in ("chart", "dialog", "macro"):
        return SheetFinding(
            "chart" if grid.sheet_type == "chart" else "form", f"a {grid.sheet_type} sheet has no cells"
        )
    view = view_of(grid)
    if override is not None and override.enabled is False:
        return SheetFinding("notes", "left out by the registry")
    if not any(k.strip(BLANK) for k in view.kinds):
        return SheetFinding("empty", "no cell holds anything")
    if override is not None and (override.header_rows or override.data_rows or override.columns):
        candidates = [overridden(view, grid, override)]
    else:
        every = find_candidates(view)
        candidates, reason = data_tables(view, every)
        if not candidates and override and override.enabled:
            candidates = every
        if reason is not None and not candidates:
            return SheetFinding("form" if reason.startswith("a form") else "notes", reason)
        if not candidates:
            return SheetFinding("notes", why_no_table(view))
    tables = [write_up(grid, view, c, candidates, override) for c in candidates]
    return SheetFinding("data", None, tables)


def find_candidates(view: View) -> list[Candidate]:
    """All tables of a sheet in reading order."""
    found: list[Candidate] = []
    _search(view, 0, len(view.rows), 0, view.width - 1, found)
    if not found and (other := without_header(view) or _one_column(view) or _best_guess(view)):
        found.append(other)
    return sorted(found, key=lambda c: (c.first_row, c.columns[0]))


def _one_column(view: View) -> Candidate | None:
    """A heading and figures below it, and nothing else on the sheet."""
    kinds = "".join(view.kinds)
    if view.width != 1 or kinds[:1] != TEXT or not set(kinds[1:]) <= {NUMBER, MARKER} or kinds.count(NUMBER) < 2:
        return None
    boundary = Boundary(0, 1.0, [0], [], [], list(range(1, min(len(kinds), SAMPLE_ROWS))))
    return Candidate(boundary, HeaderBlock([0]), Body(1, len(kinds) - 1, [], "the sheet ends with it"), [0])


def _best_guess(view: View) -> Candidate | None:
    """The table of a sheet of figures where no row is a header beyond doubt, below the row that serves best."""
    boundary = best_boundary(view, 0, len(view.rows), 0, view.width - 1)
    if boundary is None:
        return None
    header = find_header(view, boundary, 0, 0, view.width - 1)
    candidate = _candidate(
        view, boundary, header, find_body(view, boundary, len(view.rows), 0, view.width - 1), view.width - 1
    )
    doubt = f"no row is a header beyond doubt; row {view.numbers[boundary.row] + 1} serves best: have a look"
    candidate.evidence.append(doubt)
    return candidate


def without_header(view: View) -> Candidate | None:
    """A sheet whose first row, below its title at most, is a record like all others: there is no header.

    It has codes of one make as those below, nothing but figures, or figures above the figures of its columns;
    a series of figures would be headings.
    """
    filled = [i for i in range(len(view.rows)) if not view.blank(i)]
    records = [i for i in filled[: _notes_from(view, filled)] if len(view.filled(i)) >= 2]
    if not records or any(view.kinds[i][view.filled(i)[0]] not in (TEXT, PROSE) for i in filled if i < records[0]):
        return None
    first, last = records[0], records[-1]
    rows = [i for i in filled if first <= i <= last]
    columns = [c for c in range(view.width) if view.down[c][first : last + 1].strip(BLANK)]
    if len(rows) < 3 or len(columns) < 2:
        return None
    titled = filled[0] != first
    alike = [] if titled else [c for c in columns if is_like_below(view, first, rows[1:], c)]
    bare = not titled and all(set(view.kinds[i]) <= {NUMBER, DATE, MARKER, BLANK} for i in rows)
    alike = alike or _figures_from_the_top(view, rows, columns)
    usual = [c for c in columns if 2 * sum(view.kinds[i][c] != BLANK for i in rows) >= len(rows)]
    if not (alike or bare) or sum(view.kinds[first][c] != BLANK for c in usual) < max(2, 0.8 * len(usual)):
        return None
    data = [c for c in columns if bare or sum(view.kinds[i][c] in (NUMBER, DATE) for i in rows) > 0.5 * len(rows)]
    boundary = Boundary(first, 0.0, data, [c for c in columns if c not in data], [], rows[:SAMPLE_ROWS])
    why = "the sheet ends with it" if last == filled[-1] else "what follows is notes, not rows of the table"
    like = f"column {column_letters(alike[0])}" if alike else "figures alone"
    record = f"the first row is a record like those below it ({like}): there is no header"
    return Candidate(boundary, HeaderBlock([]), Body(first, last, [], why), columns, [record])


def _notes_from(view: View, rows: list[int]) -> int:
    """How many of the rows stand before the notes: one or two cells below a gap that begin as notes do."""
    for n in range(1, len(rows)):
        filled = view.filled(rows[n])
        if rows[n] - rows[n - 1] > 1 and len(filled) <= 2 and is_footnote(one_line(view.value(rows[n], filled[0]))):
            return n
    return len(rows)


def _figures_from_the_top(view: View, rows: list[int], columns: list[int]) -> list[int]:
    """Columns right of the first whose figures begin in the first row; none where that is a series or heads figures."""
    top, *below = rows
    if is_sequence([view.value(top, c) for c in columns if view.kinds[top][c] in (NUMBER, DATE)]):
        return []
    found = []
    for c in columns[1:]:
        kinds = [view.kinds[i][c] for i in below if view.kinds[i][c] != BLANK]
        if len(kinds) < 2 or kinds.count(NUMBER) < 0.8 * len(kinds):
            continue
        if view.kinds[top][c] in (TEXT, PROSE):
            return []  # a heading of figures
        if view.kinds[top][c] == NUMBER:
            found.append(c)
    return found


def _search(view: View, start: int, stop: int, first: int, last: int, found: list[Candidate]) -> None:
    apart = _standing_apart(view, start, stop, first, last)
    for left, right in apart:
        _search(view, start, stop, left, right, found)
    while not apart and start < stop and len(found) < MOST_TABLES:
        boundary = find_boundary(view, start, stop, first, last)
        if boundary is None:
            return
        header = find_header(view, boundary, start, first, last)
        body = find_body(view, boundary, stop, first, last)
        blocks = side_by_side(view, boundary, header, body)
        if len(blocks) > 1:
            ends = []
            edges = [first, *[b[0] for b in blocks[1:]], last + 1]
            for left, right in pairwise(edges):
                count = len(found)
                _search_one(view, start, stop, left, right - 1, found)
                ends += [c.body.last for c in found[count:]]
            start = max([*ends, body.last]) + 1
            continue
        found.append(_candidate(view, boundary, header, body, last))
        start = body.last + 1


def _standing_apart(view: View, start: int, stop: int, first: int, last: int) -> list[tuple[int, int]]:
    """Blocks of columns apart by columns blank all the way down, when each holds a table of its own."""
    used = {c for c in range(first, last + 1) if view.down[c][start:stop].strip(BLANK)}
    if view.covered:
        near = range(start, min(stop, start + 60))
        used.update(c for c in range(first, last + 1) if c not in used and any(_spanned(view, i, c) for i in near))
    blocks: list[tuple[int, int]] = []
    for c in sorted(used):
        if blocks and c == blocks[-1][1] + 1:
            blocks[-1] = (blocks[-1][0], c)
        else:
            blocks.append((c, c))
    if len(blocks) < 2 or any(left == right for left, right in blocks):
        return []
    heading: str | None = None
    for left, right in blocks:
        boundary = find_boundary(view, start, stop, left, right)
        if boundary is None:
            return []
        if heading is None:
            heading = one_line(view.value(boundary.row, boundary.columns[0]))
        if not _stands_alone(view, boundary.columns, boundary, heading):
            return []
    return blocks


def _search_one(view: View, start: int, stop: int, first: int, last: int, found: list[Candidate]) -> None:
    """The first table within some columns; those below it are found with the whole width again."""
    boundary = find_boundary(view, start, stop, first, last)
    if boundary is None:
        return
    header = find_header(view, boundary, start, first, last)
    found.append(_candidate(view, boundary, header, find_body(view, boundary, stop, first, last), last))


def _candidate(view: View, boundary: Boundary, header: HeaderBlock, body: Body, last: int) -> Candidate:
    columns, stray = table_columns(view, boundary, header, body, last)
    evidence = []
    if stray:
        letters = ", ".join(column_letters(c) for c in stray)
        evidence.append(f"columns {letters} hold remarks beside the table and have no header: left out")
    return Candidate(boundary, header, body, columns, evidence)


def table_columns(
    view: View, boundary: Boundary, header: HeaderBlock, body: Body, last: int
) -> tuple[list[int], list[int]]:
    """The columns with a header or any value, and those that only hold stray remarks."""
    rows = range(body.first, body.last + 1)
    columns: list[int] = []
    counts: dict[int, int] = {}
    for c in range(boundary.columns[0], last + 1):
        headed = any(view.kinds[i][c] != BLANK and (i, c) not in header.titles for i in header.rows)
        counts[c] = len(rows) - view.down[c].count(BLANK, rows.start, rows.stop)
        if headed or counts[c]:
            columns.append(c)
    named = [c for c in columns if any(head_kind(view, i, c) != BLANK for i in header.rows)]
    legend = min(_before_legend(view, boundary, columns, rows), _before_list(view, boundary, columns, rows))
    limit = min(max(named, default=columns[-1]), legend)
    stray = []
    for c in columns:
        if c > limit and (c > legend or c > boundary.columns[-1] or counts[c] <= max(1, 0.1 * len(rows))):
            stray.append(c)
    return [c for c in columns if c not in stray], stray


def _before_legend(view: View, boundary: Boundary, columns: list[int], rows: range) -> int:
    """The last column before a key behind a gap: a few rows of a symbol and its meaning."""
    gaps = [n for n in range(1, len(columns)) if columns[n] - columns[n - 1] > 1]
    if not gaps or len(columns) - gaps[-1] > 2:
        return columns[-1]
    block = columns[gaps[-1] :]
    filled = [[view.kinds[i][c] for c in block if view.kinds[i][c] != BLANK] for i in rows]
    used = [kinds for kinds in filled if kinds]
    symbols = sum(len(kinds) == 2 and kinds[0] == MARKER and kinds[1] in (TEXT, PROSE, MARKER) for kinds in used)
    few = 2 * len(used) <= len(filled) and used == filled[: len(used)]
    named = _LEGEND.fullmatch(one_line(view.value(boundary.row, block[0])).strip(" :")) is not None
    legend = len(block) == 2 and used and symbols >= 0.6 * len(used) and (named or few)
    return columns[gaps[-1] - 1] if legend else columns[-1]


def _before_list(view: View, boundary: Boundary, columns: list[int], rows: range) -> int:
    """The last column before a list: behind a gap, alone, of codes from the header on, or longer than the body."""
    if len(columns) < 3 or columns[-1] - columns[-2] < 2:
        return columns[-1]
    below = range(rows.stop, min(rows.stop + LONGER, len(view.rows)))
    longer = len(below) == LONGER and all(view.filled(i, columns[0], columns[-1]) == columns[-1:] for i in below)
    return columns[-2] if longer or is_like_below(view, boundary.row, boundary.sample, columns[-1]) else columns[-1]


def side_by_side(view: View, boundary: Boundary, header: HeaderBlock, body: Body) -> list[tuple[int, int]]:
    """The blocks of columns that are tables of their own, cut at blank columns.

    A block stands alone when it has labels of its own at its left and data beside them; a blank
    column before more data of the same rows is a spacer.
    """
    rows = range(header.first, body.last + 1)
    reach = range(boundary.columns[0], boundary.columns[-1] + 1)
    used = [c for c in reach if any(view.kinds[i][c] != BLANK or _spanned(view, i, c) for i in rows)]
    blocks: list[list[int]] = [[used[0]]]
    for c in used[1:]:
        if c - blocks[-1][-1] > 1:
            blocks.append([c])
        else:
            blocks[-1].append(c)
    heading = one_line(view.value(boundary.row, used[0]))
    whole: list[list[int]] = []
    labels: list[int] = []  # a column of labels apart from the figures to its right
    for block in blocks:
        if whole and len(block) == 1 and block[0] in boundary.text and block is not blocks[-1]:
            labels = [*labels, *block]
        elif whole and not _stands_alone(view, [*labels, *block], boundary, heading):
            whole[-1] += [*labels, *block]
            labels = []
        else:
            whole.append([*labels, *block])
            labels = []
    if len(whole) > 1 and not _stands_alone(view, whole[0], boundary, heading):
        whole[1] = whole[0] + whole[1]
        del whole[0]
    return [(b[0], b[-1]) for b in whole]


def _spanned(view: View, i: int, column: int) -> bool:
    """Whether a cell lies in a range merged across columns that stands for one heading."""
    merge = view.merge_at(i, column)
    return merge is not None and merge.left < column and head_kind(view, i, column) != BLANK


def _stands_alone(view: View, block: list[int], boundary: Boundary, first_heading: str) -> bool:
    """Whether a block begins with labels of its own and goes on with figures."""
    if len(block) < 2 or not any(c in boundary.data for c in block[1:]):
        return False
    if block[0] in boundary.text:
        return True
    if first_heading and one_line(view.value(boundary.row, block[0])) == first_heading:
        return True
    periods = [read_label(view.value(j, block[0])) for j in boundary.sample if view.kinds[j][block[0]] != BLANK]
    known = [period.order for period in periods if period]
    return len(known) == len(periods) and known in (sorted(set(known)), sorted(set(known), reverse=True))


def write_up(
    grid: Grid, view: View, candidate: Candidate, others: list[Candidate], override: SheetOverride | None
) -> TableFinding:
    """A candidate as a finding: sheet rows, names, types, periods, account, evidence."""
    header, body, columns = candidate.header, candidate.body, candidate.columns
    parts = flatten(view, header, columns) if header.rows else {c: [] for c in columns}
    run = None
    if header.rows and not (override and override.wide is False):
        run = find_wide(view, header, parts, columns, candidate.boundary.data)
    names = unique_names([(parts[c], column_letters(c)) for c in columns], LONG if run else ())
    findings = [
        ColumnFinding(c, column_letters(c), printed_header(parts[c]), name, unit=unit_of(printed_header(parts[c])))
        for c, name in zip(columns, names, strict=True)
    ]
    first, last = view.numbers[body.first] + 1, view.numbers[body.last] + 1
    head = (view.numbers[header.first] + 1, view.numbers[header.last] + 1) if header.rows else None
    table = TableFinding(head, (first, last), columns[0], columns[-1], 0, findings)
    table.n_rows = count_rows(grid, view, table)
    table.title = title_of(view, candidate, others)
    table.evidence = evidence_of(view, candidate)
    if run is not None:
        table.wide_periods = WideFinding([column_letters(c) for c in run.columns])
        table.evidence.append(run.evidence)
        for c, period, label in zip(run.columns, run.periods, run.labels, strict=True):
            finding = next(f for f in findings if f.index == c)
            finding.period, finding.period_label = period.canonical, label
    table.footnote_rows = footnotes_below(view, candidate.body, others)
    typed_columns(grid, table, dict(override.types) if override else {})
    account_for(grid, view, table, candidate, others)
    return table


def evidence_of(view: View, candidate: Candidate) -> list[str]:
    """Why this is the header and why the body ends here, in words."""
    boundary, header, body = candidate.boundary, candidate.header, candidate.body
    number = {i: view.numbers[i] + 1 for i in range(len(view.rows))}
    words = []
    if header.rows:
        below = f"{len(boundary.data)} columns of figures" if boundary.data else "columns of text"
        words.append(
            f"row {number[header.last]} is the last header row: it names {below} and {len(boundary.text)} of text below"
        )
    if len(header.rows) > 1:
        words.append(f"rows {number[header.first]} to {number[header.last]} are tiers of one header")
    if header.titles:
        cells = ", ".join(f"{column_letters(c)}{number[i]}" for i, c in sorted(header.titles))
        words.append(f"the text in {cells} is a title beside headings, not one of them")
    words += boundary.words
    words.append(f"the body ends at row {number[body.last]}: {body.why}")
    if body.label_rows:
        words.append(f"{len(body.label_rows)} rows of the body carry a label and no figures")
    return words + header.evidence + candidate.evidence
