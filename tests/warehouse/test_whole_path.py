"""Real workbooks through every stage: rows traced to their cells, periods compared, everything validated."""

from __future__ import annotations

import json
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pytest
from warehouse_of_tests import Warehouse

from datawarp.acquire.download import download
from datawarp.enrich.enrich import enrich
from datawarp.errors import WarehouseError
from datawarp.files import write_json
from datawarp.manifest.draft import draft
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.registry import Registry, read_registry
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect
from datawarp.warehouse.drift import choose, drift
from datawarp.warehouse.load import load
from datawarp.warehouse.markers import adopt, foreign_markers
from datawarp.warehouse.trace import TracedRow, trace
from datawarp.warehouse.validate import Report, validate

REGISTRY = """
publications:
  waits:
    name: Waits
    frequency: monthly
    urls:
      - {period: jul25, url: releases/jul25/}
      - {period: aug25, url: releases/aug25/}
"""


def workbook(path: Path, *, header: str, first: int) -> None:
    """A small release: title, header on row 4, five organisations, a suppressed value."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Table 1"
    sheet["A1"] = "Referrals by organisation"
    for at, text in enumerate(("Org code", "Org name", header, "Rate"), 1):
        sheet.cell(4, at, text)
    for row in range(5):
        values: tuple[Any, ...] = (f"R{row:02}", f"Trust {row}", first + row if row != 2 else "*", 0.5 + row)
        for at, value in enumerate(values, 1):
            sheet.cell(5 + row, at, value)
    path.parent.mkdir(parents=True)
    book.save(path)


@pytest.fixture
def installed(warehouse: Warehouse) -> tuple[Warehouse, Registry]:
    """Two months of one publication, loaded."""
    root = warehouse.paths.root
    workbook(root / "releases" / "jul25" / "waits jul.xlsx", header="Referrals received", first=100)
    workbook(root / "releases" / "aug25" / "waits aug.xlsx", header="Referrals received in month", first=200)
    warehouse.settings = Settings(publications="publications.yaml")
    (root / "publications.yaml").write_text(REGISTRY)
    registry = read_registry(root / "publications.yaml")
    for unit in registry.units():
        for stage in (download, draft, enrich, load):
            stage(unit, warehouse.paths, warehouse.settings)
    return warehouse, registry


def source_of(warehouse: Warehouse) -> str:
    [(code,)] = warehouse.query("SELECT source_code FROM datawarp.tbl_data_sources")
    return str(code)


def checked(warehouse: Warehouse, registry: Registry) -> Report:
    connection = connect(warehouse.paths, warehouse.settings)
    try:
        return validate(connection, warehouse.paths, registry, lambda periods, frequency: [])
    finally:
        connection.close()


def found(report: Report) -> set[tuple[str, str]]:
    return {(f.check, f.severity) for f in report.findings}


def test_a_row_is_traced_to_the_cells_it_came_from(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, _ = installed
    connection = connect(warehouse.paths, warehouse.settings)
    [row] = trace(connection, warehouse.paths, source_of(warehouse), "aug25", 7)
    assert (row.filename, row.sheet, row.row) == ("waits aug.xlsx", "Table 1", 7)
    cells = {cell.address: cell for cell in row.cells}
    assert (cells["A7"].as_printed, cells["A7"].in_database) == ("R02", "R02")
    assert (cells["C7"].as_printed, cells["C7"].in_database, cells["C7"].marker) == ("*", None, "*")
    assert cells["D7"].header == "Rate"
    assert "C7" in row.told()
    with pytest.raises(WarehouseError, match="sheet rows 5 to 9"):
        trace(connection, warehouse.paths, source_of(warehouse), "2025-08", 99)
    with pytest.raises(WarehouseError, match="no source 'nonsense'"):
        trace(connection, warehouse.paths, "nonsense", "aug25", 7)
    connection.close()


def release(warehouse: Warehouse, code: str) -> str:
    """Take the one unit of a publication, whose files are in releases/<code>, through all stages; its source."""
    unit = Unit(publication=code, period="aug25", url=f"releases/{code}/", settings=PublicationSettings(name=code))
    warehouse.settings = Settings(publications="publications.yaml")
    for stage in (download, draft, enrich, load):
        stage(unit, warehouse.paths, warehouse.settings)
    [(source,)] = warehouse.query("SELECT source_code FROM datawarp.tbl_data_sources WHERE publication = %s", code)
    return str(source)


def traced(warehouse: Warehouse, source: str, row: int) -> TracedRow:
    with closing(connect(warehouse.paths, warehouse.settings)) as connection:
        [found] = trace(connection, warehouse.paths, source, "aug25", row)
    return found


def test_a_row_of_a_long_stored_table_is_traced_to_all_its_cells(warehouse: Warehouse) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Region code", "Region", "Jun-25", "Jul-25", "Aug-25"])
    for row in range(12):
        sheet.append([f"E{row:02}", f"Region {row}", row, ":" if row == 3 else 100 + row, 200 + row])
    path = warehouse.paths.root / "releases" / "series" / "series.xlsx"
    path.parent.mkdir(parents=True)
    book.save(path)
    source = release(warehouse, "series")
    assert len(warehouse.query(f"SELECT 1 FROM staging.tbl_{source} WHERE _source_row = 5")) == 3
    cells = [(c.address, c.column, c.as_printed, c.in_database, c.marker) for c in traced(warehouse, source, 5).cells]
    assert cells[1:] == [
        ("B5", "region", "Region 3", "Region 3", None),
        ("C5", "value (2025-06)", "3", "3", None),
        ("D5", "value (2025-07)", ":", None, ":"),
        ("E5", "value (2025-08)", "203", "203", None),
    ]


def test_a_corrected_row_of_a_csv_in_a_zip_is_traced_to_its_record(warehouse: Warehouse) -> None:
    lines = ["Org code,Org name,Beds", *(f'R{i:02},"Trust {i},\nNorth",{10 + i}' for i in range(12))]
    path = warehouse.paths.root / "releases" / "beds" / "beds.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/beds 2025.csv", "\n".join(lines))
    corrections = warehouse.paths.root / "config" / "corrections" / "beds.yaml"
    corrections.parent.mkdir(parents=True)
    corrections.write_text(
        "corrections: [{source: beds, period: aug25, column: beds, where: {org_code: R03}, old: 13, new: 31, "
        "reason: digits swapped}]"
    )
    assert release(warehouse, "beds") == "beds"
    row = traced(warehouse, "beds", 5)
    assert (row.filename, row.member) == ("beds.zip", "data/beds 2025.csv")
    beds = row.cells[2]
    assert (beds.address, beds.as_printed, beds.in_database) == ("C5", "13", "31")
    assert beds.correction == "'13' was published; digits swapped"
    assert "Trust 3, North" in row.told().splitlines()[-2]


def test_a_download_that_changed_is_not_believed(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    for original in warehouse.paths.store.glob("*/original*"):
        original.chmod(0o644)
        original.write_bytes(b"something else")
    connection = connect(warehouse.paths, warehouse.settings)
    with pytest.raises(WarehouseError, match="its bytes have changed"):
        trace(connection, warehouse.paths, source_of(warehouse), "aug25", 7)
    connection.close()
    assert ("downloads", "severe") in found(checked(warehouse, registry))


def test_drift_between_two_periods_in_words_and_as_a_diff(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    connection = connect(warehouse.paths, warehouse.settings)
    told = drift(connection, warehouse.paths, *choose(registry, "waits", None, None)).told()
    assert "'referrals_received' is probably 'referrals_received_in_month' now" in told
    assert "--- waits_jul25" in told
    assert "-    referrals_received: integer" in told.replace("      ", "    ")
    with pytest.raises(WarehouseError, match="there is none before it"):
        choose(registry, "waits", None, "jul25")
    connection.close()


def test_a_sound_installation_has_no_severe_finding(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    report = checked(warehouse, registry)
    assert [f for f in report.findings if f.severity == "severe"] == []
    report.raise_if_severe()
    document = json.loads((warehouse.paths.output / "validation.json").read_text())
    assert document["counts"]["severe"] == 0


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM staging.{table} WHERE _source_row = 5", {("row counts", "severe"), ("lineage", "severe")}),
        ("INSERT INTO staging.{table} SELECT * FROM staging.{table} WHERE _source_row = 5", {("duplicates", "severe")}),
        ("UPDATE staging.{table} SET _manifest_file_id = 9999", {("lineage", "severe")}),
        ("UPDATE staging.{table} SET _load_id = 9999", {("row counts", "severe")}),
        ("DROP TABLE staging.{table}", {("tables", "severe")}),
        ("CREATE TABLE staging.stray ()", {("tables", "warning")}),
        ("DELETE FROM datawarp.tbl_load_history", {("markers", "severe")}),
        ("DELETE FROM datawarp.tbl_manifest_files", {("lineage", "severe")}),
        ("DELETE FROM datawarp.tbl_data_sources", {("markers", "severe"), ("tables", "warning")}),
        ("UPDATE datawarp.tbl_identity SET database_id = gen_random_uuid()", {("markers", "severe")}),
        (
            "UPDATE datawarp.tbl_load_history SET canonical_period = '2025-07' WHERE is_current",
            {("duplicates", "warning"), ("row counts", "severe")},
        ),
    ],
)
def test_damage_is_found(installed: tuple[Warehouse, Registry], damage: str, expected: set[tuple[str, str]]) -> None:
    warehouse, registry = installed
    warehouse.query(damage.format(table=f"tbl_{source_of(warehouse)}"))
    report = checked(warehouse, registry)
    assert expected <= found(report)
    if any(severity == "severe" for _, severity in expected):
        with pytest.raises(WarehouseError, match="severe finding"):
            report.raise_if_severe()
    assert report.told().count("severe") >= report.severe


def test_receipts_and_parquet_are_held_against_the_database(installed: tuple[Warehouse, Registry]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from datawarp.files import sha256_file

    warehouse, registry = installed
    code = source_of(warehouse)
    path = warehouse.paths.parquet(code, "2025-08", "waits_aug25")
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"n": range(4)}), path)
    entry = {"code": code, "table": f"tbl_{code}", "parquet": warehouse.paths.relative(path), "rows": 5}
    receipt = warehouse.paths.export_receipt("waits_aug25")
    write_json(receipt, {"unit": "waits_aug25", "sources": [{**entry, "sha256": sha256_file(path)}]})
    messages = [f.message for f in checked(warehouse, registry).findings]
    assert any("has 4 rows, its receipt says 5" in m for m in messages)
    write_json(receipt, {"unit": "waits_aug25", "sources": [{**entry, "sha256": "0" * 64}]})
    messages = [f.message for f in checked(warehouse, registry).findings]
    assert any("is not the file that was exported" in m for m in messages)
    path.with_name("stray.parquet").write_bytes(b"")
    path.unlink()
    messages = [f.message for f in checked(warehouse, registry).findings]
    assert any("is gone" in m for m in messages)
    assert any("is named by no receipt" in m for m in messages)


def test_markers_of_another_database_are_noticed_and_adopted(
    installed: tuple[Warehouse, Registry], postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, registry = installed
    connection = connect(warehouse.paths, warehouse.settings)
    [(identity,)] = warehouse.query("SELECT database_id::text FROM datawarp.tbl_identity")
    assert not foreign_markers(warehouse.paths, identity)
    assert {a.outcome for a in adopt(connection, warehouse.paths, identity, registry.units())} == {"kept"}

    # Restored elsewhere under a new identity: the rows are all there, so the markers are written anew.
    warehouse.query("UPDATE datawarp.tbl_identity SET database_id = gen_random_uuid()")
    [(other,)] = warehouse.query("SELECT database_id::text FROM datawarp.tbl_identity")
    foreign = foreign_markers(warehouse.paths, other)
    assert foreign.units == ["waits_aug25", "waits_jul25"]
    assert "snakemake adopt" in foreign.told(other)
    assert {a.outcome for a in adopt(connection, warehouse.paths, other, registry.units())} == {"written"}
    assert not foreign_markers(warehouse.paths, other)

    # Rows lost: the marker goes, and the next load brings them back.
    warehouse.query(f"DELETE FROM staging.tbl_{source_of(warehouse)} WHERE _period = '2025-08'")
    outcomes = {a.unit: a.outcome for a in adopt(connection, warehouse.paths, other, registry.units())}
    assert outcomes == {"waits_jul25": "kept", "waits_aug25": "removed"}
    connection.close()
    aug: Unit = registry.unit("waits_aug25")
    load(aug, warehouse.paths, warehouse.settings)
    assert found(checked(warehouse, registry)) <= {("receipts", "warning"), ("stale", "warning")}


def test_a_gap_and_a_changed_correction_are_found(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    corrections = warehouse.paths.root / "config" / "corrections" / "waits.yaml"
    corrections.parent.mkdir(parents=True)
    corrections.write_text(
        f"corrections: [{{source: {source_of(warehouse)}, period: aug25, column: rate, row: 5, old: 0.5, new: 0.6, "
        "reason: typing error}]"
    )
    connection = connect(warehouse.paths, warehouse.settings)
    missing = registry.unit("waits_jul25").when
    report = validate(connection, warehouse.paths, registry, lambda periods, frequency: [missing], hashes=False)
    connection.close()
    assert {("gaps", "warning"), ("corrections", "warning")} <= found(report)


def test_a_correction_told_in_other_words_is_recorded_and_no_finding(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    aug = registry.unit("waits_aug25")
    corrections = warehouse.paths.root / "config" / "corrections" / "waits.yaml"
    corrections.parent.mkdir(parents=True)
    for reason in ("typing error", "typing error, says the publisher"):
        corrections.write_text(
            f"corrections: [{{source: {source_of(warehouse)}, period: aug25, column: rate, row: 5, old: 0.5, new: 0.6, "
            f'reason: "{reason}"}}]'
        )
        load(aug, warehouse.paths, warehouse.settings)
    assert warehouse.query("SELECT old_value, new_value, reason FROM datawarp.tbl_corrections") == [
        ("0.5", "0.6", "typing error, says the publisher")
    ]
    assert warehouse.query("SELECT outcome FROM datawarp.tbl_load_history ORDER BY history_id DESC LIMIT 1") == [
        ("unchanged",)
    ]
    assert "corrections" not in {check for check, _ in found(checked(warehouse, registry))}


def test_a_manifest_that_was_edited_after_the_load_is_found(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, registry = installed
    path = warehouse.paths.enriched_manifest("waits_aug25")
    path.write_text(path.read_text() + "\n# looked through\n")
    messages = {(f.check, f.subject, f.message) for f in checked(warehouse, registry).findings}
    assert ("stale", "waits_aug25", "its manifest changed since it was loaded") in messages
    load(registry.unit("waits_aug25"), warehouse.paths, warehouse.settings)
    assert "its manifest changed since it was loaded" not in {f.message for f in checked(warehouse, registry).findings}


def test_a_database_that_is_out_of_reach_fails_one_unit_with_one_text(
    installed: tuple[Warehouse, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, registry = installed
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(WarehouseError, match="cannot be reached"):
        load(registry.unit("waits_aug25"), warehouse.paths, warehouse.settings)


def test_dates_are_what_they_were(installed: tuple[Warehouse, Registry]) -> None:
    warehouse, _ = installed
    with psycopg2.connect(warehouse.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT _period_end FROM staging.tbl_{source_of(warehouse)} ORDER BY 1")
        assert cursor.fetchall() == [(date(2025, 7, 31),), (date(2025, 8, 31),)]
    connection.close()
