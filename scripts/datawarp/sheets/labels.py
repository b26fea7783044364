"""Periods as headers print them: ``Apr-24``, ``Q1 2024/25``, ``2024/25``, ``Week 12``, dates.

``read_label`` says which period one header names; whether a row of them is a series is judged in
:mod:`datawarp.sheets.wide`. Footnote marks behind a period are ignored (``Aug-24 [7]``, ``Apr-217, 8``). An
age band (``10-12``), a code or a plain number is no period: only years between 1900 and 2100 are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise

from datawarp.registry.periods import MONTHS
from datawarp.sheets.cells import one_line
from datawarp.sheets.grid import Cell


@dataclass(frozen=True)
class PeriodLabel:
    """One period in a header.

    ``kind`` is month, quarter, financial_year, year, week or day; ``order`` counts periods of that kind, so
    that consecutive ones differ by 1; ``canonical`` is the contract's form (``2024-04``, ``2024-25-Q1``, ``2024-25``).
    """

    kind: str
    order: int
    canonical: str


_MONTH = rf"({'|'.join(MONTHS)})[a-z]*\.?"
# A footnote mark fused behind a period: [7], (3), [note 2], *, r, p, superscript lists.
_MARKS = re.compile(
    r"(?:\s*(?:\[[^\]]*\]|\((?:[a-z]|\d{1,2}|note\s*\d+|r|p|provisional|revised)\)|[*†‡\u00b9\u00b2\u00b3\u2070-\u2079]+"
    r"|\b[rpe]\b|(?<=\d)[rpe]))+\s*$",
    re.I,
)
_LEADS = re.compile(
    r"^(?:(?:as\s+at|at|to|(?:month|week|period|fy)(?:\s+(?:end(?:ing|ed)?|to))?|ending|ended)\b[:\s]*)+", re.I
)


TIME_WORD = re.compile(r"(?:reference\s+|time\s+)?(?:time|years?|months?|quarters?|weeks?|dates?|days?|periods?)", re.I)


def is_time_word(value: Cell) -> bool:
    """Whether a heading says that what lies below it are times: ``Year``, ``Time period``, ``Reference month``."""
    return isinstance(value, str) and TIME_WORD.fullmatch(value.strip()) is not None


def _century(two_or_four: str) -> int:
    if len(two_or_four) == 4:
        return int(two_or_four)
    number = int(two_or_four)
    return 2000 + number if number < 70 else 1900 + number


def month_label(year: int, month: int) -> PeriodLabel:
    """The calendar month."""
    return PeriodLabel("month", year * 12 + month - 1, f"{year:04d}-{month:02d}")


def financial_year_label(year: int) -> PeriodLabel:
    """The April–March year that begins in ``year``."""
    return PeriodLabel("financial_year", year, f"{year:04d}-{(year + 1) % 100:02d}")


def financial_quarter_label(year: int, quarter: int) -> PeriodLabel:
    """Quarter 1–4 of the April–March year that begins in ``year``."""
    return PeriodLabel("quarter", year * 4 + quarter, f"{year:04d}-{(year + 1) % 100:02d}-Q{quarter}")


def calendar_quarter_label(year: int, quarter: int) -> PeriodLabel:
    """Quarter 1–4 of a calendar year; printed without a financial year it is not turned into one."""
    return PeriodLabel("calendar_quarter", year * 4 + quarter, f"{year:04d}-Q{quarter}")


def day_label(day: date) -> PeriodLabel:
    """A single day."""
    return PeriodLabel("day", day.toordinal(), day.isoformat())


def _months_span(m: re.Match[str]) -> PeriodLabel | None:
    first, last = MONTHS.index(m[1].lower()) + 1, MONTHS.index(m[2].lower()) + 1
    if (last - first) % 12 != 2 or first % 3 != 1:
        return None
    year = _century(m[3])
    return financial_quarter_label(year, (first - 4) // 3 + 1) if first >= 4 else financial_quarter_label(year - 1, 4)


def _quarter_ending(year: int, month: int) -> PeriodLabel | None:
    """The quarter of an April–March year whose last month this is."""
    if month % 3:
        return None
    return financial_quarter_label(year - 1, 4) if month == 3 else financial_quarter_label(year, month // 3 - 1)


def _year_ending(year: int, month: int) -> PeriodLabel | None:
    """The April–March or calendar year whose last month this is; other years have no name of their own."""
    if month == 3:
        return financial_year_label(year - 1)
    return PeriodLabel("year", year, f"{year:04d}") if month == 12 else None


def _from_to(m: re.Match[str]) -> PeriodLabel | None:
    """``Apr 2022 to Mar 2023``: a year or a quarter by its first and last month."""
    first, last = _century(m[2]) * 12 + _month(m[1]), _century(m[4]) * 12 + _month(m[3])
    end = _century(m[4]), _month(m[3])
    return _year_ending(*end) if last - first == 11 else _quarter_ending(*end) if last - first == 2 else None


def _consecutive(first: str, second: str) -> int | None:
    begin = _century(first)
    return begin if (begin + 1) % 100 == int(second) % 100 and (len(second) == 2 or int(second) == begin + 1) else None


def _financial_year(m: re.Match[str]) -> PeriodLabel | None:
    begin = _consecutive(m[1], m[2])
    return financial_year_label(begin) if begin is not None and 1900 <= begin <= 2100 else None


def _quarter_of_financial_year(year: str, second: str, quarter: str) -> PeriodLabel | None:
    begin = _consecutive(year, second)
    return financial_quarter_label(begin, int(quarter)) if begin is not None else None


def _day(year: str, month: str | int, day: str) -> PeriodLabel | None:
    try:
        return day_label(date(_century(year), int(month), int(day)))
    except ValueError:
        return None


def _year(m: re.Match[str]) -> PeriodLabel | None:
    year = int(m[1])
    return PeriodLabel("year", year, f"{year:04d}") if 1900 <= year <= 2100 else None


def _week(m: re.Match[str]) -> PeriodLabel | None:
    week = int(m[1])
    return PeriodLabel("week_number", week, f"W{week:02d}") if 1 <= week <= 53 else None


_Y = r"(\d{4}|\d{2})"
_FORMS: tuple[tuple[str, Callable[[re.Match[str]], PeriodLabel | None]], ...] = (
    (rf"{_MONTH}[\s\-–/,']*(?:to|-|–|/)[\s]*{_MONTH}[\s\-–,']*{_Y}", _months_span),
    (rf"{_MONTH}[\s\-–,']*{_Y}\s*(?:to|-|–)\s*{_MONTH}[\s\-–,']*{_Y}", _from_to),
    (rf"(?:(?:financial\s+)?year|12\s+months|twelve\s+months)\s+(?:end(?:ing|ed)|to)\s+(?:\d{{1,2}}\s+)?{_MONTH}[\s\-–,']*{_Y}",
     lambda m: _year_ending(_century(m[2]), _month(m[1]))),
    (rf"(?:quarter|qtr|(?:3|three)\s+months)\s+(?:end(?:ing|ed)|to)\s+(?:\d{{1,2}}\s+)?{_MONTH}[\s\-–,']*{_Y}",
     lambda m: _quarter_ending(_century(m[2]), _month(m[1]))),
    (rf"{_MONTH}[\s\-–/,']*(\d{{4}}|\d{{2}})", lambda m: month_label(_century(m[2]), _month(m[1]))),
    (rf"(\d{{4}})[\s\-–/,']*{_MONTH}", lambda m: month_label(int(m[1]), _month(m[2]))),
    (rf"(\d{{1,2}})(?:st|nd|rd|th)?[\s\-–/]*{_MONTH}[\s\-–/,']*{_Y}", lambda m: _day(m[3], _month(m[2]), m[1])),
    (r"(\d{4})-(\d\d)-(\d\d)(?:[ T]00:00(?::00)?)?", lambda m: _day(m[1], m[2], m[3])),
    (r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})", lambda m: _day(m[3], m[2], m[1])),
    (r"(\d{4})[-/]?(0[1-9]|1[0-2])", lambda m: None if _financial_year(m) else month_label(int(m[1]), int(m[2]))),
    (r"(\d{4})\s?(?:/|-|–|to)\s?(\d{4}|\d{2})", _financial_year),
    (r"(?:q|qtr|quarter)\s?([1-4])[\s,\-–]*(\d{4})\s?[/\-–]\s?(\d{4}|\d{2})",
     lambda m: _quarter_of_financial_year(m[2], m[3], m[1])),
    (r"(\d{4})\s?[/\-–]\s?(\d{4}|\d{2})[\s,\-–]*(?:q|qtr|quarter)\s?([1-4])",
     lambda m: _quarter_of_financial_year(m[1], m[2], m[3])),
    (r"(?:q|qtr|quarter)\s?([1-4])[\s,\-–/]*(\d{4})", lambda m: calendar_quarter_label(int(m[2]), int(m[1]))),
    (r"(\d{4})[\s,\-–/]*(?:q|qtr|quarter)\s?([1-4])", lambda m: calendar_quarter_label(int(m[1]), int(m[2]))),
    (r"([1-4])(?:st|nd|rd|th)\s+(?:quarter|qtr)\s*,?\s*(\d{4})",
     lambda m: calendar_quarter_label(int(m[2]), int(m[1]))),
    (r"(\d{4})\s*,?\s*([1-4])(?:st|nd|rd|th)\s+(?:quarter|qtr)",
     lambda m: calendar_quarter_label(int(m[1]), int(m[2]))),
    (r"(\d{4})(?:\.0)?", _year),
    (r"(?:week|wk|w)(?:\s*(?:no\.?|number))?[\s\-]*(\d{1,2})", _week),
    (r"(\d{4})[\s\-]*w(?:eek|k)?[\s\-]*(\d{1,2})", lambda m: _iso_week(m[1], m[2])),
    (r"(?:week|wk|w)[\s\-]*(\d{1,2})[\s,\-–/]*(\d{4})", lambda m: _iso_week(m[2], m[1])),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.I), read) for pattern, read in _FORMS)


def _month(name: str) -> int:
    return MONTHS.index(name.lower()[:3]) + 1


def _iso_week(year: str, week: str) -> PeriodLabel | None:
    try:
        monday = date.fromisocalendar(int(year), int(week), 1)
    except ValueError:
        return None
    return PeriodLabel("week", monday.toordinal() // 7, f"{int(year):04d}-W{int(week):02d}")


@lru_cache(maxsize=8192)
def _read_text(text: str) -> PeriodLabel | None:
    if not any(c.isdigit() for c in text) or len(text) > 60:
        return None
    for candidate in (text, _MARKS.sub("", text), _LEADS.sub("", _MARKS.sub("", text))):
        for pattern, read in _PATTERNS:
            match = pattern.fullmatch(candidate.strip())
            if match and (label := read(match)):
                return label
    # Footnote numbers printed as superscripts run into the year: Apr-217, 8 is April 2021, notes 7 and 8.
    match = re.fullmatch(rf"{_MONTH}[\s\-–']*(\d\d)\d{{1,2}}(?:\s*,\s*\d{{1,2}})*", text.strip(), re.I)
    return month_label(_century(match[2]), _month(match[1])) if match else None


def read_label(value: Cell) -> PeriodLabel | None:
    """The period that a header cell names, or None."""
    if isinstance(value, datetime):
        return day_label(value.date())
    if isinstance(value, date):
        return day_label(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float | int):
        is_year = float(value).is_integer() and 1900 <= value <= 2100
        return PeriodLabel("year", int(value), f"{int(value):04d}") if is_year else None
    return _read_text(one_line(value)) if isinstance(value, str) else None


def as_series(labels: list[PeriodLabel]) -> list[PeriodLabel] | None:
    """The labels as consecutive periods of one kind, or None.

    Days a month, a quarter, a year or a week apart become months, quarters, years or weeks. Both directions count.
    """
    if len(labels) < 2 or len({label.kind for label in labels}) != 1:
        return None
    if labels[0].kind == "day":
        labels = _days_as_periods(labels) or labels
    steps = {b.order - a.order for a, b in pairwise(labels)}
    return labels if steps in ({1}, {-1}) else None


def _days_as_periods(labels: list[PeriodLabel]) -> list[PeriodLabel] | None:
    days = [date.fromordinal(label.order) for label in labels]
    steps = {abs((b - a).days) for a, b in pairwise(days)}
    if steps == {7}:
        weeks = []
        for day in days:
            iso = day.isocalendar()
            weeks.append(PeriodLabel("week", day.toordinal() // 7, f"{iso.year:04d}-W{iso.week:02d}"))
        return weeks
    if steps <= {28, 29, 30, 31}:
        return [month_label(day.year, day.month) for day in days]
    if steps <= {89, 90, 91, 92}:
        return [PeriodLabel("quarter", day.year * 4 + (day.month - 1) // 3, _quarter_of(day)) for day in days]
    if steps <= {364, 365, 366}:
        return [PeriodLabel("year", day.year, day.isoformat()) for day in days]
    return None


def _quarter_of(day: date) -> str:
    """The April–March quarter that a day lies in."""
    year = day.year if day.month >= 4 else day.year - 1
    return financial_quarter_label(year, (day.month - 4) % 12 // 3 + 1).canonical
