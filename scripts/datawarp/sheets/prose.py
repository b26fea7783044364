"""Sheets that are for reading, not for loading: covers, contents, notes, definitions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawarp.sheets.boundary import is_key_and_value
from datawarp.sheets.cells import BLANK, DATE, MARKER, NUMBER, PROSE, TEXT, number_in, one_line
from datawarp.sheets.grid import Cell
from datawarp.sheets.header_rows import MOST_PARTICULARS
from datawarp.sheets.series import is_sequence
from datawarp.sheets.view import View

if TYPE_CHECKING:
    from datawarp.sheets.detect import Candidate

_CONTENTS = re.compile(
    r"(?:table\s+of\s+)?contents(?:\s+page)?|list\s+of\s+(?:tables|sheets|worksheets)|(?:work)?sheet\s+(?:name|title|number|tab)|tab\s+(?:name|title)"
    r"|index|hyperlinks?|links?\s+to\s+tables?", re.I
)  # fmt: skip
_NOTES = re.compile(
    r"notes?|footnotes?|note\s+(?:number|text)|definitions?|glossary|terms?(?:\s+and\s+definitions?)?|metadata|symbols?"
    r"|(?:notes|guidance|methodology|abbreviations|cover(?:\s*(?:sheet|page))?)\b.*|description|revisions?(?:\s+(?:to|of|since|made)\b.*)?"
    r"|change\s*log|version(?:\s+history)?|shorthand", re.I
)  # fmt: skip
_HISTORY = re.compile(r"\b(?:(?:version|revision|change|amendment|correction)s?|revised|corrected)\b", re.I)
_OF_HISTORY = re.compile(
    r"\b(?:dates?|details?|descriptions?|author|reasons?|pages?|tables?|cells?|(?:work)?sheets?|previous(?:ly)?|original|old|new)\b",
    re.I,
)
_DEFINED = re.compile(
    r"\b(?:fields?|variables?|columns?|data\s+items?|elements?|terms?|symbols?|shorthand"
    r"|metrics?|abbreviations?|acronyms?)\b", re.I
)  # fmt: skip
_MEANING = re.compile(r"\b(?:definitions?|descriptions?|meanings?|explanations?|notes?|stands\s+for)\b", re.I)
_SAMPLE = re.compile(
    r"(?:data\s+|field\s+)?(?:examples?|formats?|types?|lengths?|sizes?|order|positions?|samples?)", re.I
)
_ADDRESS = re.compile(r"\S+@\S+\.\w+|https?://|www\.|\+?\d[\d ()]{8,}\d")
_SHEET_NAME = re.compile(
    r"(?:table|tab|figure|fig|chart|sheet|worksheet|annex|map)[\s_]*[a-z]{0,3}[\s_.]?\d+(?:[._-]?\d+)*[a-z]{0,2}|cover(?:[\s_]sheet)?|notes|contents",
    re.I,
)
_SHEET = re.compile(r"(?:work)?sheets?|tabs?|tables?", re.I)
_TABLE_NUMBER = re.compile(r"(?:work)?(?:tab|table|sheet|figure|chart)\s*(?:no\.?|numbers?|ref(?:erence)?|id)", re.I)
_PART = re.compile(r"(?:sections?|chapters?|parts?|figures?|charts?|items?|no\.?|numbers?|ref(?:erence)?\.?)", re.I)
_PAGE = re.compile(r"(?:page|sheet|tab)(?:\s*(?:no\.?|number))?|(?:hyper)?links?", re.I)
_SHEET_TITLE = re.compile(r"(?:(?:table|sheet|tab)\s+)?(?:titles?|descriptions?|contents?|names?|topics?)", re.I)
_NOTE_NUMBER = re.compile(r"(?:foot)?notes?(?:\s+(?:number|no\.?|id|ref(?:erence)?|code))?", re.I)
_NOTE_TEXT = re.compile(r"(?:(?:foot)?note\s+)?(?:text|wording|descriptions?|details?|content)|(?:foot)?notes?", re.I)
_PARTICULAR = re.compile(
    r"(?:publication|release|report(?:ing)?|title|date|(?:geographic(?:al)?\s+)?coverage|geography|period|frequency|next|last"
    r"|contact|e-?mail|telephone|phone|press|media|responsible|publisher|published|author|status|source|theme|website|url|copyright|licen[cs]e)"
    r"\b.{0,40}", re.I
)  # fmt: skip
LONG_TEXT = 70
MOST_OF_DICTIONARY = 8  # columns


def data_tables(view: View, candidates: Sequence[Candidate]) -> tuple[list[Candidate], str | None]:
    """The candidates that are data, and the reason why none is when the list is empty.

    Beside a table of figures, a block of one or two columns of text is a legend or particulars.
    """
    reasons = [reason_against(view, c) for c in candidates]
    kept = [c for c, reason in zip(candidates, reasons, strict=True) if reason is None]
    if any(_has_figures(view, c) for c in kept):
        kept = [c for c in kept if len(c.columns) > 2 or _has_figures(view, c)]
        kept = [c for c in kept if not _leads_to(view, c, kept)]
    return kept, None if kept or not reasons else reasons[0]


def _leads_to(view: View, candidate: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether a few keys with their values, a year or a count among them, stand above a table: ``date``, ``2021``."""
    rows = range(candidate.header.first if candidate.header.rows else candidate.body.first, candidate.body.last + 1)
    if len(candidate.columns) != 2 or len(rows) > MOST_PARTICULARS:
        return False
    if not any(o.first_row > candidate.body.last for o in others):
        return False
    key, value = candidate.columns
    if any(
        view.kinds[i][key] == DATE or (view.kinds[i][key] == NUMBER and not _is_year(view.value(i, key))) for i in rows
    ):
        return False
    texts = sum(view.kinds[i][value] == TEXT for i in rows)
    counts = sum(view.kinds[i][value] == NUMBER and not _is_year(view.value(i, value)) for i in rows)
    return texts >= 2 and counts < texts  # figures below one heading are a table, however short


