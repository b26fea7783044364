"""Parquet out of a real warehouse: content, order, one schema, receipts, and what must not happen."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from exporting import export_in_a_process, name_period_columns
from warehouse_of_tests import Warehouse

from datawarp.errors import PublishError
from datawarp.files import read_json, sha256_file, write_json
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.publish.export import export
from datawarp.publish.holding import holdings
from datawarp.publish.rows import Rows
from datawarp.publish.staged import verify
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.sheets.columns import physical_name
from datawarp.warehouse.connection import connect

JULY = pa.table(
    {
        "org_code": ["007", "R1A", "X99"],
        "patients": pa.array([5, None, 70], pa.int64()),
        "patients_marker": [None, "*", None],
        "region": ["North", "", None],
    }
)
AUGUST = pa.table(
    {
        "org_code": ["R1A", "R1B"],
        "org_name": ["A <b>Trust</b>", "B | Trust"],
        "patients": pa.array([2.5, 3.0], pa.float64()),
    }
)


def publish(warehouse: Warehouse, period: str, **sources: Any) -> Unit:
    unit = warehouse.unit(period)
    warehouse.load(unit, **sources)
    export(unit, warehouse.paths, warehouse.settings)
    return unit


def receipt(warehouse: Warehouse, unit: Unit) -> dict[str, Any]:
    found: dict[str, Any] = read_json(warehouse.paths.export_receipt(unit.name))
    return found


def parquet_hashes(paths: Paths) -> dict[str, str]:
    return {paths.relative(path): sha256_file(path) for path in sorted((paths.output / "parquet").rglob("*.parquet"))}


def test_a_file_holds_what_was_loaded_and_where_it_is_from(warehouse: Warehouse) -> None:
    unit = publish(warehouse, "jul25", waits=JULY)
    source = receipt(warehouse, unit)["sources"][0]
    path = warehouse.paths.root / source["parquet"]
    assert source["parquet"] == "output/parquet/adhd_waits/period=2025-07/adhd_jul25.parquet"
    table = pq.read_table(path)
    assert table.drop_columns([n for n in table.schema.names if n.startswith("_")]).equals(JULY)
    assert source["columns"] == table.schema.names
    assert table.schema.names[-5:] == ["_period", "_period_start", "_period_end", "_source_row", "_source_file"]
    assert table["_source_row"].to_pylist() == [6, 7, 8]
    assert pa.types.is_dictionary(table.schema.field("_source_file").type)
    assert set(table["_source_file"].to_pylist()) == set(source["source_files"])
    assert {str(d) for d in table["_period_end"].to_pylist()} == {"2025-07-31"}
    assert (source["rows"], source["sha256"]) == (3, sha256_file(path))
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_all_periods_read_as_one_data_set_in_every_reader(warehouse: Warehouse) -> None:
    publish(warehouse, "jul25", waits=JULY)
    publish(warehouse, "aug25", waits=AUGUST)
    folder = warehouse.paths.parquet_source("adhd_waits")
    assert len({pq.read_schema(p).remove_metadata().to_string() for p in folder.rglob("*.parquet")}) == 1
    expected = [("2025-07", "007", 5.0), ("2025-07", "R1A", None), ("2025-07", "X99", 70.0)]
    expected += [("2025-08", "R1A", 2.5), ("2025-08", "R1B", 3.0)]
    names = ["_period", "org_code", "patients"]
    with_arrow = pq.read_table(folder).select(names).to_pylist()
    assert sorted(tuple(row.values()) for row in with_arrow) == expected
    with_duckdb = duckdb.sql(
        f"SELECT _period, org_code, patients FROM read_parquet('{folder}/*/*.parquet', hive_partitioning=true)"
    )
    assert sorted(with_duckdb.fetchall()) == expected
    assert sorted(pl.read_parquet(folder).select(names).rows()) == expected
    with_pandas = pd.read_parquet(folder)[names]
    assert [tuple(None if pd.isna(v) else v for v in row) for row in with_pandas.itertuples(index=False)] == expected
    assert pl.scan_parquet(folder).filter(pl.col("period") == "2025-08").collect().height == 2


def test_whole_numbers_stay_whole_in_pandas(warehouse: Warehouse) -> None:
    publish(warehouse, "jul25", waits=pa.table({"patients": pa.array([5, None, 9007199254740993], pa.int64())}))
    frame = pd.read_parquet(warehouse.paths.parquet_source("adhd_waits"))
    assert frame["patients"].tolist() == [5, pd.NA, 9007199254740993]
    assert str(frame["patients"].dtype) == "Int64"


def test_earlier_periods_come_to_the_new_schema_and_their_receipts_with_them(warehouse: Warehouse) -> None:
    july = publish(warehouse, "jul25", waits=JULY)
    path = warehouse.paths.export_receipt(july.name)
    before, stamp = receipt(warehouse, july), path.stat().st_mtime_ns
    august = publish(warehouse, "aug25", waits=AUGUST)
    after = receipt(warehouse, july)
    assert path.stat().st_mtime_ns == stamp  # or Snakemake would take a unit that is due for done
    assert after["sources"][0]["columns"] == receipt(warehouse, august)["sources"][0]["columns"]
    assert after["sources"][0]["sha256"] != before["sources"][0]["sha256"]
    assert after["sources"][0]["sha256"] == sha256_file(warehouse.paths.root / after["sources"][0]["parquet"])
    (version,) = (warehouse.paths.versions / "adhd_waits").rglob("*.parquet")
    assert sha256_file(version) == before["sources"][0]["sha256"]


def test_the_bytes_do_not_depend_on_the_order_of_loads(warehouse: Warehouse, tmp_path: Path) -> None:
    hashes = []
    for periods in (("jul25", "aug25"), ("aug25", "jul25")):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        shutil.rmtree(warehouse.paths.root, ignore_errors=True)
        for period in periods:
            publish(warehouse, period, waits=JULY if period == "jul25" else AUGUST)
        hashes.append(
            (
                parquet_hashes(warehouse.paths),
                [sha256_file(warehouse.paths.export_receipt(f"adhd_{p}")) for p in ("jul25", "aug25")],
                warehouse.paths.source_metadata("adhd_waits").read_text(),
            )
        )
    assert hashes[0] == hashes[1]


def test_rows_that_lie_in_another_order_are_sorted(warehouse: Warehouse) -> None:
    unit = publish(warehouse, "jul25", waits=JULY)
    before = parquet_hashes(warehouse.paths)
    warehouse.query(
        "UPDATE staging.tbl_adhd_waits SET org_code = org_code WHERE _source_row = 6"
    )  # now last in the table
    export(unit, warehouse.paths, warehouse.settings)
    assert parquet_hashes(warehouse.paths) == before


def test_a_long_table_stays_in_the_order_of_its_period_columns(warehouse: Warehouse) -> None:
    labels = ["Feb-25", "Dec-24", "Jan-25"]
    table = pa.table(
        {
            "org": [org for org in ("A", "B") for _ in labels],
            "reported_period": ["2025-02", "2024-12", "2025-01"] * 2,
            "_wide_label": labels * 2,
            "value": pa.array([1, 2, 3, 4, None, 6], pa.int64()),
            "value_marker": [None, None, None, None, "*", None],
            "_source_row": pa.array([6, 6, 6, 7, 7, 7], pa.int32()),
        }
    )
    unit = warehouse.unit("feb25")
    warehouse.prepare(unit, trend=table)
    name_period_columns(warehouse, unit, labels)
    publish(warehouse, "feb25")
    path = warehouse.paths.root / receipt(warehouse, unit)["sources"][0]["parquet"]
    for _ in range(2):
        assert pq.read_table(path)["_wide_label"].to_pylist() == labels * 2
        warehouse.query("UPDATE staging.tbl_adhd_trend SET org = org WHERE _wide_label = 'Jan-25'")
        export(unit, warehouse.paths, warehouse.settings)


def test_the_same_export_twice_changes_no_file(warehouse: Warehouse) -> None:
    unit = publish(warehouse, "jul25", waits=JULY)
    path = warehouse.paths.root / receipt(warehouse, unit)["sources"][0]["parquet"]
    before = (path.stat().st_mtime_ns, sha256_file(warehouse.paths.export_receipt(unit.name)))
    export(unit, warehouse.paths, warehouse.settings)
    assert (path.stat().st_mtime_ns, sha256_file(warehouse.paths.export_receipt(unit.name))) == before
    assert not warehouse.paths.versions.exists()
    assert not warehouse.paths.typed_tables(unit.name).exists()


def test_a_table_that_is_not_what_was_loaded_is_not_exported(warehouse: Warehouse) -> None:
    unit = publish(warehouse, "jul25", waits=JULY)
    before = parquet_hashes(warehouse.paths)
    warehouse.query("DELETE FROM staging.tbl_adhd_waits WHERE _source_row = 7")
    with pytest.raises(PublishError, match="2 rows in Parquet, 3 rows as the load recorded them"):
        export(unit, warehouse.paths, warehouse.settings)
    assert parquet_hashes(warehouse.paths) == before
    assert not list(warehouse.paths.output.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("SET region = 'Nroth' WHERE region = 'North'", "region: the 2 values differ"),
        ("SET region = NULL WHERE region = 'North'", "region: 2 values in Parquet, 1 in the database"),
        ("SET patients = CASE patients WHEN 5 THEN 70 WHEN 70 THEN 5 END", "patients: the 2 values differ"),
        ("SET _source_row = _source_row + 1", "_source_row: the 3 values differ"),
    ],
)
def test_a_file_that_differs_from_the_database_is_caught(warehouse: Warehouse, change: str, told: str) -> None:
    unit = publish(warehouse, "jul25", waits=JULY)
    path = warehouse.paths.root / receipt(warehouse, unit)["sources"][0]["parquet"]
    with closing(connect(warehouse.paths, warehouse.settings)) as connection, ThreadPoolExecutor(1) as pool:
        held = holdings(connection, ["adhd_waits"])["adhd_waits"]
        (partition,) = held.partitions
        rows = Rows(connection, partition, held.columns)
        assert verify(path, rows, partition, pool.submit(rows.checksums))[0] == 3
        connection.rollback()
        warehouse.query(f"UPDATE staging.tbl_adhd_waits {change}")
        with pytest.raises(PublishError, match=told):
            verify(path, rows, partition, pool.submit(rows.checksums))


def test_a_database_without_the_unit_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(PublishError, match="holds nothing of adhd_jul25"):
        export(warehouse.unit("jul25"), warehouse.paths, warehouse.settings)


def test_a_source_that_the_unit_no_longer_has_leaves_the_output(warehouse: Warehouse) -> None:
    publish(warehouse, "jul25", waits=JULY, staff=AUGUST)
    kept = parquet_hashes(warehouse.paths)
    unit = publish(warehouse, "jul25", waits=JULY)
    assert [s["code"] for s in receipt(warehouse, unit)["sources"]] == ["adhd_waits"]
    assert not warehouse.paths.parquet_source("adhd_staff").exists()
    assert not warehouse.paths.source_metadata("adhd_staff").exists()
    versions = [sha256_file(p) for p in (warehouse.paths.versions / "adhd_staff").rglob("*.parquet")]
    assert versions == [kept["output/parquet/adhd_staff/period=2025-07/adhd_jul25.parquet"]]


def test_as_many_versions_are_kept_as_the_configuration_says(warehouse: Warehouse) -> None:
    warehouse.settings = Settings.model_validate({"export": {"versions": 2}})
    for patients in range(5):
        changed = JULY.set_column(1, "patients", pa.array([patients, None, 1], pa.int64()))
        publish(warehouse, "jul25", waits=changed)
        os.sync()
    assert len(list(warehouse.paths.versions.rglob("*.parquet"))) == 2


def test_a_job_killed_between_a_file_and_its_receipt_is_made_up_for(warehouse: Warehouse) -> None:
    july = publish(warehouse, "jul25", waits=JULY)
    good = receipt(warehouse, july)
    stale = json.loads(json.dumps(good))
    stale["sources"][0]["sha256"] = "0" * 64
    write_json(warehouse.paths.export_receipt(july.name), stale)
    write_json(warehouse.paths.export_journal("adhd_waits"), {"units": [july.name]})
    same_columns = JULY.slice(0, 2)
    publish(warehouse, "aug25", waits=same_columns)
    assert receipt(warehouse, july) == good
    assert not warehouse.paths.export_journal("adhd_waits").exists()


def _in_processes(warehouse: Warehouse, units: Iterable[Unit]) -> None:
    given = [(str(warehouse.paths.root), warehouse.url, unit.model_dump_json()) for unit in units]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(export_in_a_process, given))


def test_exports_side_by_side_end_as_exports_one_by_one(warehouse: Warehouse) -> None:
    periods = ["apr25", "may25", "jun25", "jul25", "aug25", "sep25"]
    units = []
    for number, period in enumerate(periods):
        table = JULY.append_column(f"extra_{number}", pa.array([number] * 3, pa.int64()))
        unit = warehouse.unit(period)
        warehouse.load(unit, waits=table, staff=AUGUST)
        units.append(unit)
        if number == 2:
            _in_processes(warehouse, units)  # the first ones have a narrower schema
    _in_processes(warehouse, reversed(units))
    together = parquet_hashes(warehouse.paths)
    receipts = [receipt(warehouse, unit) for unit in units]
    page = warehouse.paths.source_metadata("adhd_waits").read_text()
    for found in receipts:
        for source in found["sources"]:
            assert together[source["parquet"]] == source["sha256"]
    shutil.rmtree(warehouse.paths.output)
    for unit in units:
        export(unit, warehouse.paths, warehouse.settings)
    assert parquet_hashes(warehouse.paths) == together
    assert [receipt(warehouse, unit) for unit in units] == receipts
    assert warehouse.paths.source_metadata("adhd_waits").read_text() == page


def test_the_page_tells_what_was_counted(warehouse: Warehouse) -> None:
    publish(warehouse, "jul25", waits=JULY)
    publish(warehouse, "aug25", waits=AUGUST)
    page = warehouse.paths.source_metadata("adhd_waits").read_text()
    assert "| Periods | 2, 2025-07 to 2025-08 |" in page
    patients = next(line for line in page.splitlines() if line.startswith("| `patients` |"))
    assert "| 20.0% | 2 | 2.5 to 70.0 |" in patients
    assert "| `patients` | `*` | 1 |" in page
    assert r"A &lt;b>Trust&lt;/b>, B \| Trust" in page


def test_rows_longer_than_a_block_come_out_of_the_database_too(warehouse: Warehouse) -> None:
    long = pa.table({"org": ["A", "B"], "note": ["short", "x" * 5_000_000]})
    unit = publish(warehouse, "jul25", notes=long)
    before = parquet_hashes(warehouse.paths)
    shutil.rmtree(warehouse.paths.output)
    export(unit, warehouse.paths, warehouse.settings)
    assert parquet_hashes(warehouse.paths) == before


def test_a_column_headed_period_stays_apart_from_the_folder_s(warehouse: Warehouse) -> None:
    name = physical_name("Period", "A")
    publish(warehouse, "jul25", trend=pa.table({name: ["2018", "2021 Apr"], "n": [1, 2]}))
    folder = warehouse.paths.parquet_source("adhd_trend")
    expected = [("2018", "2025-07"), ("2021 Apr", "2025-07")]
    assert pl.scan_parquet(folder).select(name, "period").collect().rows() == expected
    assert list(pd.read_parquet(folder)[[name, "period"]].itertuples(index=False, name=None)) == expected
    read = f"read_parquet('{folder}/*/*.parquet', hive_partitioning=true)"
    assert duckdb.sql(f"SELECT {name}, period FROM {read} ORDER BY n").fetchall() == expected


def test_two_units_of_one_period_have_a_file_each(warehouse: Warehouse) -> None:
    first = publish(warehouse, "aug25", waits=JULY)
    second = warehouse.unit("2025-08")
    warehouse.prepare(second, waits=JULY.slice(0, 1))
    path = warehouse.paths.enriched_manifest(second.name)
    manifest = read_manifest(path)
    manifest.sources[0].files[0].mode = "append"
    write_manifest(path, manifest)
    warehouse.load(second)
    for _ in range(2):  # of typed rows, and out of the database
        export(second, warehouse.paths, warehouse.settings)
        export(first, warehouse.paths, warehouse.settings)
        assert [receipt(warehouse, unit)["sources"][0]["rows"] for unit in (first, second)] == [3, 1]
    assert pq.read_table(warehouse.paths.parquet_source("adhd_waits")).num_rows == 4


def test_filters_by_period_and_code_read_few_row_groups(warehouse: Warehouse) -> None:
    """Counted from the statistics of the files, as readers do."""
    rows, orgs = 3 * 131_072, 300
    table = pa.table({"org_code": [f"R{i * orgs // rows:03d}" for i in range(rows)], "n": pa.array(range(rows))})
    for period in ("jul25", "aug25"):
        publish(warehouse, period, waits=table)
    data = ds.dataset(warehouse.paths.parquet_source("adhd_waits"), format="parquet")

    def groups(condition: pc.Expression | None) -> int:
        return sum(len(f.split_by_row_group(condition)) for f in data.get_fragments())

    assert groups(None) == 6
    assert groups(ds.field("_period") == "2025-08") == 3
    assert groups(ds.field("org_code") == "R150") == 2
    assert groups((ds.field("_period_start") >= date(2025, 8, 1)) & (ds.field("org_code") == "R299")) == 1
    assert groups(ds.field("_source_row") == 6) == 2


def test_typed_rows_and_the_database_give_the_same_bytes(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """As loaded, widened by a later period, and long: whether the typed rows are still there leaves no trace."""
    caplog.set_level("INFO", "datawarp")
    rows, labels = 20_000, ["Sep-24", "Aug-24"]  # the newest first, as some publishers have it
    long = pa.table(
        {
            "org": [f"R{i // 2}" for i in range(rows)],
            "reported_period": ["2024-09", "2024-08"] * (rows // 2),
            "_wide_label": labels * (rows // 2),
            "value": pa.array(range(rows), pa.int64()),
            "_source_row": pa.array([6 + i // 2 for i in range(rows)], pa.int32()),
        }
    )
    warehouse.load(warehouse.unit("aug25"), waits=AUGUST)
    unit = warehouse.unit("jul25")
    warehouse.prepare(unit, waits=JULY, trend=long, staff=[JULY, AUGUST])
    name_period_columns(warehouse, unit, labels)
    warehouse.load(unit)
    kept = warehouse.paths.root / "kept"
    shutil.copytree(warehouse.paths.typed_tables(unit.name), kept)
    export(unit, warehouse.paths, warehouse.settings)
    as_loaded = parquet_hashes(warehouse.paths)
    assert not [m for m in caplog.messages if "from the database" in m]
    export(unit, warehouse.paths, warehouse.settings)
    assert parquet_hashes(warehouse.paths) == as_loaded
    assert len(as_loaded) == 3

    warehouse.query("UPDATE staging.tbl_adhd_waits SET org_code = 'R1X' WHERE org_code = 'R1A'")
    shutil.copytree(kept, warehouse.paths.typed_tables(unit.name))
    export(unit, warehouse.paths, warehouse.settings)
    assert any("adhd_waits: read from the database" in message for message in caplog.messages)
    source = next(s for s in receipt(warehouse, unit)["sources"] if s["code"] == "adhd_waits")
    assert pq.read_table(warehouse.paths.root / source["parquet"])["org_code"].to_pylist() == ["007", "R1X", "X99"]


def test_typed_rows_that_were_cut_off_are_read_from_the_database(warehouse: Warehouse) -> None:
    unit = warehouse.unit("jul25")
    warehouse.load(unit, waits=JULY)
    (kept,) = warehouse.paths.typed_tables(unit.name).glob("*.arrow")
    kept.write_bytes(kept.read_bytes()[:-100])
    export(unit, warehouse.paths, warehouse.settings)
    assert receipt(warehouse, unit)["sources"][0]["rows"] == 3


def test_a_large_table_is_cut_into_row_groups(warehouse: Warehouse) -> None:
    rows = 150_000
    numbers = pa.array(range(rows), pa.int64())
    table = pa.table({"n": numbers, "org": pa.array([f"R{i % 50:02d}" for i in range(rows)])})
    unit = publish(warehouse, "jul25", big=table)
    path = warehouse.paths.root / receipt(warehouse, unit)["sources"][0]["parquet"]
    with pq.ParquetFile(path) as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [131_072, 18_928]
        assert file.metadata.row_group(1).column(0).statistics.min == 131_072
    assert pq.read_table(path)["n"].combine_chunks().equals(numbers)


def test_a_unit_may_have_more_tables_than_a_process_has_files_open(warehouse: Warehouse) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    tables = {f"t{number}": JULY.slice(number % 2) for number in range(300)}
    resource.setrlimit(resource.RLIMIT_NOFILE, (280, limits[1]))
    try:
        unit = publish(warehouse, "jul25", **tables)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    rows = {source["code"]: source["rows"] for source in receipt(warehouse, unit)["sources"]}
    assert rows == {f"adhd_{name}": table.num_rows for name, table in tables.items()}
