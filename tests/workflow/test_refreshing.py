"""`refresh_<unit>`: redone from the download on, the old data readable until the new are in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from publisher import Publisher

from .conftest import Installation, NewDatabase

STAGES = ("download", "draft", "enrich", "load", "export")


def test_a_refresh_redoes_its_units_alone_and_records_what_changed(installation: Installation, site: Publisher) -> None:
    revised = table("revised", rows=[("A1", 10), ("A2", 20), ("A3", 30)])
    address = "/refreshed/2025.csv"
    registry = installation.registry()
    registry["revised"] = {
        "name": "Revised",
        "contract": {"rows": {"max_change": 5}},
        "urls": [{"period": "2025", "url": site.file(address, table("revised", rows=[("A1", 1), ("A2", 2)]))}],
    }
    installation.register(registry)
    installation.snakemake("all")
    kept = installation.outputs()
    site.file(address, revised)

    targets = ("refresh_revised_2025", "refresh_ambulance_weekly_2025-w18")
    dry = installation.snakemake("--dry-run", *targets)
    assert {rule: dry.planned[rule] for rule in STAGES} == dict.fromkeys(STAGES, 2)
    assert dry.planned["request_refresh"] == dry.planned["finish_refresh"] == 2

    installation.snakemake(*targets, "--config", "reason=figures revised", "who=an auditor")
    assert figures(installation, "revised_2025") == [10, 20, 30]
    untouched = {k: v for k, v in kept.items() if "planned_care" in k and k.startswith("output/parquet")}
    assert untouched
    assert untouched.items() <= installation.outputs().items()

    events = installation.query(
        "SELECT unit, requested_by, reason, outcome, rows_before, rows_after, archived_to "
        "FROM datawarp.tbl_refresh_events ORDER BY unit"
    )
    assert [e[:6] for e in events] == [
        ("ambulance_weekly_2025-w18", "an auditor", "figures revised", "unchanged", events[0][4], events[0][4]),
        ("revised_2025", "an auditor", "figures revised", "done", 2, 3),
    ]
    index = json.loads(next(installation.paths.archive.rglob(f"{events[1][6]}/index.json")).read_text())
    archived = {f["path"]: installation.paths.archive / f["kept"] for f in index["files"]}
    assert installation.paths.relative(installation.paths.enriched_manifest("revised_2025")) in archived
    parquet = next(path for name, path in archived.items() if name.endswith(".parquet"))
    assert pq.read_table(parquet).num_rows == 2

    assert installation.snakemake("all").nothing_to_do
    assert installation.snakemake("all", "--config", "full_dag=true").nothing_to_do


def test_a_replay_works_on_the_retained_bytes_without_the_network(installation: Installation, site: Publisher) -> None:
    unit = "ambulance_weekly_2025-w19"
    asked = len(site.requests)
    before = installation.outputs()
    installation.snakemake(f"refresh_{unit}", "--config", "replay=true")
    assert len(site.requests) == asked
    assert differing(before, installation.outputs()) == []
    assert installation.query("SELECT unit, outcome FROM datawarp.tbl_refresh_events") == [(unit, "unchanged")]

    receipt = json.loads(installation.paths.download_receipt(unit).read_text())
    (installation.folder / receipt["files"][0]["path"]).write_bytes(b"damaged")
    call = installation.snakemake(f"refresh_{unit}", "--config", "replay=true", status=1)
    assert "expected the retained bytes" in call.text
    assert differing(before, installation.outputs()) == []


def test_a_units_files_asked_for_by_name_leave_no_refresh_open(installation: Installation, site: Publisher) -> None:
    unit = "ambulance_weekly_2025-w18"
    registry = installation.registry()
    release = registry["ambulance_weekly"]["urls"][0]
    downloaded = json.loads(installation.paths.download_receipt(unit).read_text())["files"][0]["path"]
    release["url"] = site.file("/moved/by-name.csv", (installation.folder / downloaded).read_bytes())
    installation.register(registry)
    receipt = installation.paths.relative(installation.paths.export_receipt(unit))
    assert installation.snakemake(receipt).jobs("download") == {unit}
    assert installation.query("SELECT unit, reason FROM datawarp.tbl_refresh_events") == [
        (unit, "its entry in the registry has changed")
    ]
    assert installation.snakemake(unit).nothing_to_do
    assert installation.snakemake("all").nothing_to_do


def test_a_refresh_that_fails_at_any_stage_keeps_the_old_data_and_is_resumed_by_all(
    tmp_path: Path, site: Publisher, new_database: NewDatabase
) -> None:
    """Five units, and in each of them another stage fails."""
    installation = Installation(tmp_path, new_database(None))
    old, new = [("A1", 1), ("A2", 2), ("A3", 3), ("A4", 4)], [("A1", 9), ("A2", 9), ("A3", 9), ("A4", 9)]
    units = {stage: f"fails_in_{stage}_2025" for stage in STAGES}
    registry: dict[str, Any] = {}
    for stage in STAGES:
        address = site.file(f"/failing/{stage}.csv", table(stage, rows=old))
        registry[f"fails_in_{stage}"] = {"name": stage, "urls": [{"period": "2025", "url": address}]}
    reference = tmp_path / "reference.yaml"
    registry["fails_in_enrich"]["reference_manifest"] = str(reference)
    # Types are frozen by the rows of another period.
    earlier = site.file("/failing/2024/load.csv", table("load", rows=old))
    registry["fails_in_load"]["contract"] = {"types": "freeze"}
    registry["fails_in_load"]["urls"].append({"period": "2024", "url": earlier})
    installation.register(registry)
    reference.write_text("")
    installation.snakemake("all", status=None)
    reference.write_bytes(installation.paths.enriched_manifest(units["draft"]).read_bytes())
    installation.snakemake("all")
    before = {unit: figures(installation, unit) for unit in units.values()}
    assert set(map(tuple, before.values())) == {(1, 2, 3, 4)}

    for stage in STAGES:
        site.file(f"/failing/{stage}.csv", table(stage, rows=new))
    site.file("/failing/download.csv", b"<!doctype html><html><body>Sorry</body></html>", "text/html")
    site.file("/failing/draft.csv", b"We publish no figures this year.\n")
    site.file("/failing/load.csv", table("load", rows=new).replace(b"9", b"9.5"))
    reference.write_text("no: manifest\n")
    in_the_way = block_export(installation, units["export"])

    call = installation.snakemake(*(f"refresh_{unit}" for unit in units.values()), status=1)
    for stage, unit in units.items():
        assert f"{unit}: {stage} failed" in call.text.rpartition("units failed:")[2]
        # The database has the new rows once the load is through, and the Parquet may have them too: never a mixture.
        readable = ([1, 2, 3, 4], [9, 9, 9, 9]) if stage == "export" else ([1, 2, 3, 4],)
        assert figures(installation, unit) in readable, unit
    failed_again = installation.snakemake("--dry-run", "all")
    assert failed_again.jobs("download") == set(units.values())

    for stage in STAGES:
        site.file(f"/failing/{stage}.csv", table(stage, rows=new))
    reference.write_bytes(installation.paths.enriched_manifest(units["draft"]).read_bytes())
    in_the_way.rmdir()
    installation.snakemake("all")
    assert {tuple(figures(installation, unit)) for unit in units.values()} == {(9, 9, 9, 9)}
    assert installation.snakemake("all").nothing_to_do
    assert installation.snakemake("all", "--config", "full_dag=true").nothing_to_do
    assert installation.query("SELECT count(*) FROM datawarp.tbl_refresh_events WHERE rows_before = 4") == [(5,)]


def differing(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """The files that are not the same in both."""
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def table(name: str, rows: list[tuple[str, int]]) -> bytes:
    """A CSV file of one table."""
    return ("Code,Count\n" + "".join(f"{code},{count}\n" for code, count in rows)).encode()


def figures(installation: Installation, unit: str) -> list[int]:
    """The column ``count`` of the unit's Parquet as its receipt names it."""
    receipt = json.loads(installation.paths.export_receipt(unit).read_text())
    return [
        value
        for source in receipt["sources"]
        for value in pq.read_table(installation.folder / source["parquet"])["count"].to_pylist()
    ]


def block_export(installation: Installation, unit: str) -> Path:
    """Put a folder where the unit's metadata page is written; returns it."""
    receipt = json.loads(installation.paths.export_receipt(unit).read_text())
    page = installation.paths.source_metadata(receipt["sources"][0]["code"])
    page.unlink()
    page.mkdir()
    return page
