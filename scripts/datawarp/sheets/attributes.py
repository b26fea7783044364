"""Series written with their attributes above them: title, code, unit and dates of release, then one row a period.

Statistical offices export time series so: the first column names the attributes (``Title``, ``CDID``, ``Unit``) and
below them the periods; every other column is a series. All the attribute rows are header, blank ones and numbers too.
"""

from __future__ import annotations

from collections.abc import Sequence

from datawarp.sheets.boundary import Boundary, score
from datawarp.sheets.cells import BLANK, DATE, NUMBER, TEXT
from datawarp.sheets.labels import is_time_word, read_label
from datawarp.sheets.view import View

FEWEST_ATTRIBUTES = 3  # with values; fewer are the tiers of an ordinary header
MOST_ATTRIBUTES = 25
FEWEST_PERIODS = 2
LABEL_LENGTH = 40


def attribute_block(view: View, start: int, stop: int, first: int, last: int) -> Boundary | None:
    """The boundary below the attribute rows of a table of series, its ``top`` set; None for any other table."""
    stub_column = next(
        (c for c in range(first, last + 1) if any(view.kinds[i][c] != BLANK for i in _near(start, stop))), last
    )
    begin = _first_period(view, start, stop, stub_column)
    if begin is None or begin - 2 <= start:
        return None
    lowest = begin - 2 if view.blank(begin - 1, first, last) else begin - 1
    found = score(view, lowest, stop, first, last)
    if found is None:
        return None
    if stub_column in found.data:  # years are figures too
        found.data.remove(stub_column)
        found.text.insert(0, stub_column)
    if not found.data:
        return None
    top = begin
    valued = texts = 0
    for i in range(lowest, start - 1, -1):
        kinds = [view.kinds[i][c] for c in found.data]
        stub = view.kinds[i][stub_column]
        label = str(view.value(i, stub_column) or "")
        if stub not in (TEXT, BLANK) or len(label) > LABEL_LENGTH or read_label(label):
            break
        if any(k != BLANK for k in kinds):
            if not set(kinds) <= {TEXT, NUMBER, DATE, BLANK} or (stub == BLANK and set(kinds) != {TEXT}):
                break
            valued += BLANK not in kinds
            if set(kinds) == {TEXT}:
                texts += 1
                top = i
        elif stub == BLANK:
            break
    if valued < FEWEST_ATTRIBUTES or texts < 2 or begin - top > MOST_ATTRIBUTES:
        return None
    named = is_time_word(view.value(lowest, stub_column)) and view.kinds[lowest][found.data[0]] == TEXT
    if len(found.data) == 1 and named:
        return None  # Year and what is counted are the header; what stands above it are particulars of the sheet
    found.top = top
    return found


def _near(start: int, stop: int) -> range:
    """The rows that attributes are looked for in."""
    return range(start, min(stop, start + 3 * MOST_ATTRIBUTES))


def _first_period(view: View, start: int, stop: int, stub: int) -> int | None:
    """The first of several rows one below another that are labelled by periods."""
    run = 0
    for i in _near(start, stop):
        value = view.value(i, stub)
        run = run + 1 if value is not None and read_label(value) else 0
        if run >= FEWEST_PERIODS:
            return i - run + 1
    return None


def attributes_in_words(view: View, rows: Sequence[int]) -> str:
    """The evidence for the header, for people."""
    return f"rows {view.numbers[rows[0]] + 1} to {view.numbers[rows[-1]] + 1} are attributes of series, periods follow"
