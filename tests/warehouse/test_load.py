"""A unit's load: rows, lineage, replacement, accounts, the marker."""

from __future__ import annotations

import json
from datetime import date, datetime

import pyarrow as pa
import pytest
from warehouse_of_tests import Warehouse

from datawarp.errors import ContractError, ManifestError
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.warehouse.load.marker import read_marker

ROWS = pa.table({"org_code": ["R1A", "007", "C"], "referrals": [10, None, 0], "referrals_marker": [None, "*", None]})


def test_every_type_arrives_as_it_was(warehouse: Warehouse) -> None:
    table = pa.table(
        {
            "text": ["a", "", None],
            "whole": [1, -(2**53), None],
            "number": pa.array([0.1, -1e-9, None]),
            "day": pa.array([date(2024, 2, 29), None, date(1899, 12, 31)]),
            "moment": pa.array([datetime(2024, 2, 29, 12, 30, 0, 5), None, datetime(2024, 1, 1)], pa.timestamp("us")),
            "yes": [True, None, False],
        }
    )
    warehouse.load(warehouse.unit("aug25"), types=table)
    names = list(table.schema.names)
    assert warehouse.rows("types", *names) == list(zip(*(table[n].to_pylist() for n in names), strict=True))


def test_rows_carry_period_and_lineage(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS)
    columns = ("_period", "_period_start", "_period_end", "_source_row")
    assert warehouse.rows("referrals", *columns) == [
        ("2025-08", date(2025, 8, 1), date(2025, 8, 31), row) for row in (6, 7, 8)
    ]
    [(url, sheet, rows, body)] = warehouse.query(
        "SELECT url, sheet, rows_loaded, body_rows FROM datawarp.tbl_manifest_files f "
        "WHERE EXISTS (SELECT FROM staging.tbl_adhd_referrals WHERE _manifest_file_id = f.manifest_file_id)"
    )
    assert (url, sheet, rows, body) == ("https://example.org/adhd_aug25.xlsx", "Table adhd_referrals", 3, 3)


def test_a_period_is_replaced_and_others_stay(warehouse: Warehouse) -> None:
    for period in ("jul25", "aug25"):
        warehouse.load(warehouse.unit(period), referrals=ROWS)
    changed = ROWS.set_column(1, "referrals", pa.array([11, None, 0]))
    warehouse.load(warehouse.unit("aug25"), referrals=changed)
    assert warehouse.rows("referrals", "_period", "referrals") == [
        ("2025-07", 10),
        ("2025-07", None),
        ("2025-07", 0),
        ("2025-08", 11),
        ("2025-08", None),
        ("2025-08", 0),
    ]
    assert warehouse.query("SELECT count(*) FROM datawarp.tbl_load_history WHERE is_current") == [(2,)]


def test_the_same_again_leaves_the_rows_alone(warehouse: Warehouse) -> None:
    unit = warehouse.unit("aug25")
    first = warehouse.load(unit, referrals=ROWS)
    bytes_before = warehouse.paths.loaded_marker(unit.name).read_bytes()
    before = warehouse.rows("referrals", "_load_id", "_loaded_at")
    assert warehouse.load(unit) == first
    assert warehouse.rows("referrals", "_load_id", "_loaded_at") == before
    assert warehouse.paths.loaded_marker(unit.name).read_bytes() == bytes_before
    assert warehouse.query("SELECT outcome, is_current FROM datawarp.tbl_load_history ORDER BY history_id") == [
        ("loaded", True),
        ("unchanged", False),
    ]


def test_rows_that_somebody_deleted_come_back(warehouse: Warehouse) -> None:
    unit = warehouse.unit("aug25")
    warehouse.load(unit, referrals=ROWS)
    warehouse.query("DELETE FROM staging.tbl_adhd_referrals WHERE _source_row = 7")
    warehouse.load(unit)
    assert len(warehouse.rows("referrals")) == 3


def test_a_table_that_somebody_dropped_comes_back(warehouse: Warehouse) -> None:
    unit = warehouse.unit("aug25")
    warehouse.load(unit, referrals=ROWS)
    warehouse.query("DROP TABLE staging.tbl_adhd_referrals")
    warehouse.load(unit)
    assert len(warehouse.rows("referrals")) == 3


def test_several_tables_feed_one_source(warehouse: Warehouse) -> None:
    more = pa.table({"org_code": ["X"], "referrals": [0.5]})
    warehouse.load(warehouse.unit("aug25"), referrals=[ROWS, more])
    assert warehouse.types("referrals")["referrals"] == "double precision"
    assert [r for (r,) in warehouse.rows("referrals", "referrals")] == [10.0, None, 0.0, 0.5]


