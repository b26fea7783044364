"""The tiers of a header block and the flattened header of every column.

A tier above the last header row is a row of headings that span columns below them: merged, or written
once at the left of their group and filled to the right by eye.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from datawarp.sheets.attributes import attributes_in_words
from datawarp.sheets.boundary import Boundary, head_kind, is_of_preamble
from datawarp.sheets.cells import BLANK, DATE, NUMBER, PROSE, TEXT, one_line
from datawarp.sheets.series import is_scale, is_sequence
from datawarp.sheets.view import View

MOST_TIERS = 6
_TITLE = re.compile(
    r"(?:table|figure|chart|worksheet|annex|part|section|title|period|source|return\s+to|back\s+to|contents)\b", re.I
)
_UNIT = r"(?:numbers?|per\s?cent(?:ages?)?|percentages?|%|rates?|counts?)"
_UNIT_LINE = re.compile(
    rf"[(]?(?:{_UNIT}(?:\s*(?:and|or|&|,|/)\s*{_UNIT})*|(?:thousand|million|billion)s?\b.*|index\b.*"
    r"|£\s?(?:thousands?|millions?|billions?|m|bn|000s?)?)[)]?",
    re.I,
)
TITLE_LENGTH = 40


@dataclass
class HeaderBlock:
    """The header rows (view indices, top down) and the cells in them that belong to the title."""

    rows: list[int]
    titles: set[tuple[int, int]] = field(default_factory=set)
    evidence: list[str] = field(default_factory=list)

    @property
    def first(self) -> int:
        return self.rows[0]

    @property
    def last(self) -> int:
        return self.rows[-1]


def find_header(view: View, found: Boundary, start: int, first: int, last: int) -> HeaderBlock:
    """The header block that ends at the boundary; it begins at ``start`` at the earliest."""
    if found.top is not None:
        rows = list(range(found.top, found.row + 1))
        return HeaderBlock(rows, evidence=[attributes_in_words(view, rows)])
    block = HeaderBlock([found.row])
    passed: list[int] = []  # rows that hold nothing of their own below the next tier up
    blanks = 0
    i = found.row - 1
    while i >= start and len(block.rows) < MOST_TIERS:
        if view.blank(i, first, last):
            blanks += not any(head_kind(view, i, c) != BLANK for c in found.columns)
            if blanks > 1:
                break
            passed.insert(0, i)
            i -= 1
            continue
        titles = _title_cells(view, i, found)
        if not _is_tier(view, i, found, titles, first, last, strict=blanks > 0):
            break
        block.rows[:0] = [i, *passed]
        block.titles |= titles
        blanks, passed = 0, []
        i -= 1
    block.rows += _standing_below(view, found, block)
    return block


def _standing_below(view: View, found: Boundary, block: HeaderBlock) -> list[int]:
    """Blank rows below the last header row that its merged cells reach down over."""
    bottom = view.numbers[found.row]
    for i in block.rows:
        for c in view.filled(i, found.columns[0], found.columns[-1]):
            merge = view.merge_at(i, c)
            if merge is not None and merge.bottom - merge.top < MOST_TIERS:
                bottom = max(bottom, merge.bottom)
    rows = range(found.row + 1, min(found.row + 1 + bottom - view.numbers[found.row], len(view.rows)))
    return [i for i in rows if view.blank(i, found.columns[0], found.columns[-1])] if rows else []


def _title_cells(view: View, i: int, found: Boundary) -> set[tuple[int, int]]:
    """A title that shares its row with headings: at the left, above columns that are named below."""
    filled = view.filled(i, found.columns[0] if found.columns[0] < view.width else 0)
    if not filled or filled[0] != found.columns[0] or view.merge_at(i, filled[0]):
        return set()
    cell = filled[0]
    text = one_line(view.value(i, cell))
    named_below = all(head_kind(view, found.row, c) != BLANK for c in found.columns if c <= cell + 1)
    if not named_below or found.row == i:
        return set()
    following = filled[1] if len(filled) > 1 else view.width
    reaches_figures = bool(found.data) and following > found.data[0] > cell
    if following - cell >= 2 and (reaches_figures or len(text) > TITLE_LENGTH or _TITLE.match(text)):
        return {(i, cell)}
    return set()


def _is_tier(
    view: View,
    i: int,
    found: Boundary,
    titles: set[tuple[int, int]],
    first: int,
    last: int,
    *,
    strict: bool,
) -> bool:
    """Whether view row ``i`` names groups of the columns below it."""
    filled = [c for c in view.filled(i, first, last) if (i, c) not in titles]
    covered = [c for c in found.columns if (i, c) not in titles and head_kind(view, i, c) != BLANK]
    if not filled or not covered or is_of_preamble(view, i, first, last):
        return False
    kinds = [view.kinds[i][c] for c in filled]
    figures = [view.value(i, c) for c in filled if view.kinds[i][c] in (NUMBER, DATE)]
    # One date beside texts names a column; a wording over several rows may break at its figure: Rate per | 100,000.
    lone = len(figures) == 1 and len(filled) > 1
    wording = lone and isinstance(figures[0], str) and kinds.count(TEXT) >= 2
    spans = [m for c in filled if (m := view.merge_at(i, c)) and m.right > m.left]
    # A figure merged over several columns is the heading of a group: weeks 11 and 12.
    merged = all((m := view.merge_at(i, c)) and m.right > m.left for c in filled if view.kinds[i][c] in (NUMBER, DATE))
    # A number above each date counts the weeks or days that the dates end.
    below = view.kinds[i + 1] if i + 1 < len(view.kinds) else ""
    counts = bool(figures) and all(below[c] == DATE for c in filled if view.kinds[i][c] == NUMBER) and DATE not in kinds
    if figures and not (
        is_sequence(figures) or is_scale(figures) or merged or counts or (lone and DATE in kinds) or wording
    ):
        return False
    stands = [m for c in filled if (m := view.merge_at(i, c)) and m.bottom > m.top]
    if len(filled) == 1 and filled[0] == found.columns[0] and not stands:
        return False  # a title or the name of a block
    if all(k == PROSE for k in kinds) and not spans and not stands:
        return False
    over_data = [c for c in filled if c in found.data] or [c for c in covered if c in found.data]
    wide_title = [m for m in spans if m.left <= found.columns[0] and m.right >= found.columns[-1]]
    if wide_title and len(filled) == 1:
        return False
    right = [c for c in filled if c != found.columns[0]]
    units = len(right) == 1 and _UNIT_LINE.fullmatch(one_line(view.value(i, right[0]))) is not None
    if units and len(found.data) > 1 and right[0] > found.data[0] and not stands and not spans:
        return False  # Percentages, above the figures at the right: the unit of the whole table
    if spans or stands:
        return bool(over_data) or len(covered) >= 2
    if strict and filled[0] == found.columns[0]:
        return False  # a line of several texts that begins at the left, above a blank row: of the title
    if len(filled) == 1:
        return not strict and _fills(view, filled[0], found) >= 2 and filled[0] in found.data
    return len(over_data) >= (2 if strict else 1)


def _fills(view: View, column: int, found: Boundary) -> int:
    """How many columns a heading at ``column`` covers when filled to the right up to a blank column."""
    count = 0
    for c in range(column, found.columns[-1] + 1):
        if head_kind(view, found.row, c) == BLANK and c not in found.columns:
            break
        count += 1
    return count


def flatten(view: View, block: HeaderBlock, columns: list[int]) -> dict[int, list[str]]:
    """The header of every column as its tiers, top down, blanks and repetitions left out."""
    parts: dict[int, list[str]] = {c: [] for c in columns}
    tiers = [i for i in block.rows if any(head_kind(view, i, c) != BLANK for c in columns)]
    groups: dict[int, int] = {}  # column → which group of the tier above it belongs to
    for n, i in enumerate(tiers):
        texts, origin = _tier_texts(view, i, block, columns, groups, leaf=n == len(tiers) - 1)
        for c in columns:
            text = texts.get(c, "")
            if text and (not parts[c] or parts[c][-1].casefold() != text.casefold()):
                parts[c].append(text)
        groups = {c: origin.get(c, groups.get(c, -1)) for c in columns}
    return parts


def _tier_texts(
    view: View, i: int, block: HeaderBlock, columns: list[int], groups: dict[int, int], *, leaf: bool
) -> tuple[dict[int, str], dict[int, int]]:
    texts: dict[int, str] = {}
    origin: dict[int, int] = {}
    for c in columns:
        text, left = _own_text(view, i, c, block)
        if text:
            texts[c], origin[c] = text, left
    if leaf:
        return texts, origin
    _fill_right(view, i, block, columns, groups, texts, origin)
    return texts, origin


def _own_text(view: View, i: int, column: int, block: HeaderBlock) -> tuple[str, int]:
    """The text of a header cell, or of the merged range that covers it, and the column it stands in."""
    if (i, column) in block.titles:
        return "", -1
    merge = view.merge_at(i, column)
    if merge is None or view.kinds[i][column] != BLANK:
        return one_line(view.value(i, column)), column
    top = i - (view.numbers[i] - merge.top)
    if top < 0 or view.numbers[top] != merge.top or (top, merge.left) in block.titles:
        return "", -1
    return one_line(view.value(top, merge.left)), merge.left


def _fill_right(
    view: View,
    i: int,
    block: HeaderBlock,
    columns: list[int],
    groups: dict[int, int],
    texts: dict[int, str],
    origin: dict[int, int],
) -> None:
    """Carry each heading over the blank cells to its right: within its own group, never over a blank column."""
    before: int | None = None
    for c in columns:
        if c in texts:
            # A merged heading covers exactly its range.
            merge = view.merge_at(i, c)
            spans = merge is not None and merge.right > merge.left
            before = c if (i, c) not in block.titles and not spans else None
            continue
        if before is None:
            continue
        gap = any(x not in columns for x in range(before + 1, c))
        below = [r for r in block.rows if r > i]
        named = any(view.kinds[r][c] != BLANK for r in below)
        if gap or not named or groups.get(c, -1) != groups.get(before, -1) or (i, c) in block.titles:
            before = None
            continue
        # A heading with nothing below it is a column's own name and spans nothing.
        if not any(view.kinds[r][before] != BLANK for r in below):
            before = None
            continue
        texts[c], origin[c] = texts[before], origin[before]
        before = c
