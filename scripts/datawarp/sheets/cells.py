"""What one cell is: its kind at a glance, how it prints, and whether a text is a number or a marker.

The markers are those of the Government Statistical Service's guidance on symbols ([c], [x], [z], [low],
[r], [p], …) and of the older habits that it replaces (``*``, ``-``, ``..``, ``:``, ``n/a``, ``NULL``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from datawarp.sheets.grid import Cell
from datawarp.sheets.notation import is_figure

BLANK, NUMBER, DATE, TEXT, PROSE, MARKER = ".", "n", "d", "t", "p", "m"

# Longer than any label that a table prints, or a sentence: text to be read, not a value or a heading.
PROSE_LENGTH = 150

_MARKER = re.compile(
    r"""\*{1,6} | [-–—−]{1,20} | :{1,2} | :\s?[a-z]{1,2} | \.{1,4} | … | [~#†‡§^$+!] | \(\+\) | ¬
      | \.?[a-z] | \[[a-z]{1,4}\d?\] | \([a-z]\) | \[(?:low|note\s?\d+)\] | <\s?\d{1,2}
      | n\.?/?a\.? | nil | null | none | nan | low | supp(?:ressed)? | redacted | confidential | missing | unavailable
      | \[?\(?(?:not|no)\ (?:applicable|available|collected|known|recorded|reported|reportable|data|returns?)\)?\]?
      | \#(?:n/a|ref!|value!|div/0!|name\?|num!|null!|getting_data|spill!|calc!)
      | insufficient\ data | (?:data\ )?unavailable | data\ not\ available""",
    re.X | re.I,
)
_NUMBER = re.compile(
    r"""(?P<open>\()?\s*(?P<sign>[-–−+])?\s*(?P<currency>[£$€])?\s*(?P<sign2>[-–−])?
        (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:[\x20\xa0\u2009\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<exponent>[eE][-+]\d{1,2})?
        \s*(?P<percent>%)?\s*(?(open)\))""",
    re.X,
)
_NOTED = re.compile(r"[\s*†‡]|\[[^\]]{1,12}\]|\([^)]{1,24}\)|[a-z]{1,2}|[-–—~]", re.I)
_MARKED = re.compile(r"(?:\s|[*†‡~]|\[(?:note\s*)?\w{1,4}\]|\((?:[a-z]{1,2}|[\d.,%\s–-]+)\))+", re.I)
# Revised, provisional, estimated, break, unreliable and the like, apart from the figure.
_MARK_LETTERS = frozenset("bcdefnprsuz")
_LAST_OF_MARK = frozenset("])*†‡~") | _MARK_LETTERS
# A new word starts after a full stop, or a sentence ends in one.
_SENTENCE = re.compile(r"[a-z)\]0-9]{2}\.(?:\s+[A-Z]|$)")


def printed(value: Cell) -> str:
    """A cell as a reader sees it: ``5`` for 5.0, ``2024-04-01`` for midnight on that day, blanks kept."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, datetime):
        midnight = not (value.hour or value.minute or value.second or value.microsecond)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def one_line(value: Cell) -> str:
    """A cell as printed, with white space and line breaks collapsed."""
    return " ".join((value if isinstance(value, str) else printed(value)).split())


@lru_cache(maxsize=65536)
def is_marker(text: str) -> bool:
    """Whether a text stands in place of a number: ``*``, ``[c]``, ``..``, ``NULL``, ``n/a``."""
    return len(text) <= 24 and _MARKER.fullmatch(text.strip()) is not None


@lru_cache(maxsize=65536)
def number_in(text: str) -> float | int | None:
    """The number that a text prints whole (``1,234``, ``£5.20``, ``12%`` as 12, ``(3)`` as −3), or None."""
    if not text or len(text) > 40 or not any(c.isdigit() for c in text):
        return None
    match = _NUMBER.fullmatch(text.strip())
    if match is None or (match["digits"].startswith("00") and not match["digits"].strip("0")):
        return None  # £000 is a unit
    digits = re.sub(r"[^\d.]", "", match["digits"]) + (match["exponent"] or "")
    value: float | int = float(digits) if "." in digits or match["exponent"] else int(digits)
    negative = bool(match["sign"] and match["sign"] != "+") or bool(match["sign2"]) or bool(match["open"])
    return -value if negative else value


@lru_cache(maxsize=65536)
def is_noted_number(text: str) -> bool:
    """Whether a text is a number with a mark or a second figure: ``1,234 r``, ``100%*``, ``10 (0.096%)``."""
    stripped = text.strip()
    match = _NUMBER.match(stripped)
    if match is None or match.end() == len(stripped) or len(stripped) > 40:
        return False
    rest = stripped[match.end() :]
    if rest[0].isalpha() and not stripped[match.end() - 1].isspace() and not _is_fused(match[0], rest):
        return False  # 8E782 and 5A7 are codes
    return re.fullmatch(rf"(?:\s*(?:{_NOTED.pattern}))+", rest, re.I) is not None


def _is_fused(figure: str, mark: str) -> bool:
    """Whether a letter directly behind a figure marks it, as in ``1,234r``; ``12r`` may be a code."""
    return mark in ("r", "p", "e") and ("," in figure or "." in figure)


def _is_marked_figure(text: str) -> bool:
    """Whether a text is a figure with a mark: brackets, stars, a letter (``1,234 r``); a year with one is a heading."""
    if text[0] not in "0123456789£$€(-" or text[-1] not in _LAST_OF_MARK:
        return False
    match = _NUMBER.match(text)
    if match is None:
        return False
    rest = text[match.end() :]
    lettered = rest in _MARK_LETTERS and (text[match.end() - 1].isspace() or _is_fused(match[0], rest))
    if not lettered and not _MARKED.fullmatch(rest):
        return False
    return not re.fullmatch(r"(?:19|20)\d\d", match[0].strip())


@lru_cache(maxsize=65536)
def text_kind(text: str) -> str:
    """Kind of a text cell: blank, number, marker, prose or label."""
    stripped = text.strip()
    if not stripped:
        return BLANK
    if number_in(stripped) is not None or _is_marked_figure(stripped) or is_figure(stripped):
        return NUMBER
    if is_marker(stripped):
        # A capital by itself is a grade, a sex or a code more often than a symbol; beside numbers it is still kept.
        return TEXT if len(stripped) == 1 and stripped.isupper() else MARKER
    if len(stripped) > PROSE_LENGTH or (len(stripped) > 60 and _SENTENCE.search(stripped)):
        return PROSE
    return TEXT


_KINDS: dict[type, str] = {
    type(None): BLANK,
    int: NUMBER,
    float: NUMBER,
    bool: TEXT,
    datetime: DATE,
    date: DATE,
    time: DATE,
    timedelta: NUMBER,
}


def kind(value: Cell) -> str:
    """One letter for what a cell is: ``.`` blank, ``n`` number, ``d`` date, ``m`` marker, ``t`` label, ``p`` prose."""
    if isinstance(value, str):
        return text_kind(value)
    return _KINDS[type(value)]


def column_kinds(column: Sequence[Cell]) -> str:
    """The kinds of a column's cells, one letter each; each type and each text is looked at once."""
    types = set(map(type, column))
    if str not in types:
        if len(types) == 1:
            return _KINDS[types.pop()] * len(column)
        return "".join(map(_KINDS.__getitem__, map(type, column)))
    texts: dict[Cell, str] = {v: text_kind(v) for v in set(column) if isinstance(v, str)}
    if types <= {str, type(None)}:
        texts[None] = BLANK
        return "".join(map(texts.__getitem__, column))
    kinds = _KINDS
    return "".join([texts[v] if isinstance(v, str) else kinds[type(v)] for v in column])