def _has_figures(view: View, candidate: Candidate) -> bool:
    first, last = candidate.body.first, candidate.body.last
    return any(NUMBER in view.down[c][first : last + 1] for c in candidate.boundary.data)


def why_no_table(view: View) -> str:
    """What a sheet without a table holds, in words."""
    filled = [c for i in range(len(view.rows)) for c in view.filled(i)]
    prose = sum(k.count(PROSE) for k in view.kinds)
    if any(is_key_and_value(view, i, 0, view.width - 1) for i in range(len(view.rows))):
        return "a cover: headings with their particulars, no table"
    return "text to read, no table" if prose or len(set(filled)) <= 3 else "no row names columns above a body"


def reason_against(view: View, candidate: Candidate) -> str | None:
    """Why a candidate is to be read and not loaded, or None when it is data."""
    columns, body, boundary = candidate.columns, candidate.body, candidate.boundary
    rows = range(body.first, body.last + 1)
    heads = " ".join(one_line(view.value(boundary.row, c)) for c in columns)
    figures = [c for c in boundary.data if c in columns]
    if len(columns) <= 5 and _is_history(view, candidate):
        return "a history of versions and revisions"
    if _lists_sheets(view, candidate):
        return "a list of contents: names of sheets and their titles"
    if _numbers_notes(view, candidate):
        return "notes: their numbers and wording"
    if _defines(view, candidate) and all(_SAMPLE.fullmatch(one_line(view.value(boundary.row, c))) for c in figures):
        return "definitions: what names, fields or symbols mean"
    if figures and _names_pages(view, candidate):
        return "a list of contents: names of sheets and their titles"
    counted = {c: sum(view.down[c].count(k, rows.start, rows.stop) for k in (NUMBER, DATE)) for c in figures}
    # Numbers right of the first column make a table, unless they are a few in a list of prose.
    stray = any(counted[c] for c in figures if c != columns[0])
    few = sum(counted.values())
    if stray and (few > 2 or 2 * few > len(rows)):
        return None
    texts = {
        c: [one_line(view.value(i, c)) for i in rows if view.kinds[i][c] not in (BLANK, NUMBER, DATE)] for c in columns
    }
    long = [c for c, found in texts.items() if found and sum(map(len, found)) / len(found) > LONG_TEXT]
    if stray:
        return "prose with a stray figure" if long else None
    if figures and columns[0] not in figures and len(figures) >= 2:
        return None  # nothing but markers where figures belong: a table suppressed whole
    answered = [c for c in columns if view.down[c][rows.start : rows.stop].strip(BLANK)]
    if not figures and len(columns) >= 2 and len(answered) <= 1:
        return "a form: questions without answers"
    if _is_contents(view, candidate, heads):
        return "a list of contents: names of sheets and their titles"
    if _defines(view, candidate):
        return "definitions: what names, fields or symbols mean"
    if counted.get(columns[0]) and not long and len(columns) > 2:
        numbered = is_sequence([view.value(i, columns[0]) for i in rows if view.kinds[i][columns[0]] == NUMBER])
        if not numbered:
            return None
    if long and len(columns) <= 4:
        return "terms or notes with their wording, no figures"
    if len(columns) <= 3 and _NOTES.fullmatch(_first_text(view)):
        return "notes: text under a heading that says so"
    if len(columns) <= 2 and sum(is_key_and_value(view, i, columns[0], columns[-1]) for i in rows) * 2 >= len(rows):
        return "a cover: headings with their particulars"
    keys = [one_line(view.value(i, columns[0])) for i in (boundary.row, *rows)]
    if len(columns) <= 2 and not figures and sum(_PARTICULAR.fullmatch(k) is not None for k in keys) * 2 > len(keys):
        return "a cover: headings with their particulars"
    if not figures and _gives_addresses(texts, len(rows)):
        return "a cover: particulars of the publication and whom to ask"
    if len(rows) <= 1 and not figures:
        return "two lines of text, no body"
    return None


