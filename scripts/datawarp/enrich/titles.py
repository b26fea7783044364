"""Which of the lines above a table are its title, and which are notes, sources and navigation."""

from __future__ import annotations

import re

from datawarp.enrich import words
from datawarp.manifest.models import FileEntry

_TITLE_LABEL = re.compile(r"^\s*(?:title|table name|name of table)\s*:\s*", re.I)
_BLOCK = re.compile(r"^\s*(?:table|part|section|chart|figure|annex|appendix)\s+[0-9a-z]{1,3}\b", re.I)
_LABELLED = re.compile(r"^\s*[A-Za-z][A-Za-z ]{2,28}:(?:\s|$)")
_NOTE = re.compile(r"^\s*(?:\[?notes?\b|\(?notes?\b|[*†‡§^#~]|\[?\(?\d{1,2}[\])]?\s+[A-Z][a-z])", re.I)
_NAVIGATION = re.compile(
    r"\b(?:return to|back to|link to|jump to|go to|click here|this (?:work)?sheet|some cells|some shorthand|cells with|"
    r"blanks? indicates?|freeze panes|following (?:\d+ )?notes?)\b|https?://|www\.|@|^\s*contents\s*$",
    re.I,
)
_SENTENCE = re.compile(r"\.\s+[A-Z]|[a-z)]\.\s*$")
_LONGEST_TITLE = 260


def is_title(line: str, number: str = "") -> bool:
    """Whether a line printed above a table may name it: no note, source, sentence, link or bare date.

    ``number`` is that of the sheet: what begins with it is no note (``9 Unemployment by age`` on sheet 9).
    """
    line = _without_number(line, number)
    if _TITLE_LABEL.match(line):
        return True
    if _BLOCK.match(line):
        return not _NAVIGATION.search(line)
    if len(line) > _LONGEST_TITLE or _NOTE.match(line) or _LABELLED.match(line) or _NAVIGATION.search(line):
        return False
    if _SENTENCE.search(line) and len(line.split()) > 8:
        return False
    return sum(len(w) for w in words.significant(words.timeless(line)) if w[0].isalpha()) >= 3


def title_of(entry: FileEntry) -> str:
    """The title of the whole sheet or, below another table, of this one; empty when none is printed.

    The sheet's own number, printed before the title, is left out.
    """
    number = _number(entry)
    lines = [line for line in (entry.layout.heading if entry.layout else []) if is_title(line, number)]
    lines = [_without_number(line, number) for line in lines]
    labelled = [line for line in lines if _TITLE_LABEL.match(line)]
    if labelled:
        return _TITLE_LABEL.sub("", labelled[0]).strip()
    blocks = [line for line in lines if _BLOCK.match(line)]
    if not blocks and entry.layout and _BLOCK.match(entry.layout.title or "") and is_title(entry.layout.title or ""):
        return entry.layout.title or ""  # a title on the header's own row
    if blocks and entry.id.endswith("#1"):
        return blocks[0]
    first_on_sheet = entry.id.endswith("#1") or entry.id.endswith("#0")
    if first_on_sheet and lines:
        return lines[0]
    return caption_of(entry)


def caption_of(entry: FileEntry) -> str:
    """The line nearest above the table that may name it; empty when none is printed."""
    layout = entry.layout
    if layout is None:
        return ""
    number = _number(entry)
    printed = [layout.title] if layout.title else []
    for line in (*printed, *reversed(layout.heading)):
        if is_title(line, number):
            return _TITLE_LABEL.sub("", _without_number(line, number)).strip()
    return ""


def _number(entry: FileEntry) -> str:
    """The number that the sheet's name is or ends in, such as ``9``, ``4a`` or ``A2``; empty for other names."""
    found = re.search(r"(?<![A-Za-z0-9])([A-Za-z]{0,2}\d{1,2}(?:[._]\d{1,2})*[A-Za-z]?)\s*$", entry.sheet or "")
    return found[1].replace("_", ".") if found else ""


def _without_number(line: str, number: str) -> str:
    """``line`` without the number of its sheet, printed before the title."""
    return re.sub(rf"^\s*(?i:{re.escape(number)})\s*[.:)\u2013-]?\s+(?=[A-Z])", "", line) if number else line
