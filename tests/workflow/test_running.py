"""The main job through the real command: what it builds, what it leaves alone, what it says of failures."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
from publisher import Publisher

from datawarp.demo.releases import DemoPublication

from .conftest import Call, Installation, NewDatabase, address, entry

STAGES = ("download", "draft", "enrich", "load", "export")
UNITS = {"planned_care_apr25", "planned_care_may25", "ambulance_weekly_2025-w18", "ambulance_weekly_2025-w19"}


def test_all_builds_every_stage_of_every_unit_and_the_catalogue(built: tuple[Installation, Call]) -> None:
    installation, call = built
    assert {rule: call.done[rule] for rule in STAGES} == dict.fromkeys(STAGES, 4)
    assert call.done["catalogue"] == 1
    for unit in UNITS:
        receipt = json.loads(installation.paths.export_receipt(unit).read_text())
        assert receipt["sources"], unit
        for source in receipt["sources"]:
            assert (installation.folder / source["parquet"]).is_file()
            loaded = installation.query(
                f"SELECT count(*) FROM staging.{source['table']} WHERE _period = "
                f"(SELECT canonical_period FROM datawarp.tbl_load_history WHERE unit = '{unit}' LIMIT 1)"
            )
            assert loaded == [(source["rows"],)]
        assert (installation.folder / "logs" / "load" / f"{unit}.log").is_file()
    assert installation.paths.catalog.is_file()
    assert installation.paths.datapackage.is_file()


def test_jobs_are_looked_for_when_one_has_ended_and_not_ever_more_often(built: tuple[Installation, Call]) -> None:
    _, call = built
    assert 0 < call.looks <= 1 + call.done.total()


def test_a_second_run_has_nothing_to_do_with_and_without_the_full_graph(installation: Installation) -> None:
    before = installation.outputs()
    again = installation.snakemake("all")
    full = installation.snakemake("all", "--config", "full_dag=true")
    assert again.nothing_to_do
    assert full.nothing_to_do
    assert installation.outputs() == before


def test_one_more_period_builds_that_unit_alone(
    installation: Installation, site: Publisher, demo: dict[str, DemoPublication]
) -> None:
    registry = installation.registry()
    registry["planned_care"] = entry(demo["planned_care"], site, 3)
    installation.register(registry)

    dry = installation.snakemake("--dry-run")
    assert dry.planned == {**dict.fromkeys(STAGES, 1), "catalogue": 1, "all": 1}
    assert dry.jobs("download") == {"planned_care_jun25"}
    assert not installation.paths.download_receipt("planned_care_jun25").exists()

    call = installation.snakemake("planned_care")
    assert call.jobs("export") == {"planned_care_jun25"}
    assert "planned_care_jun25" in json.dumps(json.loads(installation.paths.datapackage.read_text()))
    assert installation.snakemake("all").nothing_to_do


def test_a_unit_that_fails_leaves_the_others_done_and_is_named_with_its_reason(
    installation: Installation, site: Publisher, demo: dict[str, DemoPublication]
) -> None:
    registry = installation.registry()
    registry["planned_care"] = entry(demo["planned_care"], site, 3)
    late = {"period": "2025-w20", "url": site.url("/not/there.csv")}
    registry["ambulance_weekly"]["urls"].append(late)
    registry["gone"] = {"name": "Gone", "urls": [{"period": "2025", "url": str(installation.folder / "nowhere")}]}
    installation.register(registry)

    call = installation.snakemake("all", status=1)
    assert installation.paths.export_receipt("planned_care_jun25").is_file()
    end = call.text.rpartition("units failed:")[2]
    assert "ambulance_weekly_2025-w20: download failed" in end
    assert "gone_2025: download failed" in end
    assert "what to do:" in end
    assert "logs/download/gone_2025.log" in end
    assert "Traceback" not in call.text
    # The catalogue holds what is done, although its rule could not run.
    assert "planned_care_jun25" in installation.paths.datapackage.read_text()

    failure = json.loads(installation.paths.failure("gone_2025").read_text())
    assert (failure["stage"], failure["attempts"]) == ("download", 1)
    status = installation.snakemake("status")
    assert "gone_2025: download failed" in status.text
    assert "logs/download/gone_2025.log" in status.text
    assert "5 done" in status.text

    late["url"] = site.url(address("ambulance_weekly", "2025-w20", "x.csv"))
    del registry["gone"]
    installation.register(registry)
    assert installation.snakemake("all").jobs("load") == {"ambulance_weekly_2025-w20"}
    assert not installation.paths.failure("ambulance_weekly_2025-w20").exists()


def test_a_changed_address_builds_its_unit_again_even_without_snakemakes_own_records(
    installation: Installation, site: Publisher
) -> None:
    registry = installation.registry()
    moved = site.file("/moved/2025-w18.csv", site_bytes(installation, "ambulance_weekly_2025-w18"))
    registry["ambulance_weekly"]["urls"][0]["url"] = moved
    installation.register(registry)
    for record in (installation.folder / ".snakemake" / "metadata").rglob("*"):
        if record.is_file():
            record.unlink()
    call = installation.snakemake("all")
    assert call.jobs("download") == {"ambulance_weekly_2025-w18"}
    assert json.loads(installation.paths.download_receipt("ambulance_weekly_2025-w18").read_text())["url"] == moved
    assert installation.snakemake("all").nothing_to_do


def site_bytes(installation: Installation, unit: str) -> bytes:
    """The first file that ``unit`` was built from."""
    receipt = json.loads(installation.paths.download_receipt(unit).read_text())
    return (installation.folder / receipt["files"][0]["path"]).read_bytes()


def test_every_error_of_a_registry_is_told_at_once_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "publications.yaml").write_text(
        "publications:\n"
        "  good:\n"
        "    name: Good\n"
        "    urls:\n"
        "      - {period: aug25, url: https://example.org/a.csv}\n"
        "      - {period: 2025-08, url: https://example.org/b.csv}\n"
        "  Bad:\n"
        "    nmae: Bad\n"
        "    urls:\n"
        "      - {period: sometime, url: https://example.org/c.csv}\n"
    )
    call = Installation(tmp_path, "postgresql://127.0.0.1:1/none").snakemake("all", status=1)
    for found in ("2025-08", "Bad", "nmae", "sometime"):
        assert found in call.text, found
    assert not (tmp_path / "downloads").exists()
    assert not (tmp_path / ".datawarp").exists()


def test_a_run_from_elsewhere_keeps_all_in_its_folder_and_has_nothing_to_do_once_it_moved(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    here = Installation(tmp_path / "old" / "here", new_database(None))
    here.register({"local": {"name": "Local", "urls": [{"period": "2025", "url": "../releases/2025.csv"}]}})
    (here.folder / "releases").mkdir()
    (here.folder / "releases" / "2025.csv").write_text("Code,Count\nA1,1\nA2,2\n")

    def build(there: Installation) -> Call:
        registry = ("--config", "publications=config/publications.yaml", "--")
        return there.snakemake("--directory", str(there.folder.parent / "run"), *registry, "all")

    build(here)
    run = Installation(here.folder.parent / "run", here.database)
    assert sorted(p.name for p in here.folder.iterdir()) == ["config", "releases"]
    assert json.loads(run.paths.download_receipt("local_2025").read_text())["url"] == "../releases/2025.csv"
    assert str(tmp_path) not in str(run.query("SELECT url FROM datawarp.tbl_manifest_files"))

    here.folder.parent.rename(tmp_path / "new")
    there = Installation(tmp_path / "new" / "here", here.database)
    assert build(there).nothing_to_do
    assert there.snakemake(
        *("--directory", str(tmp_path / "new" / "run"), "all", "--config"),
        *("publications=config/publications.yaml", "full_dag=true"),
    ).nothing_to_do


def test_a_run_that_was_killed_is_gone_on_with(
    installation: Installation, site: Publisher, demo: dict[str, DemoPublication]
) -> None:
    registry = installation.registry()
    registry["planned_care"] = entry(demo["planned_care"], site, 3)
    installation.register(registry)
    # A database that is locked holds the load long enough to be killed in the middle of it.
    import psycopg2

    blocking = psycopg2.connect(installation.database)
    blocking.cursor().execute("LOCK TABLE datawarp.tbl_load_history IN ACCESS EXCLUSIVE MODE")
    run = installation.begin("all")
    working = installation.paths.working("planned_care_jun25")
    until = time.monotonic() + 120
    while not (working.exists() and json.loads(working.read_text())["stage"] == "load"):
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    blocking.close()

    locked = installation.snakemake("all", status=1)
    assert "unlock" in locked.text
    installation.snakemake("--unlock")
    assert installation.snakemake("all").jobs("export") == {"planned_care_jun25"}
    assert installation.snakemake("all").nothing_to_do


def test_a_job_that_is_killed_before_it_can_say_that_it_works_is_done_again(installation: Installation) -> None:
    unit = "planned_care_apr25"
    manifest = installation.paths.enriched_manifest(unit)
    manifest.write_text(manifest.read_text("utf-8") + "# looked at\n", "utf-8")
    run = installation.begin("all")
    while run.poll() is None:
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(word.endswith(".load.py") for word in process.cmdline()):
                    process.kill()
    # A slow machine may let it say so first; what counts is that it is done again.
    assert run.returncode == 1

    call = installation.snakemake("all")
    assert "apr25 (load was cut off)" in call.text
    assert call.jobs("load") == {unit}
    assert installation.snakemake("all").nothing_to_do


def test_changed_corrections_load_their_unit_again_and_nothing_else(installation: Installation) -> None:
    unit, other = "ambulance_weekly_2025-w18", "ambulance_weekly_2025-w19"
    receipt = json.loads(installation.paths.export_receipt(unit).read_text())
    code, table = receipt["sources"][0]["code"], receipt["sources"][0]["table"]
    column, row, before = corrected_cell(installation, table)
    file = installation.folder / "config" / "corrections" / "ambulance_weekly.yaml"
    file.parent.mkdir()
    correction = {"source": code, "period": "2025-w18", "column": column, "row": row, "old": before, "new": before + 7}
    file.write_text(json.dumps({"corrections": [{**correction, "reason": "a test"}]}))

    call = installation.snakemake("all")
    assert "2025-w18 (its corrections have changed)" in call.text
    assert (call.jobs("download"), call.jobs("load"), call.jobs("export")) == (set(), {unit}, {unit})
    assert value(installation, table, column, row) == before + 7
    assert installation.snakemake("all").nothing_to_do

    file.unlink()
    # Without Snakemake's own record the changed params of the load would go unseen.
    shutil.rmtree(installation.folder / ".snakemake" / "metadata")
    assert installation.snakemake("all").jobs("load") == {unit}
    assert value(installation, table, column, row) == before
    assert other in str(installation.query("SELECT unit FROM datawarp.tbl_load_history WHERE is_current"))
    assert installation.snakemake("all").nothing_to_do


def corrected_cell(installation: Installation, table: str) -> tuple[str, int, int]:
    """A whole number of the first week's table: its column, its sheet row, its value."""
    columns = installation.query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'staging' "
        f"AND table_name = '{table}' AND data_type = 'bigint' AND column_name NOT LIKE '\\_%'"
    )
    column = str(columns[0][0])
    row, found = installation.query(
        f"SELECT _source_row, {column} FROM staging.{table} WHERE _period = '2025-W18' AND {column} IS NOT NULL LIMIT 1"
    )[0]
    return column, row, found