def _lists_sheets(view: View, candidate: Candidate) -> bool:
    """Whether the first column names the sheets of a workbook, and nothing but dates and years stands beside it."""
    columns = candidate.columns
    if len(columns) > 8:
        return False
    rows = [candidate.boundary.row, *range(candidate.body.first, candidate.body.last + 1)]
    names = [one_line(view.value(i, columns[0])) for i in rows[1:] if view.kinds[i][columns[0]] != BLANK]
    named = sum(_SHEET_NAME.fullmatch(name) is not None for name in names)
    if len(names) < 2 or named < 0.6 * len(names):
        return False
    figures = [(i, c) for i in rows for c in columns[1:] if view.kinds[i][c] == NUMBER]
    return all(_is_year(view.value(i, c)) for i, c in figures)


def _names_pages(view: View, candidate: Candidate) -> bool:
    """Whether the headings are the number of a table or a section, its title and, at most, its page or sheet."""
    first, *others = [one_line(view.value(candidate.boundary.row, c)) for c in candidate.columns]
    titled = any(_SHEET_TITLE.fullmatch(head) for head in others)
    paged = any(_PAGE.fullmatch(head) for head in others)
    numbered = bool(_SHEET.fullmatch(first) or _TABLE_NUMBER.fullmatch(first) or (paged and _PART.fullmatch(first)))
    return titled and numbered and all(_SHEET_TITLE.fullmatch(head) or _PAGE.fullmatch(head) for head in others)


def _is_year(value: Cell) -> bool:
    value = number_in(value) if isinstance(value, str) else value
    return isinstance(value, int | float) and value in range(1950, 2101)


def _numbers_notes(view: View, candidate: Candidate) -> bool:
    """Whether the headings are a note's number and its wording."""
    heads = [one_line(view.value(candidate.boundary.row, c)) for c in candidate.columns]
    return (
        len(heads) <= 6
        and _NOTE_NUMBER.fullmatch(heads[0]) is not None
        and any(_NOTE_TEXT.fullmatch(head) for head in heads[1:])
    )


def _gives_addresses(texts: dict[int, list[str]], n_rows: int) -> bool:
    """Whether a few lines of text say whom to write to; a column of addresses in a long list is data."""
    if len(texts) > 4 or n_rows > 40:
        return False
    cells = [t for found in texts.values() for t in found]
    return any("@" in t and _ADDRESS.search(t) for t in cells) or (len(texts) <= 2 and any(map(_ADDRESS.search, cells)))


def _defines(view: View, candidate: Candidate) -> bool:
    """Whether a table of text explains names or symbols: a field and its description, a symbol and its meaning."""
    heads = [one_line(view.value(candidate.boundary.row, c)) for c in candidate.columns]
    if candidate.columns[0] in candidate.boundary.data and len(heads) <= 3:
        rows = range(candidate.body.first, candidate.body.last + 1)
        if all(view.kinds[i][candidate.columns[0]] in (MARKER, BLANK) for i in rows):
            return True
    # What is defined leads; a register of organisations may have columns for abbreviations and descriptions too.
    few = len(heads) <= MOST_OF_DICTIONARY
    return few and any(_DEFINED.search(h) for h in heads[:2]) and any(_MEANING.search(h) for h in heads)


def _is_history(view: View, candidate: Candidate) -> bool:
    """Whether a small table lists versions: a version or a date, and what was revised."""
    heads = [one_line(view.value(candidate.boundary.row, c)) for c in candidate.columns]
    if not any(_HISTORY.search(h) for h in heads):
        return False
    figures = [c for c in candidate.columns if c in candidate.boundary.data]
    told = [h for h, c in zip(heads, candidate.columns, strict=True) if c not in figures]
    if figures and not any(_HISTORY.search(h) or _OF_HISTORY.search(h) for h in told):
        return False  # the change of an area's figures is data
    named = [h for h in heads if _HISTORY.search(h) or _OF_HISTORY.search(h)]
    return len(named) >= 0.6 * len(heads) and len(figures) <= 2 and len(figures) < len(candidate.columns)


def _first_text(view: View) -> str:
    for i in range(len(view.rows)):
        if filled := view.filled(i):
            return one_line(view.value(i, filled[0])).strip(" :")
    return ""


def _is_contents(view: View, candidate: Candidate, heads: str) -> bool:
    above = [one_line(view.value(i, c)) for i in range(candidate.boundary.row + 1) for c in view.filled(i)]
    if any(_CONTENTS.fullmatch(text.strip(" :")) for text in above) or _CONTENTS.match(heads) is not None:
        return True
    first, *others = [one_line(view.value(candidate.boundary.row, c)) for c in candidate.columns]
    return _SHEET.fullmatch(first) is not None and any(_SHEET_TITLE.fullmatch(head) for head in others)
