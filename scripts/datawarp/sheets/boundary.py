"""Where a table's header ends and its body begins: the best-scoring split of rows into text over data.

A row is taken for the last header row when what lies below it is a body: columns of numbers, dates or
markers with a text (or a period of a series) above them, columns of text with a text above that
does not recur below, and a first body row that is like the rest.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

from datawarp.sheets.cells import BLANK, DATE, MARKER, NUMBER, PROSE, TEXT, number_in, one_line
from datawarp.sheets.grid import Cell
from datawarp.sheets.labels import read_label
from datawarp.sheets.remarks import is_footnote
from datawarp.sheets.series import is_scale, is_sequence, may_be_counts
from datawarp.sheets.view import View

SAMPLE_ROWS = 30
LARGEST_GAP = 4  # blank rows that end the sample
ACCEPT = 0.4
MOST_TEXT_ROWS = 4
FEWEST_LETTERS = 5  # of a symbol's meaning
FEWEST_MARKERS = 3  # below a code or a unit that show a column suppressed whole
_KEY = re.compile(r"[^:]{1,40}:")
_MARK = re.compile(r"[\[(]\d{1,2}[\])]")


@dataclass
class Boundary:
    """The last header row ``row`` (view index) and what its columns hold below it.

    ``data`` are the columns of numbers, dates or markers, ``text`` those of labels and codes, ``empty`` those with a
    heading and nothing below it yet, such as months to come. ``top`` is the header's first row where that is known,
    ``words`` say why the boundary lies further down than the first row that would do.
    """

    row: int
    score: float
    data: list[int]
    text: list[int]
    empty: list[int] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    top: int | None = None
    words: list[str] = field(default_factory=list)

    @cached_property
    def columns(self) -> list[int]:
        """All columns with something in them, left to right."""
        return sorted([*self.data, *self.text, *self.empty])


def is_banner(view: View, i: int, columns: Sequence[int]) -> bool:
    """Whether a row is one text merged across the columns: a label of the rows below it, not a heading of figures."""
    merge = view.merge_at(i, columns[0]) if view.kinds[i][columns[0]] in (TEXT, PROSE) else None
    return (
        merge is not None
        and merge.left == columns[0] < merge.right
        and merge.right >= columns[-1]
        and len(view.filled(i, columns[0], columns[-1])) == 1
    )


def head_kind(view: View, i: int, column: int) -> str:
    """The kind of a header cell, a blank cell inside a merged range being that of the range."""
    found = view.kinds[i][column]
    if found == BLANK and (merge := view.merge_at(i, column)):
        top = i - (view.numbers[i] - merge.top)
        if top >= 0 and view.numbers[top] == merge.top and merge.left < view.width:
            return view.kinds[top][merge.left]
    return found


def following_rows(view: View, i: int, stop: int, first: int, last: int, most: int = SAMPLE_ROWS) -> list[int]:
    """The next rows below view row ``i`` that are not blank, up to a wide gap or another table's header."""
    found: list[int] = []
    gap = broken = whole = 0
    for j in range(i + 1, stop):
        if view.blank(j, first, last):
            gap += 1
            broken = 1
            if gap > LARGEST_GAP or (gap == LARGEST_GAP and found):
                break
            continue
        gap = 0
        filled = view.filled(j, first, last)
        if broken and (kept := _kept_before(view, j, found, whole, stop, first, last)):
            return found[:kept]
        if whole and repeats(view, i, j, first, last):
            return found[:whole]
        found.append(j)
        kinds = view.kinds[j][first : last + 1]
        if (NUMBER in kinds or DATE in kinds) and not (broken and len(filled) == 1):  # a year by itself names a block
            whole, broken = len(found), 0
        if len(found) >= most:
            break
    return found


def _kept_before(view: View, j: int, found: list[int], whole: int, stop: int, first: int, last: int) -> int:
    """How many of the rows ``found`` above a gap are the table's, where row ``j`` begins notes or another table.

    ``whole`` counts those up to the last with figures. 0 where the table may go on.
    """
    filled = view.filled(j, first, last)
    texts = _are_texts(view, found, first, last)
    if len(filled) <= 2 and (whole or texts) and is_footnote(one_line(view.value(j, filled[0]))):
        return whole or len(found)
    if len(filled) >= 2 and all(view.kinds[j][c] in (TEXT, PROSE) for c in filled):
        figures = {c for r in found for c in _figures(view, r, first, last)}
        if figures and (not figures.isdisjoint(filled) or figures_elsewhere(view, j, figures, first, last)):
            return whole  # what stands between is the next table's title
    return len(found) if texts and _opens_another(view, j, stop, first, last) else 0


