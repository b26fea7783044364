"""Where a table's body ends: the last row of its profile before footnotes, or before another table's header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from datawarp.sheets.boundary import Boundary, figures_elsewhere, is_symbol_and_meaning, repeats
from datawarp.sheets.cells import BLANK, DATE, MARKER, NUMBER, PROSE, TEXT, one_line
from datawarp.sheets.labels import as_series, read_label
from datawarp.sheets.remarks import is_footnote, is_numbered
from datawarp.sheets.series import is_long_sequence, may_be_counts
from datawarp.sheets.view import View

LABEL_LENGTH = 60
MOST_ABOVE = 3  # tiers above the last header row
WHOLE_ROW = 4  # columns of figures that tell a row of the table from a stray figure below notes
SHORT_LABEL = 20  # a label of this length is one beside the shortest labels too


@dataclass
class Body:
    """The body: first and last row (view indices), its label-only rows, and why it ends."""

    first: int
    last: int
    label_rows: list[int] = field(default_factory=list)
    why: str = ""


def _reads_as_note(view: View, i: int, columns: Sequence[int]) -> bool:
    filled = [c for c in columns if view.kinds[i][c] != BLANK]
    if not filled:
        return False
    text = one_line(view.value(i, filled[0]))
    if is_symbol_and_meaning(view, i, filled):
        return True
    if len(filled) == 2 and view.kinds[i][filled[1]] == NUMBER and is_numbered(text):
        return False  # a numbered label and its figure
    return len(filled) <= 2 and (view.kinds[i][filled[0]] == PROSE or is_footnote(text) or len(text) > LABEL_LENGTH)


def _starts_a_header(view: View, i: int, found: Boundary, after_break: bool) -> bool:
    """Whether a row below the body names columns anew: texts or a series where the body has data."""
    if repeats(view, found.row, i, found.columns[0], found.columns[-1]):
        return True
    if not after_break:
        return False
    for r in range(found.row - 1, max(-1, found.row - 1 - MOST_ABOVE), -1):
        if len(view.filled(r, found.columns[0], found.columns[-1])) < 2:
            break
        if repeats(view, r, i, found.columns[0], found.columns[-1]):
            return True  # the first tier of the same headings once more
    filled = [c for c in found.data if view.kinds[i][c] != BLANK]
    texts = [c for c in filled if view.kinds[i][c] in (TEXT, PROSE)]
    figures = [view.value(i, c) for c in filled if view.kinds[i][c] in (NUMBER, DATE)]
    if not filled:
        return _names_others(view, i, found)
    series = bool(figures) and is_long_sequence(figures)
    if series:
        first = next((j for j in found.sample if any(view.kinds[j][c] == NUMBER for c in filled)), found.row)
        series = not may_be_counts(figures, [view.value(first, c) for c in filled])
    if texts and len(texts) + (len(figures) if series else 0) == len(filled):
        cells = [view.kinds[i][c] for c in found.columns if view.kinds[i][c] != BLANK]
        return (
            len(filled) >= 2 or 2 * len(filled) >= len(found.data) or (len(cells) >= 2 and set(cells) <= {TEXT, PROSE})
        )
    return series and len(figures) == len(filled) >= 3


def _names_others(view: View, i: int, found: Boundary) -> bool:
    """Whether texts above the table's labels are a header of figures that lie where this table has labels."""
    named = [c for c in found.text if view.kinds[i][c] in (TEXT, PROSE)]
    return len(named) >= 2 and figures_elsewhere(view, i, found.data, found.columns[0], found.columns[-1])


def find_body(view: View, found: Boundary, stop: int, first: int, last: int) -> Body:
    """The body below a boundary."""
    return _data_body(view, found, stop, first, last) if found.data else _text_body(view, found, stop, first, last)


