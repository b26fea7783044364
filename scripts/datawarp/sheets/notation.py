"""How texts write figures: ``1,234.5``, ``1.234,5``, ``1 234,5`` or ``1'234.5``, and which of them a file means.

Where the texts of a file and of a column do not tell whether ``1.234`` is a thousand and more or little above
one, the column stays text: a figure wrong by a factor of a thousand is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# The mark before decimals. ``?``: texts that could be read both ways are no figures.
Decimal = Literal[".", ",", "?"]


@dataclass(frozen=True)
class Notation:
    """How the texts of one column write figures; ``percent`` when every figure prints a percent sign."""

    decimal: Decimal = "."
    percent: bool = False


PLAIN = Notation()

_SWAPPED = str.maketrans(",.", ".,")
_SIGN = r"[-+−–]?\s*"
# One separator and three digits behind it: thousands, or three decimals.
_DOT_EITHER = re.compile(_SIGN + r"[1-9]\d{0,2}\.\d{3}")
_COMMA_EITHER = re.compile(_SIGN + r"[1-9]\d{0,2},\d{3}")
_COMMA = re.compile(_SIGN + r"(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,})\s*%?")
_POINT = re.compile(_SIGN + r"(?:\d{1,3}(?:,\d{3})+\.\d+|\d*\.\d+|[1-9]\d{0,2}(?:,\d{3}){2,})\s*%?")
_WHOLE = re.compile(_SIGN + r"[1-9]\d*")
_SPACED = re.compile(r"(?<![\d.,])([1-9]\d{0,2}(?:[ \u00a0\u2009\u202f]\d{3})+|[1-9]\d{0,2}(?:['’]\d{3})+)(?!\d)")
_SPACED_WHOLE = re.compile(rf"{_SIGN}{_SPACED.pattern}(?:[.,]\d+)?")


def in_points(text: str, decimal: Decimal) -> str | None:
    """A text with a decimal point and without blanks or apostrophes between thousands; None when it may be two figures.

    >>> in_points("1.234,5", ","), in_points("1 234", "."), in_points("1.234", "?")
    ('1,234.5', '1234', None)
    """
    if decimal == "?" and (_DOT_EITHER.fullmatch(text) or _COMMA_EITHER.fullmatch(text)):
        return None
    if match := _SPACED.search(text):
        text = text[: match.start()] + re.sub(r"\D", "", match[0]) + text[match.end() :]
    return text.translate(_SWAPPED) if decimal == "," else text


def is_figure(text: str) -> bool:
    """Whether a text is a figure with a decimal comma, or with points, blanks or apostrophes between thousands."""
    if text.isdigit() or len(text) > 40 or not (text[-1:].isdigit() or text[-1:] == "%"):
        return False
    return _COMMA.fullmatch(text) is not None or _SPACED_WHOLE.fullmatch(text) is not None


@dataclass
class Evidence:
    """How many texts can only be read with a decimal comma, only with a point, or both ways."""

    comma: int = 0
    point: int = 0
    dot_either: int = 0
    comma_either: int = 0
    small: int = 0
    large: int = 0

    @classmethod
    def of(cls, texts: Iterable[str]) -> Evidence:
        """The evidence in some texts."""
        found = cls()
        for text in texts:
            if len(text) > 40 or not any(c.isdigit() for c in text):
                continue
            stripped = text.strip()
            if _DOT_EITHER.fullmatch(stripped):
                found.dot_either += 1
            elif _COMMA_EITHER.fullmatch(stripped):
                found.comma_either += 1
            elif _COMMA.fullmatch(stripped):
                found.comma += 1
            elif _POINT.fullmatch(stripped):
                found.point += 1
            elif _WHOLE.fullmatch(stripped):
                digits = len(re.sub(r"\D", "", stripped))
                found.small += digits <= 3
                found.large += digits > 3
        return found

    def decimal(self, file: Decimal) -> Decimal:
        """The mark before decimals in a column with this evidence, in a file that means ``file`` by and large."""
        # One odd text among many that could be read both ways proves nothing.
        if self.comma > self.point:
            return "," if 20 * self.comma >= self.comma_either else "?"
        if self.point:
            return "." if 20 * self.point >= self.dot_either else "?"
        if not self.dot_either and not self.comma_either:
            return "."
        if file == "," or file == ".":
            return file
        if self.dot_either and self.comma_either:
            return "?"
        # Whole numbers below a thousand without a separator, and none above: the separator marks thousands.
        if self.small and not self.large:
            return "," if self.dot_either else "."
        if self.large:
            return "." if self.dot_either else ","
        return "?"


def decimal_of_file(cells: Iterable[str], delimiter: str) -> Decimal:
    """What the cells of a text file say about figures written in it.

    A file with decimal points alone, or without any sign of commas or dots used the continental way, is ``.``. Where
    semicolons or tabs part the fields and both ways of writing occur, or neither for certain, each column tells.
    """
    found = Evidence.of(cells)
    if found.comma:
        if not found.point and 2 * found.comma >= found.comma_either:
            return ","
        return "." if delimiter == "," else "?"
    if found.point or delimiter != ";":
        return "."
    return "?" if found.dot_either or found.comma_either else "."
