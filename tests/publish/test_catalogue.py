"""The catalogue and the data package, as their readers read them."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import frictionless
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warehouse_of_tests import Warehouse

from datawarp.files import json_bytes, read_json, replacing, sha256_file
from datawarp.publish.catalogue import catalogue
from datawarp.publish.export import export
from datawarp.registry.models import Publication
from datawarp.registry.registry import Registry

WAITS = pa.table(
    {
        "org_code": ["007", "R1A"],
        "patients": pa.array([5, None], pa.int64()),
        "patients_marker": [None, "*"],
        "share": pa.array([None, 0.5], pa.float64()),
        "seen": pa.array(["2025-07-01", None]).cast(pa.date32()),
    }
)
REGISTRY = Registry(
    Path("publications.yaml"),
    {
        "adhd": Publication(
            name="ADHD",
            publisher="A Publisher",
            licence="OGL-UK-3.0",
            frequency="monthly",
            landing_page="https://e.org/",
        )
    },
)


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    for period in ("jul25", "aug25"):
        unit = warehouse.unit(period)
        warehouse.load(unit, waits=WAITS, staff=WAITS.select(["org_code"]))
        export(unit, warehouse.paths, warehouse.settings)
    catalogue(warehouse.paths, warehouse.settings, REGISTRY)
    return warehouse


def test_one_row_per_source_says_what_there_is(built: Warehouse) -> None:
    rows: list[dict[str, Any]] = pq.read_table(built.paths.catalog).to_pylist()
    assert [row["source_code"] for row in rows] == ["adhd_staff", "adhd_waits"]
    waits = rows[1]
    assert (waits["title"], waits["publisher"], waits["licence"]) == ("Waits", "A Publisher", "OGL-UK-3.0")
    assert (waits["periods"], waits["first_period"], waits["last_period"]) == (
        ["2025-07", "2025-08"],
        "2025-07",
        "2025-08",
    )
    assert (waits["rows"], waits["path"]) == (4, "output/parquet/adhd_waits")
    assert waits["columns"][:2] == ["org_code", "patients"]
    assert waits["source_urls"] == ["https://example.org/adhd_jul25.xlsx", "https://example.org/adhd_aug25.xlsx"]
    for path, digest in zip(waits["files"], waits["file_sha256"], strict=True):
        assert sha256_file(built.paths.root / path) == digest
    ((changed,),) = built.query(
        "SELECT max(finished_at) FROM datawarp.tbl_load_history WHERE source_code = 'adhd_waits'"
    )
    assert waits["last_change"] == changed


def test_it_is_the_same_when_nothing_changed(built: Warehouse) -> None:
    before = (sha256_file(built.paths.catalog), sha256_file(built.paths.datapackage))
    catalogue(built.paths, built.settings, REGISTRY)
    assert (sha256_file(built.paths.catalog), sha256_file(built.paths.datapackage)) == before


def test_frictionless_accepts_the_package_and_every_file_in_it(built: Warehouse) -> None:
    report = frictionless.validate(str(built.paths.datapackage))
    assert report.valid, report.flatten(["type", "note"])
    package = read_json(built.paths.datapackage)
    waits = package["resources"][1]
    assert (waits["publisher"], [p["rows"] for p in waits["partitions"]]) == ("A Publisher", [2, 2])
    assert [s["hash"].split(":")[0] for s in waits["sources"]] == ["sha256", "sha256"]
    (row,) = [r for r in pq.read_table(built.paths.catalog).to_pylist() if r["source_code"] == waits["name"]]
    assert datetime.fromisoformat(waits["last_change"]) == row["last_change"]
    files = 0
    for resource in package["resources"]:
        for path in resource["path"]:
            alone = frictionless.Resource.from_descriptor(
                {"name": "alone", "path": path, "format": "parquet", "schema": resource["schema"]},
                basepath=str(built.paths.output),
            )
            checked = alone.validate()
            assert checked.valid, checked.flatten(["type", "note"])
            files += 1
    assert files == 4


def test_a_wrong_type_would_be_noticed(built: Warehouse) -> None:
    package = read_json(built.paths.datapackage)
    package["resources"][1]["schema"]["fields"][0]["type"] = "date"
    report = frictionless.Package.from_descriptor(package, basepath=str(built.paths.output)).validate()
    assert not report.valid


def test_a_unit_that_was_archived_leaves_the_catalogue(built: Warehouse) -> None:
    for path in (built.paths.output / "parquet").glob("*/period=2025-07/*.parquet"):
        path.unlink()
    catalogue(built.paths, built.settings, REGISTRY)
    rows = pq.read_table(built.paths.catalog).to_pylist()
    assert [row["periods"] for row in rows] == [["2025-08"], ["2025-08"]]
    page = built.paths.source_metadata("adhd_waits").read_text()
    assert "2025-08" in page
    assert "period=2025-07" not in page, "the page speaks of a period that left"


def test_pages_of_sources_that_left_go_and_the_others_are_left_alone(built: Warehouse) -> None:
    kept = built.paths.source_metadata("adhd_waits")
    before = kept.stat().st_mtime_ns
    shutil.rmtree(built.paths.parquet_source("adhd_staff"))
    built.query("DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = 'adhd_staff'")
    catalogue(built.paths, built.settings, REGISTRY)
    assert not built.paths.source_metadata("adhd_staff").exists()
    assert kept.stat().st_mtime_ns == before


def test_a_receipt_that_was_brought_into_line_is_read_again(built: Warehouse) -> None:
    receipt = built.paths.export_receipt("adhd_jul25")
    before = receipt.stat()
    content = read_json(receipt)
    content["sources"][1]["sha256"] = "f" * 64  # of the same length, and with the same time stamp
    with replacing(receipt) as temporary:
        temporary.write_bytes(json_bytes(content))
        os.utime(temporary, ns=(before.st_atime_ns, before.st_mtime_ns))
    catalogue(built.paths, built.settings, REGISTRY)
    assert pq.read_table(built.paths.catalog).to_pylist()[1]["file_sha256"][0] == "f" * 64


def test_the_index_of_receipts_can_be_lost_or_damaged(built: Warehouse) -> None:
    before = sha256_file(built.paths.catalog)
    for damage in (b"", b'{"adhd_jul25"'):
        built.paths.receipts_index.write_bytes(damage)
        catalogue(built.paths, built.settings, REGISTRY)
        assert sha256_file(built.paths.catalog) == before
    built.paths.export_receipt("adhd_jul25").unlink()
    catalogue(built.paths, built.settings, REGISTRY)
    assert [row["periods"] for row in pq.read_table(built.paths.catalog).to_pylist()] == [["2025-08"], ["2025-08"]]


def test_an_empty_installation_has_an_empty_catalogue(warehouse: Warehouse) -> None:
    catalogue(warehouse.paths, warehouse.settings, REGISTRY)
    assert pq.read_table(warehouse.paths.catalog).num_rows == 0
    assert read_json(warehouse.paths.datapackage)["resources"] == []
