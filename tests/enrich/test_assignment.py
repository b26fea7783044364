"""The assignment is that of scipy, also among equally good ones."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from datawarp.enrich.assignment import best_assignment


def of_scipy(weights: list[list[float]]) -> list[tuple[int, int]]:
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


# Few values make ties, which is what tables that are alike have.
FEW = st.sampled_from([0.0, 0.0, 0.5, 0.75, 0.8, 1.8, 2.3, 2.3 - 1e-16])
ANY = st.floats(0, 3, allow_nan=False, width=64)


@st.composite
def matrices(draw: st.DrawFn) -> list[list[float]]:
    columns, values = draw(st.integers(1, 9)), draw(st.sampled_from([FEW, ANY]))
    row = st.lists(values, min_size=columns, max_size=columns)
    return draw(st.lists(row, min_size=1, max_size=9))


@given(matrices())
def test_it_chooses_as_scipy_does(weights: list[list[float]]) -> None:
    assert best_assignment(weights) == of_scipy(weights)


@pytest.mark.parametrize("shape", [(40, 40), (12, 90), (90, 12), (60, 61)])
def test_it_chooses_as_scipy_does_in_larger_releases(shape: tuple[int, int]) -> None:
    rng = random.Random(f"{shape}")
    for digits in (0, 1, 2, 16):  # from many ties to none
        weights = [
            [round(rng.random() * 2, digits) * (rng.random() < 0.4) for _ in range(shape[1])] for _ in range(shape[0])
        ]
        assert best_assignment(weights) == of_scipy(weights)


def test_nothing_is_assigned_to_nothing() -> None:
    assert best_assignment([]) == best_assignment([[], []]) == []