def _are_texts(view: View, found: list[int], first: int, last: int) -> bool:
    """Whether rows are records of a table of texts and dates: two or more, of two or more cells each."""
    return len(found) >= 2 and all(
        len(view.filled(j, first, last)) >= 2 and NUMBER not in view.kinds[j][first : last + 1] for j in found
    )


def _opens_another(view: View, j: int, stop: int, first: int, last: int) -> bool:
    """Whether a row, below a table of texts and a gap, is a title or a header above figures."""
    head = next((k for k in range(j, min(j + LARGEST_GAP, stop)) if len(view.filled(k, first, last)) >= 2), stop)
    kinds = set(view.kinds[head][first : last + 1]) if head < stop else {NUMBER}
    return kinds <= {TEXT, PROSE, BLANK} and figures_elsewhere(view, head, (), first, last)


def _figures(view: View, j: int, first: int, last: int) -> list[int]:
    """The columns of view row ``j`` with a body's figures, not a series of headings; found once for each row."""
    found = view.figures.get((j, first, last))
    if found is None:
        filled = view.filled(j, first, last)
        numbers = [c for c in filled if view.kinds[j][c] in (NUMBER, DATE)]
        labelled = len(filled) == 2 and numbers == filled[1:]
        own = labelled or (len(numbers) >= 2 and not is_sequence([view.value(j, c) for c in numbers]))
        found = view.figures[j, first, last] = numbers if own else []
    return found


def repeats(view: View, i: int, j: int, first: int, last: int) -> bool:
    """Whether view row ``j`` prints the headings of row ``i`` once more."""
    if not _may_repeat(view.kinds[i], view.kinds[j], first, last):
        return False
    heads = view.filled(i, first, last)
    fewest = max(2, 0.6 * len(heads))
    same = len(heads)  # those that are, or may yet prove to be, the same
    for c in heads:
        a, b = view.value(i, c), view.value(j, c)
        if a != b and not ((isinstance(a, str) or isinstance(b, str)) and one_line(a) == one_line(b)):
            same -= 1
            if same < fewest:
                return False
    return same >= fewest


@lru_cache(maxsize=4096)
def _may_repeat(above: str, below: str, first: int, last: int) -> bool:
    """Whether rows of these kinds can print the same: cells of other kinds cannot, and headings have texts."""
    above, below = above[first : last + 1], below[first : last + 1]
    if TEXT not in above and PROSE not in above:
        return False
    alike = sum(map(operator.eq, above, below))
    return bool(alike >= 0.6 * (len(above) - above.count(BLANK)))


def figures_elsewhere(view: View, i: int, figures: Collection[int], first: int, last: int) -> bool:
    """Whether the next row with figures below view row ``i`` has none in the columns ``figures``."""
    for j in range(i + 1, min(i + 5, len(view.rows))):
        numbers = {c for c in view.filled(j, first, last) if view.kinds[j][c] in (NUMBER, DATE)}
        if numbers:
            return not numbers & set(figures)
    return False


def _is_data(kinds: str) -> bool:
    """Whether a column of the sample holds data: numbers, dates, or markers where numbers would be.

    Texts at its top may be more header (codes, units, lower tiers) and count only against this candidate.
    """
    below = kinds[:MOST_TEXT_ROWS].lstrip(TEXT + PROSE) + kinds[MOST_TEXT_ROWS:]
    kinds = below if NUMBER in below or DATE in below else kinds
    data, markers = kinds.count(NUMBER) + kinds.count(DATE), kinds.count(MARKER)
    text = kinds.count(TEXT) + kinds.count(PROSE)
    if data:
        return data + markers > text
    return markers > 0 and (markers > 4 * text or (markers >= FEWEST_MARKERS and kinds == TEXT + MARKER * markers))


def score(view: View, i: int, stop: int, first: int, last: int) -> Boundary | None:
    """How well view row ``i`` serves as the last header row of a table in columns ``first`` to ``last``."""
    sample = following_rows(view, i, stop, first, last)
    if not sample:
        return None
    heads = {c: head_kind(view, i, c) for c in range(first, last + 1)}
    data: list[int] = []
    text: list[int] = []
    empty: list[int] = []
    last = _last_named(view, i, sample, first, last, heads)
    down = list(zip(*[view.kinds[j] for j in sample], strict=True))
    for c in range(first, last + 1):
        kinds = "".join(down[c]).replace(BLANK, "")
        if kinds:
            (data if _is_data(kinds) else text).append(c)
        elif heads[c] != BLANK:
            empty.append(c)
    if not data and not text:
        return None
    columns = sorted([*data, *text])
    banners = [j for j in sample[:6] if is_banner(view, j, columns)] if view.merges else []
    # A row of units or marks over some of the figures is more header, whatever the row above it names.
    unit = sample[0] if len(sample) > 1 and _stands_over(view, sample[0], data, first, last) else None
    total = _data_score(view, i, sample, data, heads, banner=sample[0] in banners or unit is not None)
    total += _text_score(view, i, sample, text, heads)
    total -= _unfinished(view, [j for j in sample[:6] if j not in banners and j != unit], data)
    total -= _over_nothing(view, i, empty, heads)
    # Nested labels (country, region, district) often have one heading or none: they weigh less than columns that do.
    headless = sum(heads[c] == BLANK for c in text)
    weight = len(columns) - 0.5 * max(0, headless - 1)
    if not data and headless == 1 and has_blank_corner(view, i, sample, columns):
        total, weight = total + 0.1, weight - 1
    return Boundary(i, total / weight, data, text, empty, sample)


