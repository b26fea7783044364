"""The printed title of a table: a text of its own above the header, not a source line or a link."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawarp.sheets.cells import PROSE, TEXT, one_line
from datawarp.sheets.remarks import is_footnote
from datawarp.sheets.view import View

if TYPE_CHECKING:
    from datawarp.sheets.detect import Candidate

_NAMED = re.compile(r"(?:table|figure|chart|part|section|annex)\b", re.I)
_TITLE_KEY = re.compile(r"(?:title|table|subject)\s*:?", re.I)
_NO_TITLE = re.compile(r"(?:contents|index|home|jump\s+to|click|some\s+cells|freeze)\b", re.I)


def title_of(view: View, candidate: Candidate, others: Sequence[Candidate]) -> str | None:
    """What shares the header's rows; else the nearest line that says ``Table …``; else the first line above."""
    for i, c in sorted(candidate.header.titles):
        return one_line(view.value(i, c))
    if not candidate.header.rows:
        return None
    top = candidate.header.first
    above = max((o.body.last + 1 for o in others if o.body.last < top), default=0)
    first, last = candidate.columns[0], candidate.columns[-1]
    lines: list[str] = []
    for i in range(above, top):
        filled = view.filled(i, first, last)
        if len(filled) == 2 and _TITLE_KEY.fullmatch(one_line(view.value(i, filled[0]))):
            return one_line(view.value(i, filled[1]))
        if len(filled) == 1 and view.kinds[i][filled[0]] in (TEXT, PROSE):
            text = one_line(view.value(i, filled[0]))
            if not is_footnote(text) and not _NO_TITLE.match(text):
                lines.append(text)
    named = [line for line in lines if _NAMED.match(line)]
    return named[-1] if named else lines[0] if lines else None
