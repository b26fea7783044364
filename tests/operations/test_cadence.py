"""What the calendar expects of a publication, whatever exists of it."""

from datetime import date

import pytest

from datawarp.operations.cadence import cadence, successors
from datawarp.registry.periods import parse_period


def codes(periods):
    return [p.code for p in periods]


def test_a_month_between_two_releases_is_a_gap_and_months_after_the_last_are_late():
    have = [parse_period(c) for c in ("aug25", "oct25")]
    found = cadence(have, "monthly", date(2026, 3, 5), lag_days=60)
    assert codes(found.gaps) == ["sep25"]
    assert codes(found.late) == ["nov25", "dec25"]
    assert found.next_due == date(2026, 4, 1)


def test_the_spelling_of_a_period_does_not_make_a_gap():
    have = [parse_period(c) for c in ("2025-08", "sep25", "2025-10")]
    assert cadence(have, "monthly", date(2025, 11, 2)).gaps == []


@pytest.mark.parametrize(
    ("first", "frequency", "expected"),
    [
        ("dec25", "monthly", ["jan26", "feb26", "mar26"]),
        ("mar20", "quarterly", ["jun20", "sep20", "dec20"]),
        ("q3-2425", "quarterly", ["q4-2425", "q1-2526", "q2-2526"]),
        ("q1-2324", "annual", ["q1-2425", "q1-2526", "q1-2627"]),
        ("fy9899", "annual", ["fy9900", "fy0001", "fy0102"]),
        ("2019", "annual", ["2020", "2021", "2022"]),
        ("2020-w52", "weekly", ["2020-w53", "2021-w01", "2021-w02"]),
        ("2024-02-28", "daily", ["2024-02-29", "2024-03-01", "2024-03-02"]),
        ("2025-12-25", "weekly", ["2026-01-01", "2026-01-08", "2026-01-15"]),
    ],
)
def test_successors_follow_the_kind_of_period(first, frequency, expected):
    after = successors(parse_period(first), frequency)
    found = [next(after) for _ in expected]
    assert codes(found) == expected
    assert [parse_period(p.code).canonical for p in found] == [p.canonical for p in found]


def test_nothing_is_expected_without_a_frequency_or_of_a_kind_that_does_not_fit():
    assert cadence([parse_period("aug25")], "adhoc", date(2030, 1, 1)).late == []
    assert cadence([parse_period("aug25")], "weekly", date(2030, 1, 1)).late == []
    assert cadence([], "monthly", date(2030, 1, 1)).late == []