def has_blank_corner(view: View, i: int, sample: Sequence[int], columns: Sequence[int]) -> bool:
    """Whether a row names three columns or more right of labels without a heading, as of a table of Yes and No."""
    labelled = sum(view.kinds[j][columns[0]] != BLANK for j in sample)
    return len(columns) >= 4 and head_kind(view, i, columns[0]) == BLANK and labelled >= 0.8 * len(sample)


def _over_nothing(view: View, i: int, empty: Sequence[int], heads: dict[int, str]) -> float:
    """The cost of figures above columns without a cell: a last record is no heading, a series of periods to come is."""
    figures = [c for c in empty if heads[c] in (NUMBER, DATE)]
    return 0.8 * len(figures) if figures and not is_sequence([view.value(i, c) for c in figures]) else 0.0


def _stands_over(view: View, i: int, data: Sequence[int], first: int, last: int) -> bool:
    """Whether a row holds nothing but texts over less than half of the figures, and no label."""
    filled = view.filled(i, first, last)
    return 0 < 2 * len(filled) < len(data) and all(c in data and view.kinds[i][c] == TEXT for c in filled)


def _last_named(view: View, i: int, sample: list[int], first: int, last: int, heads: dict[int, str]) -> int:
    """The last column of the table: remarks here and there, right of a closed row of headings, are not of it."""
    named = [c for c in range(first, last + 1) if heads[c] != BLANK]
    if len(named) < 3 or named[-1] - named[0] >= len(named):
        return last
    beside = range(named[-1] + 1, last + 1)
    if any(i > 0 and head_kind(view, i - 1, c) != BLANK for c in beside):
        return last
    filled = max((sum(view.kinds[j][c] != BLANK for j in sample) for c in beside), default=0)
    return named[-1] if 2 * filled < len(sample) else last


def _data_score(
    view: View, i: int, sample: list[int], data: list[int], heads: dict[int, str], *, banner: bool
) -> float:
    marks = {c for c in view.filled(i) if is_mark(view.value(i, c))}
    figures = [view.value(i, c) for c in view.filled(i) if view.kinds[i][c] in (NUMBER, DATE) and c not in marks]
    named = sum(heads[c] in (TEXT, PROSE) for c in data)
    series = is_sequence(figures) or (named > 0 and is_scale(figures) and not _rises(view, sample[0], i))
    series = series or (named >= 2 and named >= len(figures) and _are_rising(figures))
    if series and any(_below_something(view, i, c) for c in data if heads[c] == NUMBER):
        series = not may_be_counts(figures, _same_columns(view, sample[0], i))
    apart = sample[0] > i + 1
    # A lone year or date over numbers is a heading when every other data column has a text.
    alone = len(figures) == 1 and len(data) <= 4 and read_label(figures[0]) is not None
    total = 0.0
    for c in data:
        head = heads[c]
        below = "".join([view.kinds[j][c] for j in sample])
        if head in (TEXT, PROSE):
            total += 1
        elif c in marks:
            total += 0.5
        elif head in (NUMBER, DATE):
            repeats = head == DATE and below.count(DATE) > below.count(NUMBER)
            total += 1 if series and not repeats else 0.5 if alone and not repeats else -1.5
        elif head == MARKER:
            filler = named > 0 and _below_something(view, i, c)  # a dot where a tier has no more to say
            total += 0.8 if one_line(view.value(i, c)).isalpha() else 0.3 if filler else -0.6
        else:
            above = i > 0 and head_kind(view, i - 1, c) in (TEXT, DATE)
            total += 0.3 if above else -0.6 if apart else -0.2  # a title of several cells leaves gaps above a blank row
        if not banner and head_kind(view, sample[0], c) in (TEXT, PROSE):
            total -= 1.2
    return total


def _are_rising(figures: Sequence[Cell]) -> bool:
    """Whether whole numbers rise, as groups between named ones do: least deprived, 2, 3, 4, most deprived."""
    numbers = [n for v in figures if isinstance(n := number_in(v) if isinstance(v, str) else v, int | float)]
    whole = len(numbers) == len(figures) and all(0 <= n <= 120 and float(n).is_integer() for n in numbers)
    return whole and len(numbers) >= 2 and all(a < b for a, b in pairwise(numbers))