def test_a_long_table_has_a_row_for_each_body_row_and_period(warehouse: Warehouse) -> None:
    long = pa.table(
        {
            "age": ["0-4", "0-4", "5-9", "5-9"],
            "reported_period": ["2025-07", "2025-08"] * 2,
            "_wide_label": ["Jul-25", "Aug-25 [7]"] * 2,
            "value": [1, 2, 3, None],
            "value_marker": [None, None, None, "*"],
            "_source_row": pa.array([6, 6, 7, 7], pa.int32()),
        }
    )
    warehouse.load(warehouse.unit("aug25"), waits=long)
    assert warehouse.rows("waits", "reported_period", "_wide_label", "value", "value_marker", "_source_row")[3] == (
        "2025-08",
        "Aug-25 [7]",
        None,
        "*",
        7,
    )
    assert warehouse.query("SELECT rows_loaded, body_rows FROM datawarp.tbl_load_history") == [(4, 2)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"body": 4, "blank": 3}, "counts 4 body rows to load, and 3 came"),
        ({"blank": 3}, "the sheet has 8 rows, and its parts are not as many"),
        ({"blank": 3, "excluded": 1}, "1 rows are excluded, and 0 are listed with a reason"),
    ],
)
def test_the_row_account_must_close(warehouse: Warehouse, change: dict[str, int], says: str) -> None:
    unit = warehouse.prepare(warehouse.unit("aug25"), referrals=ROWS)
    path = warehouse.paths.enriched_manifest(unit.name)
    manifest = read_manifest(path)
    layout = manifest.sources[0].files[0].layout
    assert layout is not None and layout.account is not None
    layout.account = layout.account.model_copy(update=change)
    write_manifest(path, manifest)
    with pytest.raises(ContractError, match=says):
        warehouse.load(unit)
    assert warehouse.query("SELECT count(*) FROM datawarp.tbl_load_history") == [(0,)]
    assert not warehouse.paths.loaded_marker(unit.name).exists()


def test_a_failed_load_leaves_the_old_state(warehouse: Warehouse) -> None:
    unit = warehouse.unit("aug25")
    warehouse.load(unit, first=ROWS, second=ROWS)
    before = warehouse.content()
    empty = ROWS.slice(0, 0)
    with pytest.raises(ContractError, match="adhd_second has 0 rows"):
        warehouse.load(unit, first=ROWS.slice(0, 2), second=empty, third=ROWS)
    assert warehouse.content() == before


def test_a_source_that_the_manifest_no_longer_has_is_removed_and_recorded(warehouse: Warehouse) -> None:
    for period in ("jul25", "aug25"):
        warehouse.load(warehouse.unit(period), referrals=ROWS, waits=ROWS)
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS)
    assert {p for (p,) in warehouse.rows("waits", "_period")} == {"2025-07"}
    assert warehouse.query(
        "SELECT subject, severity, details ->> 'rows' FROM datawarp.tbl_drift_events WHERE kind = 'source_removed'"
    ) == [("adhd_waits", "warning", "3")]
    assert warehouse.query(
        "SELECT count(*) FROM datawarp.tbl_load_history WHERE source_code = 'adhd_waits' AND is_current"
    ) == [(1,)]


def test_the_marker_says_what_is_where(warehouse: Warehouse) -> None:
    unit = warehouse.unit("aug25")
    warehouse.load(unit, referrals=ROWS)
    marker = json.loads(warehouse.paths.loaded_marker(unit.name).read_text())
    [(database,)] = warehouse.query("SELECT database_id::text FROM datawarp.tbl_identity")
    assert (marker["unit"], marker["period"], marker["database"]) == ("adhd_aug25", "aug25", database)
    [source] = marker["sources"]
    assert (source["code"], source["table"], source["rows"]) == ("adhd_referrals", "tbl_adhd_referrals", 3)
    assert source["columns"][1] == {"name": "referrals", "type": "integer"}
    assert read_marker(warehouse.paths.loaded_marker(unit.name)).document() == marker


def test_the_period_spelled_anew_takes_the_place_of_the_old_spelling(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS)
    warehouse.load(warehouse.unit("2025-08"), referrals=ROWS)
    assert len(warehouse.rows("referrals")) == 3
    assert warehouse.query("SELECT unit FROM datawarp.tbl_load_history WHERE is_current") == [("adhd_2025-08",)]
    assert warehouse.query("SELECT kind FROM datawarp.tbl_drift_events WHERE kind = 'unit_renamed'")