def value(installation: Installation, table: str, column: str, row: int) -> int:
    """The cell as the warehouse has it."""
    statement = f"SELECT {column} FROM staging.{table} WHERE _period = '2025-W18' AND _source_row = {row}"
    return int(installation.query(statement)[0][0])


def test_what_is_wrong_in_the_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    here = Installation(tmp_path, "postgresql://127.0.0.1:1/none")
    here.register({})
    (tmp_path / "config" / "config.yaml").write_text("http:\n  atempts: 3\n")
    call = here.snakemake("all", status=1)
    assert f"{tmp_path}/config/config.yaml:2: http: unknown key 'atempts'" in call.text
    assert "did you mean 'attempts'?" in call.text
    (tmp_path / "config" / "config.yaml").unlink()
    assert "did you mean 'execute'" in here.snakemake("all", "--config", "exceute=true", status=1).text


def test_markers_of_another_database_are_named_before_anything_runs(
    installation: Installation, new_database: NewDatabase
) -> None:
    elsewhere = Installation(installation.folder, new_database(None))
    call = elsewhere.snakemake("all", status=1)
    assert "loaded into another database" in call.text
    assert "planned_care_apr25" in call.text
    assert "snakemake adopt" in call.text
    assert not call.done
    assert installation.snakemake("all").nothing_to_do


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("refresh_planned_care_jan01", "planned_care has apr25, may25; add a line for jan01 to its urls"),
        ("planned_care_apr52", "did you mean 'planned_care_apr25'?"),
        ("stauts", "did you mean 'status'?"),
    ],
)
def test_a_target_that_there_is_not_is_refused(built: tuple[Installation, Call], target: str, hint: str) -> None:
    call = built[0].snakemake(target, status=1)
    assert repr(target.removeprefix("refresh_")) in call.text
    assert hint in call.text
    assert "Traceback" not in call.text


def test_a_dry_run_leaves_a_decision_that_was_killed_to_the_next_run(installation: Installation) -> None:
    review = {"unit": "planned_care_apr25", "publication": "planned_care", "period": "apr25"}
    journal = installation.paths.private / "approvals" / "planned_care_apr25.json"
    journal.parent.mkdir(parents=True)
    record = {"review": review, "merges": {}, "units": ["planned_care_apr25"], "applied": False}
    journal.write_text(json.dumps(record))

    for dry in ("-np", "--dry-run"):
        installation.snakemake("all", dry)
        assert json.loads(journal.read_text()) == record
    installation.snakemake("all")
    assert not journal.exists() or json.loads(journal.read_text())["applied"]
    assert installation.paths.decisions("planned_care").exists()