def _below_something(view: View, i: int, column: int) -> bool:
    """Whether the row above has a heading or a figure in the same column."""
    return i > 0 and head_kind(view, i - 1, column) != BLANK


def _same_columns(view: View, j: int, i: int) -> list[Cell]:
    """The cells of view row ``j`` where row ``i`` has figures."""
    return [view.value(j, c) for c in view.filled(i) if view.kinds[i][c] == NUMBER]


def is_mark(value: Cell) -> bool:
    """Whether a cell of a header is the number of a note in a cell of its own: ``(1)``, ``[2]``."""
    return isinstance(value, str) and _MARK.fullmatch(value.strip()) is not None


def _rises(view: View, j: int, i: int) -> bool:
    """Whether the figures of view row ``j`` below the scale in row ``i`` rise just like it, as counts may."""
    return is_scale(_same_columns(view, j, i))


def _unfinished(view: View, sample: list[int], data: list[int]) -> float:
    """The cost of rows below that still name columns: texts where figures belong, before any figure."""
    cost = 0.0
    for j in sample:
        kinds = [k for c in data if (k := head_kind(view, j, c)) != BLANK]
        texts = sum(k in (TEXT, PROSE) for k in kinds)
        if kinds and 2 * texts >= len(kinds):
            cost += 0.6 * texts
        elif kinds and not is_sequence([view.value(j, c) for c in data if view.kinds[j][c] in (NUMBER, DATE)]):
            break
    return cost


def _text_score(view: View, i: int, sample: list[int], text: list[int], heads: dict[int, str]) -> float:
    total = 0.0
    # Beyond a blank row another table may begin with the same header.
    near = [j for n, j in enumerate(sample) if j == sample[0] + n]
    for c in text:
        head = heads[c]
        if head == BLANK:
            total += 0.3 if i > 0 and head_kind(view, i - 1, c) == TEXT else -0.1
        elif head in (NUMBER, DATE):
            total -= 0.8
        else:
            printed = one_line(view.value(i, c)).casefold()
            again = printed and any(one_line(view.value(j, c)).casefold() == printed for j in near)
            total += -0.8 if again or is_like_below(view, i, near, c) else 0.5
            if head == PROSE:
                total -= 0.5
    return total


def is_like_below(view: View, i: int, rows: list[int], column: int) -> bool:
    """Whether a cell is a code or number of the same make as those below it, such as Y54 above Y55 and Y56."""
    text = one_line(view.value(i, column))
    below = [one_line(view.value(j, column)) for j in rows if view.kinds[j][column] != BLANK]
    if not below:
        return False
    if len(below) >= 2 and any(t.isdigit() for t in text) and " " in text:  # Domain 1 above Domain 2 and Domain 3
        numbered = re.sub(r"\d+", "9", text)
        return 2 * sum(re.sub(r"\d+", "9", t) == numbered for t in below) >= len(below)
    make = code_make(text)
    return make is not None and sum(code_make(t) == make for t in below) >= 0.8 * len(below)


def code_make(text: str) -> str | None:
    """The make of a code: capitals as A, digits as 9 (``A81001`` is A99999); None for a text that is no code."""
    if len(text) > 16 or " " in text or not (any(t.isdigit() for t in text) and any(t.isupper() for t in text)):
        return None
    return "".join("9" if t.isdigit() else "A" if t.isupper() else t for t in text)


def is_key_and_value(view: View, i: int, first: int, last: int) -> bool:
    """Whether a row is of a preamble: ``Published:`` and what was published when."""
    filled = view.filled(i, first, last)
    return bool(filled) and len(filled) <= 3 and _KEY.fullmatch(one_line(view.value(i, filled[0]))) is not None


def is_symbol_and_meaning(view: View, i: int, columns: Sequence[int]) -> bool:
    """Whether a row is a symbol and its meaning, which may be one that stands for a figure elsewhere: not available."""
    filled = [c for c in columns if view.kinds[i][c] != BLANK]
    if len(filled) != 2 or view.kinds[i][filled[0]] != MARKER:
        return False
    meaning = filled[1]
    in_words = view.kinds[i][meaning] == MARKER and len(one_line(view.value(i, meaning))) >= FEWEST_LETTERS
    return in_words or view.kinds[i][meaning] in (TEXT, PROSE)


def is_of_preamble(view: View, i: int, first: int, last: int) -> bool:
    """Whether a row is a key with its value or a symbol with its meaning, never a row of headings."""
    if is_key_and_value(view, i, first, last):
        return True
    filled = view.filled(i, first, last)
    words = len(filled) == 2 and len(one_line(view.value(i, filled[1]))) >= FEWEST_LETTERS
    return words and is_symbol_and_meaning(view, i, filled)
