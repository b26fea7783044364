"""Taking over what is there: markers, old manifests, flat Parquet, the old state file in its two forms."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from datawarp.files import write_json, write_text
from datawarp.lifecycle.adopt import AdoptReport, adopt
from datawarp.lifecycle.archive import archive
from datawarp.lifecycle.backup import backup
from datawarp.lifecycle.legacy import read_state
from datawarp.lifecycle.restore_backup import restore_backup
from datawarp.lifecycle.retention import Generations, RetentionPolicy

from .conftest import Installation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNITS = ["beds_q1-2526", "beds_q2-2526", "beds_q3-2526"]


def take_over(made: Installation) -> AdoptReport:
    connection = made.connect()
    try:
        return adopt(made.paths, made.registry, connection, lambda: NOW)
    finally:
        connection.close()


def quiet(report: AdoptReport) -> bool:
    """Whether nothing was changed or told."""
    return not (
        report.manifests
        or report.markers_written
        or report.to_load
        or report.to_export
        or report.replaced
        or report.disagreements
        or report.not_understood
    )


def test_a_sound_installation_is_left_alone(installation: Installation) -> None:
    files = installation.files()
    report = take_over(installation)
    assert quiet(report) and report.agreeing == 3
    assert installation.files() == files
    assert installation.pending() == []


def test_lost_markers_are_written_as_they_were(installation: Installation) -> None:
    made = installation
    files = made.files()
    for unit in UNITS:
        made.paths.loaded_marker(unit).unlink()
    assert take_over(made).markers_written == UNITS
    assert made.files() == files
    assert made.pending() == [], "new markers do not look newer than what was exported from them"


def test_markers_that_speak_of_another_database_whose_data_are_there_are_mended(installation: Installation) -> None:
    """The data were moved to a new server by other means: same rows, another identity."""
    made = installation
    made.query("UPDATE datawarp.tbl_identity SET database_id = gen_random_uuid()")
    report = take_over(made)
    assert report.markers_written == UNITS and not report.to_load
    identity = made.query("SELECT database_id::text FROM datawarp.tbl_identity")[0][0]
    assert {json.loads(made.paths.loaded_marker(u).read_bytes())["database"] for u in UNITS} == {identity}
    assert made.pending() == []
    assert quiet(take_over(made))


def test_units_that_an_empty_database_lacks_are_loaded_by_the_next_run(installation: Installation) -> None:
    made = installation
    parquet = made.parquet()
    made.query("DROP SCHEMA staging CASCADE")
    made.query("DROP SCHEMA datawarp CASCADE")
    report = take_over(made)
    assert list(report.to_load) == UNITS
    assert made.pending() == UNITS
    assert made.parquet() == parquet, "what people read stays"
    made.build()
    assert made.parquet() == parquet and made.pending() == []


def test_after_an_older_backup_only_what_it_lacks_is_loaded(installation: Installation) -> None:
    made = installation
    beds = made.query(f"SELECT org_code, beds_available, _period FROM staging.tbl_{made.beds} ORDER BY 1, 3")
    unit = "beds_q3-2526"
    made.query(f"DELETE FROM staging.tbl_{made.beds} WHERE _period = '2025-26-Q3'")
    made.query(f"DELETE FROM staging.tbl_{made.staff} WHERE _period = '2025-26-Q3'")
    made.query(f"DELETE FROM datawarp.tbl_load_history WHERE unit = '{unit}'")
    backup(made.paths, os.environ["DATABASE_URL"], lambda: NOW, Generations())
    made.load(unit)

    restore_backup(made.paths, os.environ["DATABASE_URL"], lambda: NOW)
    report = take_over(made)

    assert list(report.to_load) == [unit] == made.pending()
    made.build({unit})
    assert made.query(f"SELECT org_code, beds_available, _period FROM staging.tbl_{made.beds} ORDER BY 1, 3") == beds


def test_a_receipt_that_speaks_of_other_parquet_is_told_and_exported_again(installation: Installation) -> None:
    made = installation
    parquet = made.parquet()
    victim = made.paths.parquet(made.beds, "2025-26-Q2", "beds_q2-2526")
    victim.write_bytes(b"PAR1")
    report = take_over(made)
    assert "is not the file that its receipt names" in report.to_export["beds_q2-2526"]
    assert made.pending() == ["beds_q2-2526"]
    made.build({"beds_q2-2526"})
    assert made.parquet() == parquet


def test_archived_units_stay_archived(installation: Installation) -> None:
    made = installation
    archive(
        made.paths,
        made.registry,
        made.connect,
        lambda: NOW,
        RetentionPolicy(),
        older_than=timedelta(days=90),
        purge_db=True,
    )
    report = take_over(made)
    assert quiet(report) and report.agreeing == 1


def test_manifests_of_the_old_layout_come_to_their_place(installation: Installation) -> None:
    made = installation
    files = made.files()
    for unit in UNITS:
        old = made.paths.root / "manifests" / "production" / "beds" / f"{unit}_enriched.yaml"
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made.paths.enriched_manifest(unit), old)
        made.paths.loaded_marker(unit).unlink()
    (made.paths.root / "manifests" / "production" / "beds" / "beds_q9-2526_enriched.yaml").write_text("what: ever\n")
    (made.paths.root / "manifests" / "production" / "beds" / "other_jan25_enriched.yaml").write_text("what: ever\n")

    report = take_over(made)

    assert [Path(m).name for m in report.manifests] == [f"{u}_enriched.yaml" for u in UNITS]
    assert report.markers_written == UNITS
    assert len(report.not_understood) == 2 and "other_jan25" in report.not_understood[1]
    assert {k: v for k, v in made.files().items() if k in files} == files
    assert made.pending() == []
    assert len(list(made.paths.archive.rglob("*_enriched.yaml"))) == 3, "the originals are kept"
    again = take_over(made)
    assert not again.manifests and not again.markers_written


def test_an_old_manifest_does_not_replace_the_one_in_use(installation: Installation) -> None:
    made = installation
    unit = UNITS[0]
    text = made.paths.enriched_manifest(unit).read_text()
    old = made.paths.root / "manifests" / "production" / "beds" / f"{unit}_enriched.yaml"
    write_text(old, text.replace("Beds", "Betten") + "\n# older\n")
    report = take_over(made)
    assert "differs from" in report.disagreements[0]
    assert made.paths.enriched_manifest(unit).read_text() == text


def test_flat_parquet_goes_when_the_new_files_have_its_rows(installation: Installation) -> None:
    made = installation
    tables = [
        pq.read_table(made.paths.root / p) for p in (made.paths.relative(f) for f in _parquet_of(made, made.beds))
    ]
    import pyarrow as pa

    pq.write_table(pa.concat_tables(tables), made.paths.output / f"{made.beds}.parquet")
    pq.write_table(tables[0], made.paths.output / f"{made.staff}.parquet")
    pq.write_table(tables[0], made.paths.output / "unheard_of.parquet")
    (made.paths.output / "broken.parquet").write_bytes(b"no")

    report = take_over(made)

    assert report.replaced == [f"output/{made.beds}.parquet"]
    assert any(f"output/{made.staff}.parquet has 12 rows" in d for d in report.disagreements)
    assert sum("no source of that name" in d for d in report.not_understood) == 2
    assert (made.paths.output / f"{made.staff}.parquet").exists()


def _parquet_of(made: Installation, source: str) -> list[Path]:
    return sorted(made.paths.parquet_source(source).glob("*/*.parquet"))


def test_the_state_file_is_believed_for_nothing_and_compared_with_everything(installation: Installation) -> None:
    made = installation
    state = {
        "beds/q1-2526": {"status": "completed", "completed_at": "2026-01-01T00:00:00"},
        "beds/q2-2526": {"status": "failed"},
        "beds/q9-2526": {"status": "completed"},
        "other/jan25": {"status": "completed"},
        "version": 2,
    }
    write_json(made.paths.root / "state" / "state.json", state)
    made.query("DELETE FROM datawarp.tbl_load_history WHERE unit = 'beds_q1-2526'")
    assert sorted(take_over(made).disagreements) == [
        "state.json names beds/q9-2526, which the registry does not have",
        "state.json names other/jan25, which the registry does not have",
        "state.json says that beds_q1-2526 is complete; the database does not hold it",
        "state.json says that beds_q2-2526 is not complete; the database holds it",
    ]


@pytest.mark.parametrize(
    ("document", "done", "not_understood"),
    [
        ({"adhd/aug25": {"status": "completed"}}, {("adhd", "aug25"): True}, 0),
        ({"adhd/aug25": {"state": "Failed"}}, {("adhd", "aug25"): False}, 0),
        ({"adhd/aug25": "done"}, {("adhd", "aug25"): True}, 0),
        ({"adhd/aug25": {"completed_at": "2025-01-01"}}, {("adhd", "aug25"): True}, 0),
        ({"processed": {"adhd/aug25": {"status": "success"}}}, {("adhd", "aug25"): True}, 0),
        ({"publications": {"adhd": {"aug25": {"status": "loaded"}}}}, {("adhd", "aug25"): True}, 0),
        (
            {"version": 1, "publications": {"adhd": {"name": "ADHD", "periods": {"aug25": {"state": "pending"}}}}},
            {("adhd", "aug25"): False},
            0,
        ),
        ({"adhd/aug25": {"status": "perhaps"}}, {}, 1),
        ({"adhd/aug25": 7}, {}, 1),
        ({"publications": {"adhd": [1]}}, {}, 1),
        ({"adhd": {"x": 1}}, {}, 1),
        ([1, 2], {}, 1),
    ],
)
def test_both_forms_of_the_state_file(
    tmp_path: Path, document: Any, done: dict[tuple[str, str], bool], not_understood: int
) -> None:
    write_json(tmp_path / "state.json", document)
    state = read_state(tmp_path / "state.json")
    assert state.done == done
    assert len(state.not_understood) == not_understood


def test_a_state_file_that_is_not_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    assert "not JSON" in read_state(tmp_path / "state.json").not_understood[0]
    assert read_state(tmp_path / "nowhere.json").not_understood == []


def test_a_changed_manifest_that_was_loaded_without_a_change_of_content_is_adopted(installation: Installation) -> None:
    """The rows' record is of the first load; what the last one compared is what a marker must say."""
    made = installation
    unit = UNITS[1]
    manifest = made.paths.enriched_manifest(unit)
    manifest.write_text(manifest.read_text() + "# a remark that changes no row\n")
    made.load(unit)
    assert made.query(
        f"SELECT outcome FROM datawarp.tbl_load_history WHERE unit = '{unit}' ORDER BY history_id DESC LIMIT 1"
    ) == [("unchanged",)]
    marker = made.paths.loaded_marker(unit).read_bytes()
    made.paths.loaded_marker(unit).unlink()
    report = take_over(made)
    assert report.markers_written == [unit]
    assert not report.to_load
    assert made.paths.loaded_marker(unit).read_bytes() == marker
