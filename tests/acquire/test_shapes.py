"""Periods in addresses as publishers write them, and the shapes that are left."""

from __future__ import annotations

from pathlib import Path

import pytest

from datawarp.acquire.shapes import find_periods, shape_of
from datawarp.registry.periods import parse_period
from datawarp.registry.registry import read_registry

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("august-2025", "month", "2025-08"),
        ("ADHD_Aug25", "month", "2025-08"),
        ("Incomplete-Provider-Sept-25-XLSX", "month", "2025-09"),
        ("Sep-2025-Handover-times", "month", "2025-09"),
        ("31-december-2025", "month", "2025-12"),
        ("1st-march-2025", "month", "2025-03"),
        ("WLMDS-Summary-to-28-Dec-2025", "month", "2025-12"),
        ("dqmi-2025-03", "month", "2025-03"),
        ("extract_202503", "month", "2025-03"),
        ("deaths-2025-03-31", "month", "2025-03"),
        ("2025-august-data", "month", "2025-08"),
        ("Q1-2025-26", "quarter", "2025-26-Q1"),
        ("Quarter-2-2025-2026-AE", "quarter", "2025-26-Q2"),
        ("2025-26-q3", "quarter", "2025-26-Q3"),
        ("beds-q4-2425", "quarter", "2024-25-Q4"),
        ("april-to-june-2025", "quarter", "2025-26-Q1"),
        ("october-2025-to-december-2025", "quarter", "2025-26-Q3"),
        ("january-march-2026", "quarter", "2025-26-Q4"),
        ("qof-2024-25", "financial_year", "2024-25"),
        ("annual-2024-to-2025", "year", "2024"),
        ("fy2425", "financial_year", "2024-25"),
        ("week-42-2025", "week", "2025-W42"),
        ("2025-w42", "week", "2025-W42"),
        ("week-ending-19-october-2025", "week", "2025-W42"),
        ("20251019", "day", "2025-10-19"),
    ],
)
def test_a_period_in_a_slug(text: str, kind: str, canonical: str) -> None:
    assert find_periods(text, kind)[0].period.canonical == canonical


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("summary-2025", "month"),
        ("margins25", "month"),
        ("2025-26", "month"),
        ("v2-1", "month"),
        ("123202503", "month"),
        ("2025-27", "financial_year"),
        ("april-to-july-2025", "quarter"),
        ("q5-2025-26", "quarter"),
        ("31-february-2025", "day"),
        ("week-60-2025", "week"),
    ],
)
def test_what_is_no_period_in_a_slug(text: str, kind: str) -> None:
    assert find_periods(text, kind) == []


def test_every_release_of_the_shipped_registry_has_its_period_in_its_address() -> None:
    shapes: dict[str, set[str]] = {}
    for unit in read_registry(ROOT / "config" / "publications.yaml").units():
        shape = shape_of(unit.url, unit.when.kind)
        assert shape is not None, unit.url
        assert shape.period.canonical == parse_period(unit.period).canonical, unit.url
        shapes.setdefault(unit.publication, set()).add(shape.text)
    several = {publication for publication, found in shapes.items() if len(found) > 1}
    assert several == {"ambulance_handovers"}  # its publisher renames the file every few months


def test_shapes_tell_the_files_of_one_page_apart() -> None:
    base = "https://www.england.nhs.uk/statistics/wp-content/uploads/sites/2"
    november = shape_of(f"{base}/2025/12/November-2025-AE-by-provider-0Qu74-1.xls", "month")
    december = shape_of(f"{base}/2026/01/December-2025-AE-by-provider-Sa9Xc.xls", "month")
    other = shape_of(f"{base}/2026/01/December-2025-AE-by-system-Sa9Xc.xls", "month")
    assert november and december and other
    assert november.text == december.text != other.text
    assert shape_of(f"{base}/2026/01/Time-Series-April-2024-to-December-2025.xls", "month") is None
