"""How tables change with what is delivered, what the contract forbids, and that the order of loads leaves no trace."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from warehouse_of_tests import Warehouse

from datawarp.errors import ContractError
from datawarp.warehouse.types import POSTGRES

PERIODS = ("jun25", "jul25", "aug25")
BIG = 2**53 + 1

INTEGERS = pa.array([5, -7, 0])
DOUBLES = pa.array([5.0, 0.25, -0.0])
TEXTS = pa.array(["5", "007", None])
DAYS = pa.array([date(2024, 1, 31), None, date(2024, 2, 29)])
MOMENTS = pa.array([datetime(2024, 1, 31), datetime(2024, 1, 31, 12, 30), None], pa.timestamp("us"))
BOOLEANS = pa.array([True, False, None])
EMPTY = pa.array([None, None, None], pa.int64())
LARGE = pa.array([BIG, 1, None])
TINY = pa.array([1e-9, 1.5e300, 123456789012345680.0])


def one_column(values: pa.Array) -> pa.Table:
    return pa.table({"key": ["a", "b", "c"], "x": values})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (INTEGERS, DOUBLES, "numeric"),
        (INTEGERS, TEXTS, "text"),
        (DOUBLES, TEXTS, "text"),
        (TINY, TEXTS, "text"),
        (DAYS, MOMENTS, "timestamp"),
        (DAYS, TEXTS, "text"),
        (MOMENTS, TEXTS, "text"),
        (BOOLEANS, TEXTS, "text"),
        (BOOLEANS, INTEGERS, "text"),
        (DAYS, DOUBLES, "text"),
        (LARGE, DOUBLES, "text"),
        (EMPTY, TEXTS, "text"),
        (EMPTY, DAYS, "date"),
        (EMPTY, BOOLEANS, "boolean"),
        (INTEGERS, pa.array([None] * 3, pa.string()), "integer"),
        (LARGE, INTEGERS, "integer"),
    ],
)
def test_two_types_meet_in_the_narrowest_that_holds_both(
    warehouse: Warehouse, first: pa.Array, second: pa.Array, expected: Any
) -> None:
    states = []
    for number, (one, two) in enumerate(((first, second), (second, first))):
        publication = f"pub{number}"
        units = ("jun25", one), ("jul25", two)
        for period, values in units:
            # The earlier period always has `first`: only the order of loading differs.
            code = period if number == 0 else {"jun25": "jul25", "jul25": "jun25"}[period]
            warehouse.load(warehouse.unit(code, publication), x=one_column(values))
        states.append(warehouse.rows("x", "_period", "key", "x", publication=publication))
        types = warehouse.query(
            "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = 'x'",
            f"tbl_{publication}_x",
        )
        assert types == [(POSTGRES[expected],)]
    assert sorted(states[0], key=str) == sorted(states[1], key=str)


def test_texts_of_numbers_are_as_a_person_writes_them(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("jun25"), x=one_column(pa.array([5, 1000000, 0])))
    warehouse.load(warehouse.unit("jul25"), x=one_column(pa.array([0.25, 1e-7, 1e21])))
    warehouse.load(warehouse.unit("aug25"), x=one_column(pa.array(["a", "b", "c"])))
    assert [x for (x,) in warehouse.rows("x", "x")] == [
        *("5", "1000000", "0", "0.25", "0.0000001", "1000000000000000000000", "a", "b", "c")
    ]


def test_every_order_of_loading_gives_the_same_warehouse(warehouse: Warehouse) -> None:
    releases = {
        "jun25": pa.table(
            {"org": ["a", "b"], "n": [1, 2], "gone": ["x", "y"], "empty": pa.array([None, None], pa.int64())}
        ),
        "jul25": pa.table({"org": ["a", "b"], "n": [0.5, None], "n_marker": [None, "*"], "empty": ["now", None]}),
        "aug25": pa.table({"org": ["a", "b"], "n": ["007", "1"], "new": pa.array([date(2025, 8, 1), None])}),
    }
    contents = []
    for order in itertools.permutations(PERIODS):
        warehouse.query("TRUNCATE datawarp.tbl_canonical_sources CASCADE")
        warehouse.query("DROP TABLE IF EXISTS staging.tbl_adhd_x")
        for table in ("tbl_manifest_files", "tbl_source_mappings", "tbl_drift_events"):
            warehouse.query(f"DELETE FROM datawarp.{table}")
        for period in order:
            warehouse.load(warehouse.unit(period), x=releases[period])
        contents.append(warehouse.content())
    assert contents[0]["drift"]
    for other in contents[1:]:
        assert other == contents[0]


def test_new_columns_come_and_vanished_ones_stay(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("jun25"), x=pa.table({"org": ["a"], "old": [1]}))
    warehouse.load(warehouse.unit("jul25"), x=pa.table({"org": ["a"], "fresh": [2]}))
    assert warehouse.rows("x", "org", "old", "fresh") == [("a", 1, None), ("a", None, 2)]
    kinds = warehouse.query(
        "SELECT kind, column_name, severity FROM datawarp.tbl_drift_events WHERE unit = 'adhd_jul25' ORDER BY 1"
    )
    assert ("column_vanished", "old", "warning") in kinds
    assert any(kind == "column_added" and column == "fresh" for kind, column, _ in kinds)
    assert warehouse.query(
        "SELECT column_name, first_period, last_period FROM datawarp.tbl_column_metadata ORDER BY 1"
    ) == [("fresh", "2025-07", "2025-07"), ("old", "2025-06", "2025-06"), ("org", "2025-06", "2025-07")]


def test_a_probable_rename_is_proposed_and_not_applied(warehouse: Warehouse) -> None:
    orgs = [f"org {i}" for i in range(20)]
    before = pa.table({"region": orgs, "ccg_code": [f"Q{i:02}" for i in range(20)], "patients": range(20)})
    after = before.rename_columns(["region", "sub_icb_code", "patients"])
    warehouse.load(warehouse.unit("jun25"), x=before)
    warehouse.load(warehouse.unit("jul25"), x=after)
    [(details, message)] = warehouse.query(
        "SELECT details, message FROM datawarp.tbl_drift_events WHERE kind = 'column_renamed'"
    )
    assert (details["from"], details["to"]) == ("ccg_code", "sub_icb_code")
    assert "nothing was renamed" in message
    assert set(warehouse.types("x")) == {"region", "ccg_code", "sub_icb_code", "patients"}


def test_columns_that_have_nothing_in_common_are_no_rename(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("jun25"), x=pa.table({"org": ["a"], "waiting_list": [100000]}))
    warehouse.load(warehouse.unit("jul25"), x=pa.table({"share": [0.1], "org": ["a"]}))
    assert warehouse.query("SELECT count(*) FROM datawarp.tbl_drift_events WHERE kind = 'column_renamed'") == [(0,)]


def test_a_rename_is_judged_by_the_two_periods_whatever_types_the_table_has_by_now(warehouse: Warehouse) -> None:
    releases = {
        "jun25": pa.table({"org": list("abc"), "patients": [10, 20, 30], "seen": [date(2025, 6, 1)] * 3}),
        "jul25": pa.table({"org": list("abc"), "patients_all": [11, 19, 31], "seen_on": [date(2025, 6, 1)] * 3}),
        "aug25": pa.table(
            {
                "org": list("abc"),
                "patients": ["c. 10", "20", "30"],
                "patients_all": ["x", "y", "z"],
                "seen": ["today"] * 3,
                "seen_on": [datetime(2025, 6, 1, 9)] * 3,
            }
        ),
    }
    found = []
    for order in itertools.permutations(PERIODS):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        for period in order:
            warehouse.load(warehouse.unit(period), x=releases[period])
        found.append(
            warehouse.query(
                "SELECT details ->> 'from', details ->> 'to', details ->> 'score' FROM datawarp.tbl_drift_events "
                "WHERE kind = 'column_renamed' AND unit = 'adhd_jul25' ORDER BY 1"
            )
        )
    assert [pair[:2] for pair in found[0]] == [("patients", "patients_all"), ("seen", "seen_on")]
    assert found == [found[0]] * len(found)


def test_sources_that_come_and_go_are_recorded_in_any_order(warehouse: Warehouse) -> None:
    table = pa.table({"org": ["a"], "n": [1]})
    releases = {"jun25": ("x", "y"), "jul25": ("x",), "aug25": ("x", "y", "z")}
    for order in itertools.permutations(PERIODS):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        for period in order:
            warehouse.load(warehouse.unit(period), **dict.fromkeys(releases[period], table))
        assert warehouse.query(
            "SELECT canonical_period, against_period, subject, kind FROM datawarp.tbl_drift_events ORDER BY 1, 3"
        ) == [
            ("2025-07", "2025-06", "adhd_y", "source_vanished"),
            ("2025-08", "2025-07", "adhd_y", "source_added"),
            ("2025-08", "2025-07", "adhd_z", "source_added"),
        ]


def test_a_source_that_a_unit_no_longer_has_changes_what_the_next_period_is_compared_with(
    warehouse: Warehouse,
) -> None:
    table = pa.table({"org": ["a"], "n": [1]})
    for period, columns in (("jun25", ["org", "n"]), ("jul25", ["org", "m"]), ("aug25", ["org", "n"])):
        warehouse.load(warehouse.unit(period), x=table.rename_columns(columns), y=table)
    warehouse.load(warehouse.unit("jul25"), y=table)
    kinds = "SELECT canonical_period, against_period, kind FROM datawarp.tbl_drift_events WHERE subject = 'adhd_x' "
    assert warehouse.query(kinds + "ORDER BY 1, 3") == [
        ("2025-07", None, "source_removed"),
        ("2025-07", "2025-06", "source_vanished"),
        ("2025-08", "2025-07", "source_added"),
    ]


def test_a_unit_under_another_spelling_takes_the_place_and_the_events(warehouse: Warehouse) -> None:
    table = pa.table({"org": ["a"], "n": [1]})
    warehouse.load(warehouse.unit("jun25"), x=table)
    for spelling in ("jul25", "2025-07"):
        warehouse.load(warehouse.unit(spelling), x=table.rename_columns(["org", "count"]), y=table)
    assert warehouse.query(
        "SELECT unit, subject, kind FROM datawarp.tbl_drift_events WHERE kind IN ('source_added', 'column_added')"
    ) == [
        ("adhd_2025-07", "adhd_x", "column_added"),
        ("adhd_2025-07", "adhd_y", "source_added"),
    ]


def test_a_resolved_event_is_not_raised_again(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("jun25"), x=pa.table({"org": ["a"], "old": [1]}))
    warehouse.load(warehouse.unit("jul25"), x=pa.table({"org": ["a"]}))
    warehouse.query(
        "UPDATE datawarp.tbl_drift_events SET resolved_at = now(), resolved_by = 'me' WHERE kind = 'column_vanished'"
    )
    warehouse.load(warehouse.unit("jul25"), x=pa.table({"org": ["b"]}))
    assert warehouse.query("SELECT resolved_by FROM datawarp.tbl_drift_events WHERE kind = 'column_vanished'") == [
        ("me",)
    ]


# --- the contract


def baseline(warehouse: Warehouse, n: int = 3, **contract: Any) -> None:
    table = pa.table({"org": [str(i) for i in range(n)], "n": list(range(n))})
    warehouse.load(warehouse.unit("jun25", **contract), x=table)


def test_frozen_columns_refuse_a_new_one(warehouse: Warehouse) -> None:
    baseline(warehouse, columns="freeze")
    before = warehouse.content()
    with pytest.raises(ContractError, match=r"sheet 'Table adhd_x'.*column C 'Extra' is new") as caught:
        warehouse.load(
            warehouse.unit("jul25", columns="freeze"),
            x=pa.table({"org": list("abc"), "n": [1, 2, 3], "extra": [1] * 3}),
        )
    assert "contract.columns" in str(caught.value)
    assert warehouse.content() == before


def test_frozen_columns_refuse_a_vanished_one(warehouse: Warehouse) -> None:
    baseline(warehouse, columns="freeze")
    with pytest.raises(ContractError, match=r"'n' of earlier periods are missing"):
        warehouse.load(warehouse.unit("jul25", columns="freeze"), x=pa.table({"org": list("abc")}))


def test_frozen_columns_still_take_markers(warehouse: Warehouse) -> None:
    baseline(warehouse, columns="freeze")
    suppressed = pa.table({"org": list("abc"), "n": [1, None, 3], "n_marker": [None, "*", None]})
    warehouse.load(warehouse.unit("jul25", columns="freeze"), x=suppressed)
    assert ("*",) in warehouse.rows("x", "n_marker")


def test_discarded_columns_are_left_out_and_recorded(warehouse: Warehouse) -> None:
    baseline(warehouse, columns="discard")
    table = pa.table({"org": list("abc"), "n": [1, 2, 3], "extra": [1, 2, 3]})
    warehouse.load(warehouse.unit("jul25", columns="discard"), x=table)
    assert set(warehouse.types("x")) == {"org", "n"}
    assert warehouse.query("SELECT column_name FROM datawarp.tbl_drift_events WHERE kind = 'column_left_out'") == [
        ("extra",)
    ]
    # A word from a person lets it in.
    warehouse.load(warehouse.unit("jul25"))
    assert [x for (x,) in warehouse.rows("x", "extra")][3:] == [1, 2, 3]


def test_frozen_types_name_sheet_column_row_and_value(warehouse: Warehouse) -> None:
    baseline(warehouse, types="freeze")
    table = pa.table({"org": list("abc"), "n": ["1", "2", "c. 30"]})
    with pytest.raises(ContractError, match=r"column B 'N', sheet row 8: 'c\. 30' does not fit the type integer"):
        warehouse.load(warehouse.unit("jul25", types="freeze"), x=table)


@pytest.mark.parametrize(("types", "stored"), [("freeze", "bigint"), ("discard", "bigint"), ("widen", "text")])
def test_a_type_is_kept_by_the_replaced_period_too(warehouse: Warehouse, types: str, stored: str) -> None:
    baseline(warehouse, types=types)
    unit = warehouse.unit("jun25", types=types)
    table = pa.table({"org": list("abc"), "n": ["1", "2", "c. 30"]})
    if types == "freeze":
        with pytest.raises(ContractError, match=r"'c\. 30' does not fit the type integer"):
            warehouse.load(unit, x=table)
    else:
        warehouse.load(unit, x=table)
    assert warehouse.types("x")["n"] == stored
    if types == "discard":
        assert warehouse.rows("x", "n", "n_marker")[2] == (None, "c. 30")


def test_frozen_types_take_values_that_fit(warehouse: Warehouse) -> None:
    baseline(warehouse, types="freeze")
    warehouse.load(warehouse.unit("jul25", types="freeze"), x=pa.table({"org": list("abc"), "n": [1.0, 2.0, 3.0]}))
    assert warehouse.types("x")["n"] == "bigint"


def test_discarded_types_keep_the_misfit_as_printed(warehouse: Warehouse) -> None:
    baseline(warehouse, types="discard")
    table = pa.table({"org": list("abc"), "n": ["1", "007", "n/a"]})
    warehouse.load(warehouse.unit("jul25", types="discard"), x=table)
    assert warehouse.rows("x", "n", "n_marker")[3:] == [(1, None), (None, "007"), (None, "n/a")]


def test_frozen_tables_refuse_and_discarded_tables_leave_out_a_new_one(warehouse: Warehouse) -> None:
    baseline(warehouse, tables="freeze")
    table = pa.table({"org": list("abc"), "n": [1, 2, 3]})
    with pytest.raises(ContractError, match="source adhd_y is new"):
        warehouse.load(warehouse.unit("jul25", tables="freeze"), x=table, y=table)
    marker = warehouse.load(warehouse.unit("jul25", tables="discard"), x=table, y=table)
    assert [s.code for s in marker.sources] == ["adhd_x"]
    assert warehouse.query("SELECT subject FROM datawarp.tbl_drift_events WHERE kind = 'source_left_out'") == [
        ("adhd_y",)
    ]


@pytest.mark.parametrize(
    ("rows", "bounds", "refused"),
    [
        (40, {"max_change": 0.5}, True),
        (50, {"max_change": 0.5}, False),
        (150, {"max_change": 0.5}, False),
        (160, {"max_change": 0.5}, True),
        (40, {}, False),
        (500, {}, False),
    ],
)
def test_row_counts_are_held_against_the_period_before(
    warehouse: Warehouse, rows: int, bounds: dict[str, float], refused: bool
) -> None:
    baseline(warehouse, 100)
    unit = warehouse.unit("jul25", rows=bounds)
    table = pa.table({"org": [str(i) for i in range(rows)], "n": list(range(rows))})
    if refused:
        with pytest.raises(ContractError, match=r"2025-06 had 100: a change of [+-]60%"):
            warehouse.load(unit, x=table)
    else:
        warehouse.load(unit, x=table)
    assert len(warehouse.rows("x")) == (100 if refused else 100 + rows)


@pytest.mark.parametrize(("rows", "severity"), [(40, "severe"), (65, "warning"), (85, "info"), (500, "warning")])
def test_changed_row_counts_are_drift_the_graver_the_more_is_lost(
    warehouse: Warehouse, rows: int, severity: str
) -> None:
    baseline(warehouse, 100)
    warehouse.load(warehouse.unit("jul25"), x=pa.table({"org": [str(i) for i in range(rows)], "n": list(range(rows))}))
    found = warehouse.query("SELECT severity FROM datawarp.tbl_drift_events WHERE kind = 'rows_changed'")
    assert found == [(severity,)]


def test_row_counts_may_differ_from_later_periods(warehouse: Warehouse) -> None:
    baseline(warehouse, 100)
    warehouse.load(warehouse.unit("may25"), x=pa.table({"org": ["a"], "n": [1]}))
    assert len(warehouse.rows("x")) == 101


def test_min_difference_spares_small_tables(warehouse: Warehouse) -> None:
    rows = {"min_difference": 10, "max_change": 0.5}
    baseline(warehouse, 3, rows=rows)
    warehouse.load(
        warehouse.unit("jul25", rows=rows), x=pa.table({"org": [str(i) for i in range(9)], "n": list(range(9))})
    )
    assert len(warehouse.rows("x")) == 12


def test_zero_rows_are_refused_unless_the_contract_allows_them(warehouse: Warehouse) -> None:
    empty = pa.table({"org": pa.array([], pa.string())})
    with pytest.raises(ContractError, match="has 0 rows"):
        warehouse.load(warehouse.unit("jun25"), x=empty)
    warehouse.load(warehouse.unit("jun25", rows={"min_rows": 0}), x=empty)
    assert warehouse.rows("x") == []


def test_a_view_on_a_widening_column_is_told(warehouse: Warehouse) -> None:
    baseline(warehouse)
    warehouse.query("CREATE VIEW public.mine AS SELECT n FROM staging.tbl_adhd_x")
    with pytest.raises(Exception, match="a view of yours depends on a column"):
        warehouse.load(warehouse.unit("jul25"), x=pa.table({"org": list("abc"), "n": ["x", "y", "z"]}))
