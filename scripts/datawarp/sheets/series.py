"""Numbers and dates that are headings by what they are: years, weeks, ages, month ends, points of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from datawarp.sheets.cells import number_in
from datawarp.sheets.grid import Cell


def is_sequence(values: Sequence[Cell]) -> bool:
    """Whether header numbers or dates are a series: years, week numbers, ages, month ends."""
    values = [number_in(v) if isinstance(v, str) and number_in(v) is not None else v for v in values]
    dates = [v for v in values if isinstance(v, date)]
    numbers = [v for v in values if isinstance(v, int | float)]
    if dates and not all(1950 <= n <= 2100 for n in numbers):
        return False  # a year beside months is their total
    if dates:
        return len(dates) >= 2 and len(set(dates)) >= 2
    if not numbers or not all(float(n).is_integer() for n in numbers):
        return False
    if all(1950 <= n <= 2100 for n in numbers):
        years = list(dict.fromkeys(numbers))
        ordered = years in (sorted(years), sorted(years, reverse=True)) or max(years) - min(years) < len(years)
        return len(years) >= 2 and ordered
    if is_serial_days(numbers):
        return True
    # A sequence may start anew in every group (1 2 3 1 2 3), so its distinct members decide.
    distinct = list(dict.fromkeys(numbers))
    steps = {b - a for a, b in pairwise(distinct)}
    if len(steps) != 1 or len(distinct) < 3 or abs(distinct[0]) > 120:
        return False
    step = abs(steps.pop())
    return step == 1 or (step in (5, 10) and len(distinct) >= 4 and distinct[0] % step == 0)


def may_be_counts(values: Sequence[Cell], beside: Sequence[Cell]) -> bool:
    """Whether numbers like years are counts of about 2,000: in uneven steps, and figures ``beside`` them are like them.

    ``beside`` are those of the row above or below.
    """
    numbers, others = _numbers(values), _numbers(beside)
    if len(numbers) < 2 or not all(1950 <= n <= 2100 for n in numbers):
        return False
    steps = {abs(b - a) for a, b in pairwise(dict.fromkeys(numbers))}
    even = len(steps) == 1 and (len(set(numbers)) > 2 or steps <= {1, 5, 10})
    return not even and 2 * sum(1950 <= n <= 2100 for n in others) >= max(1, len(numbers))


def _numbers(values: Sequence[Cell]) -> list[int | float]:
    found = [number_in(v) if isinstance(v, str) else v for v in values]
    return [n for n in found if isinstance(n, int | float)]


def is_serial_days(numbers: Sequence[int | float]) -> bool:
    """Whether numbers are days as a spreadsheet counts them, of 2000 to 2050: days, weeks or months apart."""
    if len(numbers) < 3 or not all(36526 <= n <= 55153 for n in numbers):
        return False
    steps = {b - a for a, b in pairwise(numbers)}
    return steps in ({1}, {7}) or (len(numbers) >= 4 and steps <= {28, 29, 30, 31})


def is_long_sequence(values: Sequence[Cell]) -> bool:
    """Whether figures can only be headings: dates, years up or down, or six and more numbers in step."""
    if not is_sequence(values):
        return False
    numbers = [n for v in values if (n := number_in(v) if isinstance(v, str) else v) is not None]
    if all(isinstance(n, date) for n in numbers):
        return True
    distinct = [n for n in dict.fromkeys(numbers) if isinstance(n, int | float)]
    if all(1950 <= n <= 2100 for n in distinct):
        return distinct in (sorted(distinct), sorted(distinct, reverse=True))
    return len(distinct) >= 6 or is_serial_days(distinct)


def is_scale(values: Sequence[Cell]) -> bool:
    """Whether numbers are points of a scale from 0 to 120, uneven ones too: percentiles 10, 20, 25; ages 0, 1, 5."""
    numbers = [number_in(v) if isinstance(v, str) else v for v in values]
    whole = [n for n in numbers if isinstance(n, int | float) and 0 <= n <= 120 and float(n).is_integer()]
    return len(whole) == len(values) >= 4 and all(a < b for a, b in pairwise(whole))
