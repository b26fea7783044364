"""Releases out of use and back: nothing lost, nothing rebuilt that was put away, whatever moment it is cut off at."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from datawarp.errors import LifecycleError, RegistryError
from datawarp.files import write_text
from datawarp.lifecycle import archive as archive_module
from datawarp.lifecycle.archive import ArchivedUnit, ArchiveReport, archive, carry_out, read_record
from datawarp.lifecycle.entries import plan
from datawarp.lifecycle.refresh import archive_unit
from datawarp.lifecycle.restore import RestoreReport, restore
from datawarp.lifecycle.retention import (
    Generations,
    Holding,
    RetentionPolicy,
    RetentionRule,
    Transition,
    decide,
    parse_span,
    read_policy,
)
from datawarp.lifecycle.rows import purge_unit, put_back, standing
from datawarp.operations.options import Options as RefreshOptions
from datawarp.operations.refresh import request_refresh
from datawarp.publish.export import export
from datawarp.publish.receipts import read_receipt
from datawarp.registry.periods import parse_period
from datawarp.warehouse.validate import validate

from .conftest import Installation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD = timedelta(days=90)
NONE = RetentionPolicy()


def put_away(made: Installation, purge: bool = False, policy: RetentionPolicy = NONE) -> ArchiveReport:
    older = None if policy.rules else OLD
    return archive(made.paths, made.registry, made.connect, lambda: NOW, policy, older_than=older, purge_db=purge)


def bring_back(made: Installation, unit: str) -> RestoreReport:
    connection = made.connect()
    try:
        return restore(made.paths, unit, None, connection, lambda: made.load(unit), lambda: NOW)
    finally:
        connection.close()


def test_a_unit_comes_back_to_the_byte_and_its_rows_to_the_last_value(installation: Installation) -> None:
    made = installation
    files, beds, staff = made.files(), made.rows(made.beds), made.rows(made.staff)

    report = put_away(made, purge=True)

    assert list(report.archived) == ["beds_q1-2526", "beds_q2-2526"] and not report.failed
    assert len(made.rows(made.beds)) == 12, "the newest period stays"
    assert not made.paths.export_receipt("beds_q1-2526").exists()
    assert made.pending() == [], "what is archived is not pending"

    for unit in report.archived:
        back = bring_back(made, unit)
        assert back.rows == "put back"
    assert made.files() == files
    assert (made.rows(made.beds), made.rows(made.staff)) == (beds, staff), "lineage and load numbers included"
    assert made.pending() == []
    assert not list((made.paths.archive).rglob("*.*")), "nothing is left in the archive"


def test_rows_stay_in_the_database_unless_they_are_to_go(installation: Installation) -> None:
    made = installation
    beds = made.rows(made.beds)
    put_away(made)
    assert made.rows(made.beds) == beds
    connection = made.connect()
    assert validate(connection, made.paths, made.registry, lambda *_: []).findings == []
    connection.close()
    assert bring_back(made, "beds_q1-2526").rows == "there"


def test_a_table_that_evolved_meanwhile_takes_the_rows_back(installation: Installation) -> None:
    """The archived Parquet has integers where the table has text by now, and lacks a column."""
    made = installation
    put_away(made, purge=True)
    made.query(f"ALTER TABLE staging.tbl_{made.beds} ADD COLUMN later bigint")
    made.query(f"ALTER TABLE staging.tbl_{made.beds} ALTER COLUMN beds_available TYPE text")

    assert bring_back(made, "beds_q1-2526").row_count == 15

    found = made.query(
        f"SELECT org_code, beds_available, beds_available_marker, later FROM staging.tbl_{made.beds} "
        "WHERE _period = '2025-26-Q1' ORDER BY _source_row LIMIT 6"
    )
    assert found[0] == ("000", "100", None, None)
    assert found[5] == ("005", None, "*", None)


@pytest.mark.parametrize("others", [None, 7])
def test_a_column_that_became_narrower_meanwhile_takes_its_texts_back(
    installation: Installation, others: int | None
) -> None:
    """Only the purged period filled the column, so a later load made a number of it."""
    made = installation
    table = f"staging.tbl_{made.beds}"
    made.query(f"ALTER TABLE {table} ADD COLUMN note text")
    made.query(f"UPDATE {table} SET note = 'about ' || _source_row WHERE _period = '2025-26-Q1'")
    made.query(
        "INSERT INTO datawarp.tbl_column_metadata (source_code, column_name, data_type, position) "
        f"VALUES ('{made.beds}', 'note', 'text', 9)"
    )
    for unit in made.registry.units():
        export(unit, made.paths, made.settings)
    rows = made.rows(made.beds)
    put_away(made, purge=True)
    made.query(f"ALTER TABLE {table} ALTER COLUMN note TYPE bigint USING NULL::bigint")
    made.query("UPDATE datawarp.tbl_column_metadata SET data_type = 'bigint' WHERE column_name = 'note'")
    if others is not None:
        made.query(f"UPDATE {table} SET note = {others}")

    for unit in ("beds_q1-2526", "beds_q2-2526"):
        bring_back(made, unit)

    assert made.query("SELECT data_type FROM datawarp.tbl_column_metadata WHERE column_name = 'note'") == [("text",)]
    assert made.query(f"SELECT note, count(*) FROM {table} WHERE _period = '2025-26-Q3' GROUP BY 1") == [
        (others if others is None else str(others), 12)
    ]
    made.query(f"UPDATE {table} SET note = NULL WHERE _period = '2025-26-Q3'")
    assert made.rows(made.beds) == rows


def test_rows_are_loaded_again_into_a_database_that_never_had_them(installation: Installation) -> None:
    made = installation
    before = made.parquet()
    put_away(made, purge=True)
    made.query("DROP SCHEMA staging CASCADE")
    made.query("DROP SCHEMA datawarp CASCADE")

    assert bring_back(made, "beds_q1-2526").rows == "loaded"

    assert made.query(f"SELECT count(*) FROM staging.tbl_{made.beds}") == [(12,)]
    assert {k: v for k, v in before.items() if "q1" in k} == {k: v for k, v in made.parquet().items() if "q1" in k}
    assert "beds_q1-2526" not in made.pending()


@pytest.mark.parametrize("purged", [True, False])
def test_a_unit_that_was_never_exported_is_loaded_again(installation: Installation, purged: bool) -> None:
    """A record of such a unit can only be an old one: none is archived like this any more."""
    made = installation
    unit, beds = "beds_q1-2526", made.rows(made.beds)
    made.paths.export_receipt(unit).unlink()
    files = [made.paths.pending_manifest(unit), made.paths.enriched_manifest(unit), made.paths.loaded_marker(unit)]
    connection = made.connect()
    rows = standing(connection, unit) if purged else None
    carry_out(made.paths, connection, ArchivedUnit(unit, plan(made.paths, files, "cleanup", "left", NOW, unit), rows))
    connection.close()
    assert len(made.rows(made.beds)) == (24 if purged else 36)

    report = bring_back(made, unit)

    assert (report.rows, report.row_count) == ("loaded" if purged else "there", 15)
    assert len(made.rows(made.beds)) == len(beds)
    assert made.pending() == [unit], "it is to be exported"


def test_the_only_period_of_a_table_stays(installation: Installation) -> None:
    """A table that later releases no longer have is held by its last period alone."""
    made = installation
    registry = made.paths.root / "config" / "publications.yaml"
    for unit in made.registry.units()[1:]:
        folder = made.paths.root / "releases" / unit.period
        shutil.copytree(unit.url, folder)
        (folder / "staff.csv").unlink()
        registry.write_text(registry.read_text().replace(unit.url, str(folder)))
    made.build({"beds_q2-2526", "beds_q3-2526"})
    report = put_away(made)
    assert list(report.archived) == ["beds_q2-2526"]
    assert report.protected["beds_q1-2526"] == f"protected: the only period in use of {made.staff}"


def test_the_reference_period_stays(installation: Installation) -> None:
    made = installation
    reference = made.paths.reference_manifests / "beds_q1-2526.enriched.yaml"
    reference.parent.mkdir(parents=True)
    reference.write_bytes(made.paths.enriched_manifest("beds_q1-2526").read_bytes())
    report = put_away(made)
    assert report.protected["beds_q1-2526"] == "protected: the reference period of beds"
    assert list(report.archived) == ["beds_q2-2526"]


def test_damaged_parquet_is_not_put_away_and_its_rows_stay(installation: Installation) -> None:
    made = installation
    victim = made.paths.parquet(made.beds, "2025-26-Q1", "beds_q1-2526")
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    report = put_away(made, purge=True)
    assert "its receipt says" in report.failed["beds_q1-2526"]
    assert len(made.rows(made.beds)) == 24, "only the other old period left"
    assert victim.exists()


def test_rows_that_the_parquet_does_not_have_keep_a_unit_in_use(installation: Installation) -> None:
    made = installation
    made.query(
        f"INSERT INTO staging.tbl_{made.beds} (_period, _period_start, _period_end, _source_row, _manifest_file_id, "
        "_load_id) SELECT _period, _period_start, _period_end, 99, _manifest_file_id, _load_id "
        f"FROM staging.tbl_{made.beds} WHERE _period = '2025-26-Q1' LIMIT 1"
    )
    report = put_away(made, purge=True)
    assert "may not be all there is" in report.failed["beds_q1-2526"]
    assert made.paths.export_receipt("beds_q1-2526").exists()


@pytest.mark.parametrize("moment", range(9))
def test_an_archive_cut_off_anywhere_is_finished_by_the_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The process dies before its n-th step: a write, a move or the purge."""
    made = installation
    files, beds = made.files(), made.rows(made.beds)
    steps = 0

    def dying(real):  # type: ignore[no-untyped-def]
        def step(*args, **options):  # type: ignore[no-untyped-def]
            nonlocal steps
            steps += 1
            if steps == moment + 1:
                raise KeyboardInterrupt
            return real(*args, **options)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(archive_module, "write_json", dying(archive_module.write_json))
        patched.setattr(archive_module, "purge_unit", dying(archive_module.purge_unit))
        patched.setattr("datawarp.lifecycle.entries._move", dying(archive_module.finish.__globals__["_move"]))
        with pytest.raises(KeyboardInterrupt):
            put_away(made, purge=True)

    assert made.pending() == [], "`all` at this moment would rebuild nothing that is on its way"
    assert put_away(made, purge=True).failed == {}
    assert len(made.rows(made.beds)) == 12
    for unit in ("beds_q1-2526", "beds_q2-2526"):
        record = read_record(made.paths, unit)
        assert record is not None and record.complete
        bring_back(made, unit)
    assert made.files() == files
    assert made.rows(made.beds) == beds


