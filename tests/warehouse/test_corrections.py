"""Known errors of publishers: corrected, recorded, and no longer once the publisher has fixed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from warehouse_of_tests import Warehouse

from datawarp.errors import ContractError, RegistryError
from datawarp.registry.periods import parse_period
from datawarp.warehouse.corrections import read_corrections

TABLE = pa.table({"org": ["R1A", "007", None], "n": [1000, None, 3], "n_marker": [None, "*", None]})
ZERO_TOO_MANY = {
    "source": "adhd_x",
    "period": "aug25",
    "column": "n",
    "where": {"org": "R1A"},
    "old": 1000,
    "new": 100,
    "reason": "one zero too many",
}


def write(warehouse: Warehouse, *corrections: dict[str, Any]) -> None:
    path = warehouse.paths.root / "config" / "corrections" / "adhd.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"corrections": list(corrections)}))


def test_a_corrected_value_is_loaded_and_recorded(warehouse: Warehouse) -> None:
    write(warehouse, ZERO_TOO_MANY)
    marker = warehouse.load(warehouse.unit("aug25"), x=TABLE)
    assert [n for (n,) in warehouse.rows("x", "n")] == [100, None, 3]
    assert marker.corrections is not None
    assert warehouse.query(
        "SELECT unit, source_row, column_name, old_value, new_value, reason FROM datawarp.tbl_corrections"
    ) == [("adhd_aug25", 6, "n", "1000", "100", "one zero too many")]


def test_other_periods_are_left_as_published(warehouse: Warehouse) -> None:
    write(warehouse, ZERO_TOO_MANY)
    warehouse.load(warehouse.unit("jul25"), x=TABLE)
    assert [n for (n,) in warehouse.rows("x", "n")] == [1000, None, 3]


def test_the_period_may_be_spelled_either_way(warehouse: Warehouse) -> None:
    write(warehouse, {**ZERO_TOO_MANY, "period": "2025-08"})
    warehouse.load(warehouse.unit("aug25"), x=TABLE)
    assert warehouse.rows("x", "n")[0] == (100,)


def test_the_load_fails_once_the_publisher_has_fixed_it(warehouse: Warehouse) -> None:
    write(warehouse, ZERO_TOO_MANY)
    warehouse.load(warehouse.unit("aug25"), x=TABLE)
    fixed = TABLE.set_column(1, "n", pa.array([100, None, 3]))
    with pytest.raises(ContractError, match=r"expects 1 cell\(s\) with 1000 and found 0") as caught:
        warehouse.load(warehouse.unit("aug25"), x=fixed)
    assert "remove the entry" in str(caught.value)
    write(warehouse)
    warehouse.load(warehouse.unit("aug25"), x=fixed)
    assert warehouse.query("SELECT count(*) FROM datawarp.tbl_corrections") == [(0,)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"where": {}, "row": 6}, [100, None, 3]),
        ({"where": {"org": None}, "old": 3, "new": 4}, [1000, None, 4]),
        ({"where": {"n_marker": "*"}, "old": None, "new": 2}, [1000, 2, 3]),
        ({"old": 1000.0, "new": None}, [None, None, 3]),
        ({"where": {"org": "007"}, "old": None, "new": 7}, [1000, 7, 3]),
    ],
)
def test_selectors(warehouse: Warehouse, change: dict[str, Any], expected: list[int | None]) -> None:
    write(warehouse, {**ZERO_TOO_MANY, **change})
    warehouse.load(warehouse.unit("aug25"), x=TABLE)
    assert [n for (n,) in warehouse.rows("x", "n")] == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"column": "m"}, "a column 'm', and the table has org, n, n_marker"),
        ({"new": "lots"}, "does not fit the column's type integer"),
        ({"where": {"org": 7}}, "found 0"),
        ({"where": {"org": "007"}, "old": "*", "new": 5}, "(?s)found 0 .*in n_marker"),
        ({"source": "adhd_y"}, "source adhd_y, and the unit has adhd_x"),
        ({"sheet": "Table 9"}, "sheet 'Table 9', and adhd_x is on 'Table adhd_x'"),
    ],
)
def test_corrections_that_do_not_fit_the_table(warehouse: Warehouse, change: dict[str, Any], says: str) -> None:
    write(warehouse, {**ZERO_TOO_MANY, **change})
    with pytest.raises(ContractError, match=says):
        warehouse.load(warehouse.unit("aug25"), x=TABLE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"where": {}}, "say which rows"),
        ({"new": 1000}, "the same value"),
        ({"period": "someday"}, "cannot be read"),
        ({"colour": "red"}, "colour"),
        ({"reason": ""}, "reason"),
    ],
)
def test_entries_that_cannot_be_meant(warehouse: Warehouse, change: dict[str, Any], says: str) -> None:
    write(warehouse, {**ZERO_TOO_MANY, **change})
    with pytest.raises(RegistryError, match=says):
        read_corrections(warehouse.paths.root, "adhd", parse_period("aug25"))


def test_a_new_correction_reloads_a_unit_that_is_loaded(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("aug25"), x=TABLE)
    write(warehouse, ZERO_TOO_MANY)
    warehouse.load(warehouse.unit("aug25"))
    assert warehouse.rows("x", "n")[0] == (100,)


def test_cells_are_counted_over_all_tables_of_a_source(warehouse: Warehouse) -> None:
    other = pa.table({"org": ["R9Z"], "note": ["no number here"]})
    write(warehouse, ZERO_TOO_MANY)
    warehouse.load(warehouse.unit("aug25"), x=[TABLE, other, TABLE.slice(1)])
    assert [n for (n,) in warehouse.rows("x", "n")] == [100, None, 3, None, None, 3]
    write(warehouse, {**ZERO_TOO_MANY, "where": {"n_marker": None, "org": None}, "old": 3, "new": 4, "expect": 2})
    warehouse.load(warehouse.unit("aug25"))
    assert [n for (n,) in warehouse.rows("x", "n")] == [1000, None, 4, None, None, 4]


def test_the_shipped_example_is_valid() -> None:
    root = Path(__file__).parents[2]
    assert len(read_corrections(root, "example_publication", parse_period("aug25"))) == 2