def _data_body(view: View, found: Boundary, stop: int, first: int, last: int) -> Body:
    columns, data = found.columns, found.data
    reach = range(first, columns[-1] + 1)  # a note may begin left of the table
    labelling = [c for c in columns if c not in set(data)]
    profiles: dict[str, tuple[list[int], list[int], list[int]]] = {}  # rows of one profile are looked at once
    begin = end = None
    pending: list[int] = []
    labels: list[int] = []
    gap = broken = noted = False
    why = "the sheet ends with it"
    for i in range(found.row + 1, stop):
        if view.blank(i, first, last):
            gap = True
            continue
        kinds = view.kinds[i]
        if kinds not in profiles:
            filled = [c for c in data if kinds[c] != BLANK]
            values = [c for c in filled if kinds[c] in (NUMBER, DATE, MARKER)]
            profiles[kinds] = (filled, [c for c in labelling if kinds[c] != BLANK], values)
        filled, stub, values = profiles[kinds]
        if _starts_a_header(view, i, found, end is not None and (gap or broken)):
            why = "the next row names columns anew"
            end = _without_headings(view, found, end)
            break
        is_row = bool(values) and (bool(stub) or len(values) >= 2 or len(data) == 1 or not labelling)
        if values and not gap and end == i - 1:
            is_row = is_row or view.kinds[i][values[0]] == NUMBER  # a total without a label
        if filled and not values:
            # A text by itself below labels that are numbers (weeks, ages) is a label without figures, or a remark.
            is_row = not gap and not broken and end is not None and not _reads_as_note(view, i, reach)
            is_row = is_row and (filled != columns[:1] or bool(stub))
        if not filled and len(stub) >= 2 and not gap and not noted:
            is_row = end is None or not _reads_as_note(view, i, reach)
        if is_row and end is not None and len(filled) + len(stub) == 2 and is_symbol_and_meaning(view, i, columns):
            is_row = False
        if is_row and gap and end is not None:
            figures = [c for c in values if view.kinds[i][c] != MARKER]
            is_row = bool(figures or 2 * len(values) >= len(data)) and not _reads_as_note(view, i, reach)
        if is_row and noted and gap and end is not None and not _is_whole(kinds, data):
            why = "notes follow it"
            break
        if is_row:
            begin = pending[0] if begin is None and pending else i if begin is None else begin
            labels += pending
            pending, end, gap, broken, noted = [], i, False, False, False
        else:
            noted = noted or _reads_as_note(view, i, reach)
            broken = broken or len([c for c in range(first, last + 1) if view.kinds[i][c] != BLANK]) == 1
            pending.append(i)
    if begin is None or end is None:
        rows = found.sample
        return Body(rows[0], rows[-1], [], why)
    trailing = _trailing_labels(view, begin, end, pending, columns)
    if pending[len(trailing) :] and why.startswith("the sheet"):
        why = "what follows is notes, not rows of the table"
    return Body(begin, trailing[-1] if trailing else end, labels, why)


def _is_whole(kinds: str, data: list[int]) -> bool:
    """Whether a row has figures in most of four columns or more: a row of the table also below a note."""
    return len(data) >= WHOLE_ROW and 2 * sum(kinds[c] == NUMBER for c in data) > len(data)


def _without_headings(view: View, found: Boundary, end: int | None) -> int | None:
    """The last row above another header that is not itself a heading over figures."""
    while end is not None and end > found.row + 1:
        over = [view.kinds[end][c] for c in found.data if view.kinds[end][c] != BLANK]
        labels = [c for c in found.text if view.kinds[end][c] != BLANK]
        if labels or not over or not set(over) <= {TEXT, PROSE}:
            break
        end -= 1
    return end


def _trailing_labels(view: View, begin: int, end: int, pending: list[int], columns: list[int]) -> list[int]:
    """Rows directly below the last row with values that are rows without any: a label as short as theirs, no note.

    One or two of them, or as many as go on with a series of periods: months to come.
    """
    taken: list[int] = []
    if not pending or pending[0] != end + 1:
        return taken
    if periods := _periods_to_come(view, end, pending, columns[0], columns[-1]):
        return periods
    labels = [one_line(view.value(i, columns[0])) for i in range(max(begin, end - 200), end + 1)]
    longest = max(SHORT_LABEL, int(1.3 * max(map(len, labels))))
    sentences = any(label.endswith(".") for label in labels)
    for i in pending:
        label = one_line(view.value(i, columns[0]))
        if len(label) > longest or (label.endswith(".") and not sentences):
            break
        if i != end + len(taken) + 1 or _reads_as_note(view, i, columns) or view.kinds[i][columns[0]] == BLANK:
            break
        taken.append(i)
    return taken if len(taken) <= 2 and (not taken or _ends_clear(view, taken[-1])) else []


def _periods_to_come(view: View, end: int, pending: list[int], column: int, last: int) -> list[int]:
    """Rows directly below row ``end`` with nothing but the periods that come next after its own."""
    labels = [label] if (label := read_label(view.value(end, column))) else []
    taken: list[int] = []
    for i in pending if labels else ():
        following = read_label(view.value(i, column))
        alone = i == end + len(taken) + 1 and view.filled(i, column, last) == [column]
        if not alone or following is None or as_series([*labels, following]) is None:
            break
        labels.append(following)
        taken.append(i)
    return taken


def _ends_clear(view: View, i: int) -> bool:
    return i + 1 >= len(view.rows) or view.blank(i + 1)


def _text_body(view: View, found: Boundary, stop: int, first: int, last: int) -> Body:
    columns = found.columns
    counts = [len([c for c in columns if view.kinds[j][c] != BLANK]) for j in found.sample]
    usual = sorted(counts)[len(counts) // 2]
    begin = end = None
    gap = False
    why = "the sheet ends with it"
    for i in range(found.row + 1, stop):
        if view.blank(i, first, last):
            gap = True
            continue
        filled = [c for c in columns if view.kinds[i][c] != BLANK]
        if end is not None and repeats(view, found.row, i, first, last):
            why = "the next row names columns anew"
            break
        noted = end is not None and len(filled) < usual and _reads_as_note(view, i, columns)
        if noted or 2 * len(filled) < usual or (gap and end is not None and len(filled) < usual):
            why = "what follows is notes, not rows of the table"
            if gap and end is not None:
                break
            continue
        begin = i if begin is None else begin
        end, gap = i, False
    if begin is None or end is None:
        return Body(found.sample[0], found.sample[-1], [], why)
    return Body(begin, end, [], why)
