"""What a column of texts is: numbers stored as text, codes, dates, or text; decided on counted distinct values.

These are pure functions on strings, so that a CSV streamed in batches is judged by the same rules as a
sheet: make a :class:`TextTally` of each batch's distinct values, add them up, and ask for its verdict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Literal

from datawarp.sheets.cells import is_marker, is_noted_number, number_in
from datawarp.sheets.notation import PLAIN, Decimal, Notation, in_points

TextClass = Literal[
    "integer", "decimal", "code", "marker", "noted", "iso_date", "day_first_date", "either_date", "same_date", "text"
]
ColumnType = Literal["integer", "numeric", "text", "date"]

_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17}|[1-9]\d{0,2}(?:,\d{3}){1,5})")
_PERCENT = re.compile(r"-?(\d{1,15}|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?\s*%")
_DECIMAL = re.compile(r"-?(?:\d{1,15}|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?(?:[eE][-+]\d{1,2})?")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_CODE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9_.:/-]+|0\d+")
# Symbols that stand for a figure and nothing else; a letter or a word alone may be a grade, a flag or a category.
_SYMBOL = re.compile(r"\*{1,6}|[-–—−]{1,20}|:{1,2}|\.{1,4}|…|~|\[(?:c|k|u|w|x|z|low)\]", re.I)
# The largest share of words among the filled cells of a column that is still one of figures.
MOST_WORDS = 0.1


@lru_cache(maxsize=131072)
def text_class(text: str, decimal: Decimal = ".") -> TextClass:
    """What one text is by itself. ``007`` is a code, ``1,234`` an integer, ``5%`` a noted number.

    ``decimal`` says how its column writes figures. Of dates, ``31/08/2025`` has its day first, ``03/04/2025`` may
    have either, and ``04/04/2025`` is one day both ways.
    """
    stripped = text.strip()
    if decimal == "." and _INTEGER.fullmatch(stripped):
        return "integer"
    if is_marker(stripped):
        return "marker"
    if match := _ISO.fullmatch(stripped):
        return "iso_date" if _is_day(match[1], match[2], match[3]) else "text"
    if match := _DAY_FIRST.fullmatch(stripped):
        return _date_class(int(match[1]), int(match[2])) if _is_day(match[3], match[2], match[1]) else "text"
    if re.fullmatch(r"0\d+|\d{19,}", stripped):
        return "code"
    pointed = in_points(stripped, decimal)
    if pointed is None:
        return "text"
    stripped = pointed
    if _INTEGER.fullmatch(stripped):
        return "integer"
    number = number_in(stripped)
    if number is not None:
        return "decimal" if _DECIMAL.fullmatch(stripped) else "noted"
    if is_noted_number(stripped):
        return "noted"
    return "code" if _CODE.fullmatch(stripped) else "text"


def _date_class(first: int, second: int) -> TextClass:
    if first == second:
        return "same_date"
    return "either_date" if first <= 12 else "day_first_date"


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


@dataclass
class TextTally:
    """How many cells of each class a column has, and which texts are kept as printed beside its figures."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    percent: int = 0

    @classmethod
    def of(cls, values: Mapping[str, int] | Iterable[str], notation: Notation = PLAIN) -> TextTally:
        """The tally of texts (given with their counts, or one by one) in a notation; blank ones are not counted."""
        tally = cls()
        counted = values if isinstance(values, Mapping) else Counter(values)
        for text, n in counted.items():
            if not text or text.isspace():
                continue
            found = text_class(text, notation.decimal)
            tally.counts[found] += n
            if found not in ("integer", "decimal"):
                tally.kept[text] += n
                tally.percent += n * (found == "noted" and text.rstrip().endswith("%"))
        return tally

    def __add__(self, other: TextTally) -> TextTally:
        return TextTally(self.counts + other.counts, self.kept + other.kept, self.percent + other.percent)

    @property
    def total(self) -> int:
        """Cells that hold something."""
        return self.counts.total()

    @property
    def all_percent(self) -> bool:
        """Whether every figure prints a percent sign."""
        return bool(self.percent) and self.percent == self.total - self.counts["marker"]

    def verdict(self, numbers: int = 0, whole_numbers: bool = True, day_first: bool = False) -> ColumnType:
        """The type of a column with these texts and ``numbers`` cells that are true numbers.

        Figures stay figures beside any number of markers; a word or two among them is kept as printed;
        a code among whole numbers makes a column of codes. Dates that may have their day or their month
        first stay text unless one of them, or ``day_first``, tells.
        """
        c = self.counts
        figures = numbers + c["integer"] + c["decimal"]
        slashed = c["day_first_date"] + c["either_date"] + c["same_date"]
        if not figures:
            if c["iso_date"] and c["iso_date"] + c["marker"] == self.total:
                return "date"
            if slashed and slashed + c["marker"] == self.total:
                return "date" if day_first or c["day_first_date"] or not c["either_date"] else "text"
            if self.total == c["marker"] and all(_SYMBOL.fullmatch(text.strip()) for text in self.kept):
                return "integer"  # suppressed whole in this release: a later one widens it
            return "numeric" if self.all_percent and not numbers else "text"
        whole = whole_numbers and not c["decimal"]
        others = c["text"] + c["code"] + c["iso_date"] + slashed
        if others and whole and (c["code"] or others > MOST_WORDS * figures):
            return "text"
        if others > MOST_WORDS * (figures + c["marker"]) or c["noted"] > figures + c["marker"]:
            return "text"
        return "integer" if whole else "numeric"


def figure(text: str, notation: Notation = PLAIN) -> float | int | None:
    """The number that a text of class integer or decimal prints, or None for any other text.

    In a column of percentages ``12.5%`` is 0.125, as in a spreadsheet.
    """
    if text_class(text, notation.decimal) in ("integer", "decimal"):
        return number_in(in_points(text.strip(), notation.decimal) or "")
    if notation.percent:
        pointed = in_points(text.strip(), notation.decimal) or ""
        if _PERCENT.fullmatch(pointed):
            return float(pointed.rstrip("% ").replace(",", "") + "e-2")
    return None


def day_in(text: str) -> date | None:
    """The day that ``2025-08-31`` or ``31/08/2025`` prints, or None."""
    stripped = text.strip()
    try:
        if match := _ISO.fullmatch(stripped):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := _DAY_FIRST.fullmatch(stripped):
            return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return None
    return None


def classify_text(values: Mapping[str, int] | Iterable[str], notation: Notation = PLAIN) -> ColumnType:
    """The type of a column that holds nothing but these texts."""
    return TextTally.of(values, notation).verdict()
