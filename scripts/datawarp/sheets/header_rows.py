"""Which row is the last of the header: the first that serves as one, and the rows below it that still name columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

from datawarp.sheets.attributes import attribute_block
from datawarp.sheets.boundary import ACCEPT, LARGEST_GAP, Boundary, has_blank_corner, head_kind, is_of_preamble, score
from datawarp.sheets.cells import BLANK, DATE, MARKER, NUMBER, PROSE, TEXT, number_in, one_line
from datawarp.sheets.grid import Cell
from datawarp.sheets.labels import TIME_WORD, is_time_word, read_label
from datawarp.sheets.series import is_long_sequence, is_scale, is_sequence
from datawarp.sheets.view import View

GUESS = 0.1  # the least score of a header where none is beyond doubt
FEWEST_GUESSED = 3  # rows with figures that make a guess worth while
MOST_PARTICULARS = 8  # rows of keys and values above a table
FEWEST_OF_REGISTER = 7  # columns that may stand with a column of figures unnamed
BEYOND_DOUBT = 0.8  # the score of a row that names nearly every column
FAR = 60  # rows from the top that it is looked for in
_LETTER = re.compile(r"[\[(]([a-z]|\d{1,2})[\])]", re.I)
# What a label of labels is.
_AXIS = re.compile(
    r"(?:geo(?:graphy|graphical\s+area)?|countr(?:y|ies)|regions?|areas?|local\s+authorit(?:y|ies)|districts?|wards?|(?:health\s+)?boards?"
    r"|trusts?|organisations?|providers?|hospitals?|practices?|ages?(?:\s+(?:groups?|bands?))?|sex|gender|codes?|names?|categor(?:y|ies)"
    rf"|{TIME_WORD.pattern})(?:\s*\((?:labels?|codes?)\))?", re.I
)  # fmt: skip


def find_boundary(view: View, start: int, stop: int, first: int, last: int) -> Boundary | None:
    """The first row from ``start`` on that is the last header row of a table, or None."""
    for i in range(start, stop):
        found = _candidate(view, i, stop, first, last)
        if found is not None:
            series = attribute_block(view, start, stop, first, last)
            if series is not None and series.top is not None and series.top <= i <= series.row:
                return series
            return _extended(view, found, stop, first, last)
    return attribute_block(view, start, stop, first, last)


def best_boundary(view: View, start: int, stop: int, first: int, last: int) -> Boundary | None:
    """The row that serves best as a header of figures where none serves well, or None where there are hardly any."""
    best: Boundary | None = None
    for i in range(start, min(stop, start + FAR)):
        texts = [c for c in view.filled(i, first, last) if view.kinds[i][c] == TEXT]
        if len(texts) < 2 or is_of_preamble(view, i, first, last):
            continue
        found = score(view, i, stop, first, last)
        if found is None or found.score < GUESS or len(found.data) < 2 or not set(texts) & set(found.data):
            continue
        rows = [j for j in found.sample if sum(view.kinds[j][c] == NUMBER for c in found.data) >= 2]
        if len(rows) >= FEWEST_GUESSED and (best is None or found.score > best.score):
            best = found
    return best


def _candidate(view: View, i: int, stop: int, first: int, last: int) -> Boundary | None:
    filled = view.filled(i, first, last)
    if not filled or (is_of_preamble(view, i, first, last) and not _heads_figures(view, i, stop, first, last)):
        return None
    if len(filled) == 2 and _is_particular(view, i, stop, first, last):
        return None
    prose = [c for c in filled if view.kinds[i][c] == PROSE]
    wordy = 2 * len(prose) > len(filled)
    if wordy and len(filled) == 1:
        return None
    found = score(view, i, stop, first, last)
    if found is None or len(found.columns) < 2 or found.score < ACCEPT:
        return None
    if wordy and not set(prose) <= {*found.data, *found.empty}:
        return None  # questions and definitions of indicators stand above figures; other sentences are to be read
    if len(filled) == 1 and (filled[0] == found.columns[0] or not found.data):
        return None
    if any(head_kind(view, i, c) != BLANK for c in found.data):
        return found
    headed = sum(head_kind(view, i, c) != BLANK for c in found.columns)
    if found.data:  # a register may have figures without a heading
        return found if len(found.columns) >= FEWEST_OF_REGISTER and headed >= 0.8 * len(found.columns) else None
    whole = headed == len(found.columns) - 1 and has_blank_corner(view, i, found.sample, found.columns)
    return found if whole or headed >= 0.8 * len(found.columns) else None


def _heads_figures(view: View, i: int, stop: int, first: int, last: int) -> bool:
    """Whether a row that begins like a key (``Region:``) names the columns of figures directly below it, each one."""
    filled = view.filled(i, first, last)
    if len(filled) < 3 or i + 1 >= stop or view.filled(i + 1, first, last) != filled:
        return False
    return all(view.kinds[i + 1][c] == NUMBER for c in filled[1:])


def _is_particular(view: View, i: int, stop: int, first: int, last: int) -> bool:
    """Whether a row is one of a few keys with their values, mostly words, that stand apart above rows of figures."""
    key, value = view.filled(i, first, last)
    block = [i]
    for step in (-1, 1):
        j = i + step
        while 0 <= j < stop and view.filled(j, first, last) == [key, value] and len(block) <= MOST_PARTICULARS:
            block.append(j)
            j += step
    end = max(block) + 1
    if not 2 <= len(block) <= MOST_PARTICULARS or end >= stop or len(view.filled(end, first, last)) > 1:
        return False
    values = [view.kinds[j][value] for j in block]
    if any(view.kinds[j][key] not in (TEXT, MARKER) for j in block) or values.count(TEXT) < 2:
        return False
    counts = sum(view.kinds[j][value] == NUMBER and not read_label(view.value(j, value)) for j in block)
    below = range(end, min(end + FAR, stop))
    return counts < values.count(TEXT) and any(
        NUMBER in view.kinds[j][first : last + 1] and len(view.filled(j, first, last)) > 1 for j in below
    )


def _extended(view: View, found: Boundary, stop: int, first: int, last: int) -> Boundary:
    """The boundary moved down over rows that still name columns: codes, units, dates below week numbers."""
    while found.data and found.row + 1 < stop:
        lower = _lower(view, found, stop, first, last) or _below_another(view, found, stop, first, last)
        lower = lower or _beyond_a_gap(view, found, stop, first, last)
        if lower is None:
            return found
        found = lower
    return found


def _lower(view: View, found: Boundary, stop: int, first: int, last: int) -> Boundary | None:
    """The boundary at the next row, where that still names columns."""
    lower = score(view, found.row + 1, stop, first, last)
    says = _still_names(view, found, lower) if lower is not None and lower.data else None
    if lower is None or says is None:
        return None
    lower.words = [*found.words, f"row {view.numbers[lower.row] + 1} {says}: it is of the header"]
    return lower


def _below_another(view: View, found: Boundary, stop: int, first: int, last: int) -> Boundary | None:
    """The boundary two rows down, where both rows still name columns, the first a series: years, then codes."""
    i = found.row + 1
    filled = view.filled(i, found.columns[0], found.columns[-1])
    if i + 1 >= stop or 2 * len(filled) < len(found.data) or not set(filled) <= set(found.data):
        return None
    figures = [view.value(i, c) for c in filled]
    if not (is_sequence(figures) or is_scale(figures)) or view.blank(i + 1, first, last):
        return None
    lower = _lower(view, replace(found, row=i), stop, first, last)
    if lower is not None and lower.score < ACCEPT:
        return None
    return lower


def _beyond_a_gap(view: View, found: Boundary, stop: int, first: int, last: int) -> Boundary | None:
    """The boundary beyond blank rows, where texts or a series name the figures: what stands above is a title."""
    i = found.row + 1
    if not view.blank(i, first, last):
        return None
    i = next((j for j in range(i, min(i + 2 * LARGEST_GAP, stop)) if len(view.filled(j, first, last)) > 1), stop)
    if i + 1 >= stop:
        return None
    lower = score(view, i, stop, first, last)
    if lower is None or not lower.data or lower.score <= found.score:
        return None
    cells = [c for c in found.data if view.kinds[i][c] != BLANK]
    figures = [view.value(i, c) for c in cells if view.kinds[i][c] in (NUMBER, DATE)]
    texts = sum(view.kinds[i][c] in (TEXT, PROSE) for c in cells)
    series = len(figures) if is_long_sequence(figures) and len(figures) == len(cells) else 0
    named = texts + series == len(cells) and 2 * len(cells) > len(found.data)
    gaps = any(head_kind(view, found.row, c) == BLANK for c in found.data)
    return lower if named or (gaps and lower.score >= BEYOND_DOUBT) else None


def _still_names(view: View, found: Boundary, lower: Boundary) -> str | None:
    """What the row of ``lower``, directly below the header ``found``, adds to it as one more row; None for a record."""
    i = lower.row
    if _names_labels(view, found) and lower.data == found.data:
        return "names the columns of labels"
    if _names_axes(view, found):
        return "says what the labels are"
    if _letters_columns(view, i, found):
        return "letters or numbers the columns"
    filled = [c for c in found.data if view.kinds[i][c] != BLANK]
    texts = [c for c in filled if view.kinds[i][c] in (TEXT, PROSE)]
    alone = len(filled) == len(view.filled(i, found.columns[0], found.columns[-1]))
    if filled and len(texts) == len(filled) and alone and not _is_section(view, filled, lower):
        return "holds nothing but texts over figures"
    if alone and _letters_groups(view, i, filled, found):
        return "parts the groups above it by letters"
    figures = [view.value(i, c) for c in filled if view.kinds[i][c] in (NUMBER, DATE)]
    series = _is_lower_tier(view, found, filled, figures) and not _is_record(view, found, figures)
    named = len(texts) + (len(figures) if series else 0)
    if 2 * len(filled) < len(found.data) or named < len(filled) or lower.score < ACCEPT:
        return None
    return "is a series below headings" if series else "holds codes, units or names below headings"


def _is_section(view: View, filled: Sequence[int], lower: Boundary) -> bool:
    """Whether a text by itself over figures is the first of several: sections named in the middle of the page."""
    if len(filled) != 1:
        return False
    below = lower.sample
    return any(view.filled(j) == list(filled) and view.kinds[j][filled[0]] == TEXT for j in below)


def _letters_groups(view: View, i: int, filled: Sequence[int], found: Boundary) -> bool:
    """Whether letters that recur below headings of several columns are headings too, no markers: m, w below years."""
    letters = [one_line(view.value(i, c)) for c in filled]
    groups = [c for c in filled if view.kinds[found.row][c] != BLANK]
    return (
        all(len(t) == 1 and t.isalpha() for t in letters)
        and 2 <= len(set(letters)) < len(letters)
        and 2 * len(groups) <= len(filled)
    )


def _letters_columns(view: View, i: int, found: Boundary) -> bool:
    """Whether a row numbers the columns: (a), (b), (c), or (1), (2), (3), in brackets."""
    texts = [one_line(view.value(i, c)) for c in found.columns if view.kinds[i][c] != BLANK]
    marks = [m[1].lower() for text in texts if (m := _LETTER.fullmatch(text))]
    if len(marks) < max(2, len(texts)) or len(texts) < len(found.data):
        return False
    order = [int(m) if m.isdigit() else ord(m) for m in marks]
    return all(b - a == 1 for a, b in pairwise(order))


def _names_axes(view: View, found: Boundary) -> bool:
    """Whether the row below says what the labels are (``Country`` below ``Year``); sections are several."""
    i = found.row + 1
    filled = view.filled(i, found.columns[0], found.columns[-1])
    texts = [one_line(view.value(i, c)) for c in filled]
    if not filled or filled[-1] >= found.data[0] or any(view.kinds[i][c] != TEXT for c in filled):
        return False
    figures = [j for j in found.sample if j > i and any(view.kinds[j][c] in (NUMBER, DATE) for c in found.data)]
    below = [j for j in found.sample if figures and i < j <= figures[-1]]
    if not below or any(all(view.kinds[j][c] == BLANK for c in found.data) for j in below):
        return False
    named = [one_line(view.value(found.row, c)) for c in filled if view.kinds[found.row][c] != BLANK]
    if not all(is_time_word(name) for name in named):
        return False
    return len(filled) >= 2 or _AXIS.fullmatch(texts[0]) is not None


def _names_labels(view: View, found: Boundary) -> bool:
    """Whether the row below headings of figures alone names the columns of labels: Code and Name below dates."""
    i = found.row + 1
    filled = [c for c in found.columns if view.kinds[i][c] != BLANK]
    if len(filled) < 2 or not set(filled) <= set(found.text) or found.row + 2 >= len(view.rows):
        return False
    return all(view.kinds[i][c] == TEXT and head_kind(view, found.row, c) == BLANK for c in filled)


def _is_record(view: View, found: Boundary, figures: Sequence[Cell]) -> bool:
    """Whether numbers in step below headings are a body's own: the row has labels, as have the rows below."""
    if any(isinstance(v, date) for v in figures):
        return False
    i = found.row
    numbers = [n for v in figures if isinstance(n := number_in(v) if isinstance(v, str) else v, int | float)]
    if all(1950 <= n <= 2100 for n in numbers) and any(view.kinds[i][c] == BLANK for c in found.data):
        return False  # years below headings of groups
    above = [i] if i == 0 or len(view.filled(i - 1)) < 2 else [i, i - 1]  # a text by itself above is a title
    named = {c for c in found.text for r in above if head_kind(view, r, c) != BLANK}
    return any(view.kinds[i + 1][c] in (TEXT, PROSE) for c in named)


def _is_lower_tier(view: View, found: Boundary, filled: Sequence[int], figures: Sequence[Cell]) -> bool:
    """Whether figures below headings are headings themselves: by their make, or a series below merged groups."""
    if not figures or not is_sequence(figures):
        return False
    if is_long_sequence(figures):
        return True
    merges = [view.merge_at(found.row, c) for c in filled if view.kinds[found.row + 1][c] in (NUMBER, DATE)]
    return all(m is not None and m.right > m.left for m in merges)
