"""Period codes: how a release's period is written in the registry and what it stands for.

The grammar is that of the contract (docs/reference/periods.md): months, April–March quarters and
years, calendar years, ISO weeks and days. A code has no underscore, so that ``<publication>_<period>``
can be taken apart again.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from datawarp.errors import RegistryError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

ACCEPTED_FORMS = (
    "aug25 or 2025-08 (month), q1-2526 (quarter of an April–March year), fy2526 (April–March year), "
    "2025 (calendar year), 2025-w42 (ISO week), 2025-08-31 (day)"
)


@dataclass(frozen=True)
class Period:
    """One period: its ``code`` as written, its ``canonical`` form (``_period``), and its days.

    ``kind`` is month, quarter, financial_year, year, week or day; ``start`` and ``end`` are both
    inside the period. Two periods are the same when their ``canonical`` forms are.
    """

    code: str
    canonical: str
    kind: str
    start: date
    end: date

    @property
    def order(self) -> tuple[date, date]:
        """Sort key: by first day, then by last."""
        return (self.start, self.end)


def month_period(code: str, year: int, month: int) -> Period:
    """The calendar month ``month`` (1–12) of ``year``."""
    last = calendar.monthrange(year, month)[1]
    return Period(code, f"{year:04d}-{month:02d}", "month", date(year, month, 1), date(year, month, last))


def quarter_period(code: str, year: int, quarter: int) -> Period:
    """Quarter 1–4 of the April–March year that begins in ``year``."""
    begins = 4 + 3 * (quarter - 1)
    first_year, month = (year, begins) if begins <= 12 else (year + 1, begins - 12)
    end = month_period("", first_year, month + 2).end
    canonical = f"{year:04d}-{(year + 1) % 100:02d}-Q{quarter}"
    return Period(code, canonical, "quarter", date(first_year, month, 1), end)


def financial_year_period(code: str, year: int) -> Period:
    """The April–March year that begins in ``year``."""
    canonical = f"{year:04d}-{(year + 1) % 100:02d}"
    return Period(code, canonical, "financial_year", date(year, 4, 1), date(year + 1, 3, 31))


def week_period(code: str, year: int, week: int) -> Period:
    """ISO week ``week`` of ``year``, Monday to Sunday; ``ValueError`` when the year has no such week."""
    monday = date.fromisocalendar(year, week, 1)
    return Period(code, f"{year:04d}-W{week:02d}", "week", monday, monday + timedelta(days=6))


def full_year(two_digits: str) -> int:
    """``25`` → 2025 and ``98`` → 1998, with the turn at 69 as POSIX has it."""
    year = int(two_digits)
    return 1900 + year if year >= 69 else 2000 + year


def _two_digit_years(first: str, second: str) -> int:
    if (int(first) + 1) % 100 != int(second):
        raise ValueError(f"{first}{second} are not two consecutive years")
    return full_year(first)


def _month_name(code: str, m: re.Match[str]) -> Period:
    return month_period(code, full_year(m[2]), MONTHS.index(m[1]) + 1)


def _month_number(code: str, m: re.Match[str]) -> Period:
    return month_period(code, int(m[1]), int(m[2]))


def _quarter(code: str, m: re.Match[str]) -> Period:
    return quarter_period(code, _two_digit_years(m[2], m[3]), int(m[1]))


def _financial_year(code: str, m: re.Match[str]) -> Period:
    return financial_year_period(code, _two_digit_years(m[1], m[2]))


def _year(code: str, m: re.Match[str]) -> Period:
    year = int(m[1])
    return Period(code, m[1], "year", date(year, 1, 1), date(year, 12, 31))


def _week(code: str, m: re.Match[str]) -> Period:
    return week_period(code, int(m[1]), int(m[2]))


def _day(code: str, m: re.Match[str]) -> Period:
    day = date(int(m[1]), int(m[2]), int(m[3]))
    return Period(code, day.isoformat(), "day", day, day)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str]], Period]], ...] = (
    (re.compile(rf"({'|'.join(MONTHS)})([0-9][0-9])"), _month_name),
    (re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])"), _month_number),
    (re.compile(r"q([1-4])-([0-9][0-9])([0-9][0-9])"), _quarter),
    (re.compile(r"fy([0-9][0-9])([0-9][0-9])"), _financial_year),
    (re.compile(r"((?:19|20|21)[0-9][0-9])"), _year),
    (re.compile(r"([0-9]{4})-w([0-9][0-9])"), _week),
    (re.compile(r"([0-9]{4})-([0-9][0-9])-([0-9][0-9])"), _day),
)

PERIOD_PATTERN = "^(" + "|".join(pattern.pattern for pattern, _ in _FORMS) + ")$"
"""All forms as one pattern, for editors; it does not know that a year may lack a week 53."""


def parse_period(code: str) -> Period:
    """The period that ``code`` names; raises :class:`RegistryError` listing the accepted forms."""
    for pattern, build in _FORMS:
        match = pattern.fullmatch(code)
        if match:
            try:
                return build(code, match)
            except ValueError as problem:
                raise RegistryError(
                    f"period {code!r} does not exist: {problem}", hint=f"write it as {ACCEPTED_FORMS}"
                ) from None
    raise RegistryError(f"period {code!r} cannot be read", hint=f"write it as {ACCEPTED_FORMS}")
