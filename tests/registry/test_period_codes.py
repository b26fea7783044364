"""The period grammar, for every period there is."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawarp.errors import RegistryError
from datawarp.registry.periods import ACCEPTED_FORMS, MONTHS, parse_period

# What two digits can say: 69 is 1969, 68 is 2068.
years = st.integers(1969, 2067)
days = st.dates(date(1969, 1, 1), date(2068, 12, 31))


@given(days)
def test_both_spellings_of_a_month_name_the_same_period(day: date) -> None:
    short = parse_period(f"{MONTHS[day.month - 1]}{day:%y}")
    long = parse_period(f"{day:%Y-%m}")
    assert (short.canonical, short.start, short.end) == (long.canonical, long.start, long.end)
    assert short.start <= day <= short.end
    assert (short.start.day, (short.end + timedelta(days=1)).day) == (1, 1)


@given(years)
def test_quarters_tile_their_year(year: int) -> None:
    span = f"{year % 100:02d}{(year + 1) % 100:02d}"
    whole = parse_period(f"fy{span}")
    quarters = [parse_period(f"q{n}-{span}") for n in (1, 2, 3, 4)]
    assert (quarters[0].start, quarters[3].end) == (whole.start, whole.end) == (date(year, 4, 1), date(year + 1, 3, 31))
    for before, after in pairwise(quarters):
        assert after.start == before.end + timedelta(days=1)
    assert [q.canonical for q in quarters] == [f"{whole.canonical}-Q{n}" for n in (1, 2, 3, 4)]


@given(days)
def test_weeks_and_days_hold_their_day(day: date) -> None:
    year, week, _ = day.isocalendar()
    found = parse_period(f"{year}-w{week:02d}")
    assert found.start <= day <= found.end
    assert (found.start.isoweekday(), (found.end - found.start).days) == (1, 6)
    same = parse_period(day.isoformat())
    assert same.start == same.end == day


@given(st.one_of(days.map(lambda d: d.isoformat()), days.map(lambda d: f"{d:%Y-%m}"), years.map(str)))
def test_canonical_months_days_and_years_read_as_themselves(code: str) -> None:
    assert parse_period(parse_period(code).canonical).canonical == code


@given(st.text(max_size=12))
def test_any_text_is_a_period_or_an_error_that_lists_the_forms(text: str) -> None:
    try:
        assert "_" not in parse_period(text).code
    except RegistryError as problem:
        assert ACCEPTED_FORMS in str(problem)


@pytest.mark.parametrize(
    ("code", "canonical", "start", "end"),
    [
        ("aug25", "2025-08", "2025-08-01", "2025-08-31"),
        ("feb24", "2024-02", "2024-02-01", "2024-02-29"),
        ("q1-2526", "2025-26-Q1", "2025-04-01", "2025-06-30"),
        ("q4-2526", "2025-26-Q4", "2026-01-01", "2026-03-31"),
        ("fy9900", "1999-00", "1999-04-01", "2000-03-31"),
        ("dec68", "2068-12", "2068-12-01", "2068-12-31"),
        ("2025", "2025", "2025-01-01", "2025-12-31"),
        ("2026-w53", "2026-W53", "2026-12-28", "2027-01-03"),
    ],
)
def test_known_periods(code: str, canonical: str, start: str, end: str) -> None:
    found = parse_period(code)
    assert (found.canonical, found.start.isoformat(), found.end.isoformat()) == (canonical, start, end)


@pytest.mark.parametrize(
    "code",
    [
        *("Aug25", "august25", "aug2025", "2025-13", "2025-8", "q5-2526", "q1-2527", "fy2527", "2025-w53"),
        *("2025-02-30", "aug25 ", "aug_25", "", "1825", "2025-w00", "aug２5", "２025-08"),
    ],
)
def test_what_is_no_period(code: str) -> None:
    with pytest.raises(RegistryError, match="write it as aug25"):
        parse_period(code)
