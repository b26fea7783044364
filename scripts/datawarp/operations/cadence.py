"""Which periods a publication ought to have, by the calendar and not by the rows that exist.

A publication that comes out monthly has a release for every month from its first registered period
on; a period is due once its last day and the publisher's usual lag have passed. Looking for gaps
among existing rows only would miss a period of which nothing exists at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from datawarp.registry.models import Frequency
from datawarp.registry.periods import (
    MONTHS,
    Period,
    financial_year_period,
    month_period,
    quarter_period,
    week_period,
)

# Days after a period's last day by which its release is usually out; a publication's own `lag_days` overrules.
USUAL_LAG: dict[Frequency, int] = {
    "hourly": 2,
    "daily": 3,
    "weekly": 14,
    "monthly": 60,
    "quarterly": 100,
    "annual": 300,
}

_MONTHS_PER_STEP: dict[Frequency, int] = {"monthly": 1, "quarterly": 3, "annual": 12}
_DAYS_PER_STEP: dict[Frequency, int] = {"hourly": 1, "daily": 1, "weekly": 7}


@dataclass(frozen=True)
class Cadence:
    """Expected periods of a publication against those it has.

    ``gaps`` lie between registered periods, ``late`` after the last one and already due.
    ``next_due`` is the day by which the next period is usually out, ``None`` without a cadence.
    """

    gaps: list[Period]
    late: list[Period]
    next_due: date | None


def cadence(periods: Iterable[Period], frequency: Frequency, today: date, lag_days: int | None = None) -> Cadence:
    """Compare the registered ``periods`` of one publication with its ``frequency`` up to ``today``.

    Without a frequency (``adhoc``), without periods, or where the kind of period does not fit the
    frequency (a weekly publication with monthly codes) nothing is expected.
    """
    have = sorted(periods, key=lambda p: p.order)
    if not have or frequency == "adhoc":
        return Cadence([], [], None)
    lag = timedelta(days=USUAL_LAG[frequency] if lag_days is None else lag_days)
    known = {p.canonical for p in have}
    covered = [(p.start, p.end) for p in have]
    gaps: list[Period] = []
    late: list[Period] = []
    last = have[-1]
    for expected in successors(have[0], frequency):
        if expected.start > last.start and expected.end + lag >= today:
            return Cadence(gaps, late, expected.end + lag)
        if expected.canonical in known or any(s <= expected.end and e >= expected.start for s, e in covered):
            continue
        (late if expected.start > last.start else gaps).append(expected)
    return Cadence(gaps, late, None)


def successors(first: Period, frequency: Frequency) -> Iterator[Period]:
    """The periods after ``first`` one step of ``frequency`` apart, of the same kind; endless or empty."""
    months = _MONTHS_PER_STEP.get(frequency)
    days = _DAYS_PER_STEP.get(frequency)
    if first.kind == "week" and frequency == "weekly":
        return _weeks(first)
    if first.kind == "day" and days:
        return _days(first, days)
    if first.kind in ("month", "day") and months:
        return _months(first, months)
    if first.kind == "quarter" and months and months >= 3:
        return _quarters(first, months // 3)
    if first.kind in ("year", "financial_year") and frequency == "annual":
        return _years(first)
    return iter(())


def _months(first: Period, step: int) -> Iterator[Period]:
    at = first.start.year * 12 + first.start.month - 1
    while True:
        at += step
        year, month = divmod(at, 12)
        yield month_period(f"{MONTHS[month]}{year % 100:02d}", year, month + 1)


def _quarters(first: Period, step: int) -> Iterator[Period]:
    # Quarters of April–March years, counted from April of year 0.
    at = (first.start.year * 12 + first.start.month - 4) // 3
    while True:
        at += step
        year, quarter = divmod(at, 4)
        code = f"q{quarter + 1}-{year % 100:02d}{(year + 1) % 100:02d}"
        yield quarter_period(code, year, quarter + 1)


def _years(first: Period) -> Iterator[Period]:
    year = first.start.year
    while True:
        year += 1
        if first.kind == "financial_year":
            yield financial_year_period(f"fy{year % 100:02d}{(year + 1) % 100:02d}", year)
        else:
            yield Period(str(year), str(year), "year", date(year, 1, 1), date(year, 12, 31))


def _weeks(first: Period) -> Iterator[Period]:
    monday = first.start
    while True:
        monday += timedelta(days=7)
        year, week, _ = monday.isocalendar()
        yield week_period(f"{year}-w{week:02d}", year, week)


def _days(first: Period, step: int) -> Iterator[Period]:
    day = first.start
    while True:
        day += timedelta(days=step)
        yield Period(day.isoformat(), day.isoformat(), "day", day, day)