def test_a_unit_that_is_loaded_on_its_way_into_the_archive_stays_in_use(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that had begun before commits when the files are in the archive and the rows are not yet gone."""
    made = installation
    files, record = made.files(), made.paths.archived_record("beds_q1-2526")
    stamps = {path: (made.paths.root / path).stat().st_mtime_ns for path in files}
    purge = archive_module.purge_unit
    load = (
        f"UPDATE staging.tbl_{made.beds} SET _load_id = nextval('datawarp.seq_load_id') WHERE _period = '2025-26-Q1'; "
    )

    def meanwhile(connection, unit, expected):  # type: ignore[no-untyped-def]
        if unit == "beds_q1-2526":
            made.query(load)
        return purge(connection, unit, expected)

    with monkeypatch.context() as patched:
        patched.setattr(archive_module, "purge_unit", meanwhile)
        report = put_away(made, purge=True)

    assert "loaded again while it was on its way" in report.failed["beds_q1-2526"]
    assert list(report.archived) == ["beds_q2-2526"] and len(made.rows(made.beds)) == 24
    assert not record.exists()
    bring_back(made, "beds_q2-2526")
    assert made.files() == files and not list(made.paths.archive.rglob("*.*"))
    assert {path: (made.paths.root / path).stat().st_mtime_ns for path in files} == stamps


def drift(made: Installation) -> list[tuple[object, ...]]:
    return made.query(
        "SELECT unit, against_period, subject, column_name, kind, message FROM datawarp.tbl_drift_events "
        "ORDER BY 1, 2, 3, 4, 5"
    )


def test_drift_is_that_of_the_periods_that_stand(installation: Installation) -> None:
    """Q3 has a column more than Q2; with Q2 gone it has one more than Q1; with both gone there is none."""
    made = installation
    before = drift(made)
    assert [(row[0], row[1]) for row in before] == [("beds_q3-2526", "2025-26-Q2")]
    with closing(made.connect()) as connection:
        rows = standing(connection, "beds_q2-2526")
        purge_unit(connection, "beds_q2-2526", rows)
        assert [(row[0], row[1]) for row in drift(made)] == [("beds_q3-2526", "2025-26-Q1")]
        purge_unit(connection, "beds_q1-2526", standing(connection, "beds_q1-2526"))
        assert drift(made) == []
        parquet = {s.code: made.paths.root / s.parquet for s in read_receipt(made.paths.export_receipt("beds_q2-2526"))}
        put_back(connection, "beds_q2-2526", rows, parquet)
    assert drift(made) == before


def test_a_restore_cut_off_is_carried_on(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    made = installation
    files = made.files()
    put_away(made, purge=True)
    with monkeypatch.context() as patched:
        patched.setattr("datawarp.lifecycle.restore.put_back_rows", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bring_back(made, "beds_q1-2526")
    assert made.paths.archived_record("beds_q1-2526").exists()
    bring_back(made, "beds_q1-2526")
    bring_back(made, "beds_q2-2526")
    assert made.files() == files


def test_a_file_in_the_way_is_kept_in_the_archive(installation: Installation) -> None:
    made = installation
    put_away(made)
    path = made.paths.enriched_manifest("beds_q1-2526")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("somebody's notes")
    report = bring_back(made, "beds_q1-2526")
    assert report.displaced == [made.paths.relative(path)]
    assert "somebody's notes" not in path.read_text()
    assert "somebody's notes" in [p.read_text() for p in made.paths.archive.rglob("*.enriched.yaml")]


def test_a_unit_that_is_nowhere_is_told(installation: Installation) -> None:
    with pytest.raises(LifecycleError, match="neither archived nor in use"):
        bring_back(installation, "beds_q4-2526")


def test_rules_are_on_record_in_the_database(installation: Installation) -> None:
    rule = RetentionRule(pattern="b*", keep_periods=1, purge_db=True)
    report = put_away(installation, policy=RetentionPolicy(rules=[rule]))
    assert list(report.archived) == ["beds_q1-2526", "beds_q2-2526"]
    assert installation.query(
        "SELECT position, pattern, keep_periods, keep_days, destination, purge_db FROM datawarp.tbl_retention_policy"
    ) == [(1, "b*", 1, None, "archive", True)]
    assert report.purged_rows == 30


def test_a_refresh_of_an_archived_unit_makes_it_a_unit_in_use(installation: Installation) -> None:
    made = installation
    beds, parquet = len(made.rows(made.beds)), made.parquet()
    put_away(made, purge=True)
    request_refresh("beds_q1-2526", "20260301T120000000000Z", made.paths, RefreshOptions())
    assert made.pending() == ["beds_q1-2526"]
    made.build({"beds_q1-2526"})
    assert len(made.rows(made.beds)) == beds - 12
    assert {k: v for k, v in parquet.items() if "Q2" not in k} == made.parquet()


def test_a_refresh_keeps_all_that_an_archive_moves_and_the_download_receipt(installation: Installation) -> None:
    made, unit = installation, "beds_q1-2526"
    write_text(made.paths.review(unit), "unit: beds_q1-2526\n")
    kept = archive_unit(unit, made.paths, "to be built again", NOW)
    put_away(made)
    moved = read_record(made.paths, unit)
    assert kept is not None and moved is not None
    refreshed, archived = {f.path for f in kept.files}, {f.path for f in moved.entry.files}
    assert refreshed - archived == {made.paths.relative(made.paths.download_receipt(unit))}
    assert archived < refreshed and made.paths.relative(made.paths.review(unit)) in archived


def holding(unit: str, *sources: str, reference: bool = False) -> Holding:
    publication, _, period = unit.rpartition("_")
    return Holding(unit, publication, parse_period(period), frozenset(sources or (publication,)), reference)


def archived(rules: list[RetentionRule], today: date, *units: str) -> list[str]:
    decisions = decide(map(holding, units), RetentionPolicy(rules=rules), today)
    return [d.holding.unit for d in decisions if d.archive]


def test_a_period_goes_when_it_is_beyond_both_limits() -> None:
    units = ("a_jan25", "a_feb25", "a_mar25", "a_apr25")
    today = date(2025, 5, 1)
    assert archived([RetentionRule(pattern="*", keep_periods=2)], today, *units) == ["a_jan25", "a_feb25"]
    assert archived([RetentionRule(pattern="*", keep_days=80)], today, *units) == ["a_jan25"]
    assert archived([RetentionRule(pattern="*", keep_periods=1, keep_days=40)], today, *units) == [
        "a_jan25",
        "a_feb25",
    ]


def test_the_first_rule_that_fits_counts() -> None:
    rules = [RetentionRule(pattern="a*", keep_periods=9), RetentionRule(pattern="*", keep_periods=1)]
    today = date(2026, 1, 1)
    assert archived(rules, today, "a_jan25", "a_feb25", "b_jan25", "b_feb25") == ["b_jan25"]


def test_without_a_rule_everything_stays() -> None:
    assert archived([RetentionRule(pattern="b", keep_periods=1)], date(2030, 1, 1), "a_jan25", "a_feb25") == []


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("0d", 0), ("12w", 84), ("6m", 180), ("2y", 730), ("3 D", 3)])
def test_lengths_of_time(text: str, days: int) -> None:
    assert parse_span(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["90", "d", "-3d", "1h", "ninety days"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(LifecycleError, match="is not a length of time"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules:\n- {pattern: a}", "retention.yaml:2: .*\n.*add keep_periods, keep_days or both"),
        ("rules: [{pattern: a, keep_days: 1, delete_after: 3}]", "would delete the only copy"),
        ("rules:\n- pattern: a\n  keep_days: 1\n  destination: ftp", "retention.yaml:4: .*'ftp' is no destination"),
        ("rulez: []", "did you mean 'rules'"),
        ("rules: [", "not valid YAML"),
    ],
)
def test_a_policy_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "retention.yaml").write_text(text)
    with pytest.raises(RegistryError, match=told):
        read_policy(tmp_path / "retention.yaml")


def test_the_policy_that_is_shipped_keeps_everything() -> None:
    shipped = read_policy(Path(__file__).parents[2] / "config" / "retention.yaml")
    assert (shipped.rules, shipped.backups) == ([], Generations())
    assert (shipped.bucket.location, shipped.bucket.transition) == (None, Transition(after_days=90))


def test_the_archived_parquet_is_what_it_was(installation: Installation) -> None:
    made = installation
    table = pq.read_table(made.paths.parquet(made.beds, "2025-26-Q1", "beds_q1-2526"))
    put_away(made)
    made_of = {
        p.parent.parent.name: p
        for p in made.paths.archive.glob("parquet/2026-03-01/*q1-2526/output/parquet/*/*/*.parquet")
    }
    assert pq.read_table(made_of[made.beds]).equals(table)