def test_two_publications_cannot_write_one_table(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS)
    other = warehouse.prepare(warehouse.unit("aug25", "autism"), referrals=ROWS)
    path = warehouse.paths.enriched_manifest(other.name)
    manifest = read_manifest(path)
    manifest.sources[0].table = "tbl_adhd_referrals"
    write_manifest(path, manifest)
    with pytest.raises(ContractError, match="source adhd_referrals of adhd in tbl_adhd_referrals"):
        warehouse.load(other)
    assert len(warehouse.rows("referrals")) == 3


def test_a_code_that_another_publication_has_is_refused_also_without_a_table(warehouse: Warehouse) -> None:
    """The description of a source may stand without its table; another publication's load must not fall in with it."""
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS)
    warehouse.query("DELETE FROM datawarp.tbl_data_sources RETURNING source_code")
    other = warehouse.prepare(warehouse.unit("aug25", "autism"), referrals=ROWS)
    path = warehouse.paths.enriched_manifest(other.name)
    manifest = read_manifest(path)
    manifest.sources[0].code = "adhd_referrals"
    write_manifest(path, manifest)
    with pytest.raises(
        ContractError, match=r"adhd_referrals of autism .* the warehouse has source .* of adhd"
    ) as caught:
        warehouse.load(other)
    assert "a code and a table of its own" in str(caught.value)
    assert warehouse.query("SELECT publication FROM datawarp.tbl_canonical_sources") == [("adhd",)]
    assert warehouse.query("SELECT count(*) FROM datawarp.tbl_data_sources") == [(0,)]


def test_append_adds_to_a_period_that_another_unit_shares(warehouse: Warehouse) -> None:
    def appended(unit_period: str, table: pa.Table) -> None:
        unit = warehouse.prepare(warehouse.unit(unit_period), referrals=table)
        path = warehouse.paths.enriched_manifest(unit.name)
        manifest = read_manifest(path)
        for entry in manifest.sources[0].files:
            entry.mode = "append"
        write_manifest(path, manifest)
        warehouse.load(unit)

    appended("aug25", ROWS)
    appended("2025-08", ROWS.slice(0, 1))
    assert len(warehouse.rows("referrals")) == 4
    appended("2025-08", ROWS.slice(0, 2))
    assert len(warehouse.rows("referrals")) == 5


def test_deleting_a_source_takes_its_table_and_its_records(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("aug25"), referrals=ROWS, waits=ROWS)
    warehouse.query("DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = 'adhd_referrals'")
    assert warehouse.query("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == [("tbl_adhd_waits",)]
    for table in ("tbl_load_history", "tbl_manifest_files", "tbl_source_mappings", "tbl_column_metadata"):
        assert warehouse.query(f"SELECT DISTINCT source_code FROM datawarp.{table}") == [("adhd_waits",)]


@pytest.mark.parametrize(
    ("name", "says"),
    [("_period", "keeps for itself"), ("x" * 64, "64 bytes"), ("é" * 32, "64 bytes")],
)
def test_names_that_cannot_be_columns_are_refused(warehouse: Warehouse, name: str, says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        warehouse.load(warehouse.unit("aug25"), referrals=pa.table({name: [1]}))


def test_names_are_data_and_never_sql(warehouse: Warehouse) -> None:
    hostile = ['a"b', "x'; DROP TABLE t; --", "select", "Ünïcode", "%s", "a{0}b", "\\", "ü" * 28]
    table = pa.table({name: [at] for at, name in enumerate(hostile)})
    warehouse.load(warehouse.unit("aug25"), referrals=table)
    widened = pa.table({name: ["'; DROP TABLE x; --"] for name in hostile})
    warehouse.load(warehouse.unit("sep25"), referrals=widened)
    assert warehouse.rows("referrals", *hostile) == [
        tuple(str(at) for at in range(len(hostile))),
        tuple("'; DROP TABLE x; --" for _ in hostile),
    ]


def test_a_text_with_a_zero_byte_is_told(warehouse: Warehouse) -> None:
    with pytest.raises(ContractError, match="byte 0"):
        warehouse.load(warehouse.unit("aug25"), referrals=pa.table({"a": ["x\0y"]}))


def test_a_table_too_wide_for_postgresql_is_told(warehouse: Warehouse) -> None:
    with pytest.raises(Exception, match="1600 columns"):
        warehouse.load(warehouse.unit("aug25"), referrals=pa.table({f"c{i}": [1] for i in range(1700)}))
