"""Values that change their type, or must not."""

from __future__ import annotations

import pytest

from datawarp.warehouse.types import ColumnType, fitted


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("12", "integer", 12),
        ("007", "integer", None),
        ("2.5", "integer", None),
        ("2.50", "numeric", 2.5),
        ("0.1", "numeric", 0.1),
        ("9007199254740993", "numeric", None),
        ("0.12345678901234567890", "numeric", None),
        ("9" * 400, "numeric", None),
        ("1e5", "numeric", None),
        ("٣", "integer", None),
        ("2025-08-31", "date", "2025-08-31"),
        ("31/08/2025", "date", None),
    ],
)
def test_a_value_fits_a_type_when_nothing_of_it_is_lost(value: str, kind: ColumnType, expected: object) -> None:
    found = fitted(value, kind)
    assert (str(found) if kind == "date" and found else found) == expected
