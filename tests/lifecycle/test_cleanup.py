"""Orphans of every kind: found by name, removed on request, and brought back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from datawarp.acquire.index import IndexEntry, update_index
from datawarp.acquire.store import Origin, take_in
from datawarp.errors import LifecycleError
from datawarp.files import sha256_bytes, write_bytes, write_text
from datawarp.lifecycle.archive import archive
from datawarp.lifecycle.backup import backup
from datawarp.lifecycle.cleanup import USED_AGAIN, CleanupReport, cleanup
from datawarp.lifecycle.entries import entries, put_back
from datawarp.lifecycle.orphans import GROUPS, WORDS
from datawarp.lifecycle.restore import restore
from datawarp.lifecycle.restore_backup import restore_backup
from datawarp.lifecycle.retention import Generations, RetentionPolicy, parse_span
from datawarp.warehouse.load.locks import lock_tables

from .conftest import Installation

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def clean(made: Installation, execute: bool = False, skip: str = "", verbose: bool = False) -> CleanupReport:
    connection = made.connect()
    try:
        return cleanup(
            made.paths,
            made.registry,
            connection,
            lambda: NOW,
            lambda: str(backup(made.paths, os.environ["DATABASE_URL"], lambda: NOW, Generations()).made.path),
            execute=execute,
            verbose=verbose,
            skip=frozenset(skip.split(",")) - {""},
        )
    finally:
        connection.close()


def found(report: CleanupReport) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for orphan in report.findings.orphans:
        kinds.setdefault(orphan.kind, []).append(orphan.name)
    return kinds


def drop_from_registry(made: Installation, period: str) -> None:
    file = made.paths.root / "config" / "publications.yaml"
    document = yaml.safe_load(file.read_text())
    urls = document["publications"]["beds"]["urls"]
    document["publications"]["beds"]["urls"] = [u for u in urls if u["period"] != period]
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def old(path: Path) -> None:
    os.utime(path, (1_700_000_000, 1_700_000_000))


def source_without_table(made: Installation) -> str:
    made.query(
        "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES ('gone', 'beds', 'Gone');"
        "INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) "
        "VALUES ('gone', 'beds', 'tbl_gone')"
    )
    return "gone"


def table_without_source(made: Installation) -> str:
    made.query('CREATE TABLE staging."tbl_O\'Neill; --" (x int)')
    return "staging.tbl_O'Neill; --"


def records_without_source(made: Installation) -> str:
    made.query(
        "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES ('lone', 'beds', 'Lone');"
        "INSERT INTO datawarp.tbl_column_metadata (source_code, column_name, data_type, position) "
        "VALUES ('lone', 'x', 'text', 1)"
    )
    return "lone"


def unit_not_in_registry(made: Installation) -> str:
    drop_from_registry(made, "q1-2526")
    return "beds_q1-2526"


def parquet_without_receipt(made: Installation) -> str:
    write_bytes(made.paths.parquet("beds_old", "2020", "beds_2020"), b"PAR1")
    return "output/parquet/beds_old/period=2020/beds_2020.parquet"


def parquet_without_source(made: Installation) -> str:
    code = made.staff
    made.query(f"DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = '{code}'")
    return f"output/parquet/{code}/period=2025-26-Q1/beds_q1-2526.parquet"


def receipt_without_parquet(made: Installation) -> str:
    made.paths.parquet(made.beds, "2025-26-Q2", "beds_q2-2526").unlink()
    return "output/receipts/beds/beds_q2-2526.json"


def metadata_without_parquet(made: Installation) -> str:
    write_text(made.paths.source_metadata("beds_old"), "# Old\n")
    return "output/metadata/beds_old.md"


def manifest_deprecated(made: Installation) -> str:
    path = made.paths.root / "manifests" / "reference" / "beds_q9.enriched.yaml"
    text = made.paths.enriched_manifest("beds_q1-2526").read_text()
    assert "  state: enriched" in text
    write_text(path, text.replace("  state: enriched", "  state: deprecated"))
    return "manifests/reference/beds_q9.enriched.yaml"


def download_unreferenced(made: Installation) -> str:
    digest = sha256_bytes(b"old bytes")
    write_bytes(made.paths.store / digest / "original.csv", b"old bytes")
    write_text(made.paths.store / digest / "metadata.json", "{}")
    return f"downloads/store/{digest}"


def indexed(sha256: str) -> IndexEntry:
    return IndexEntry(sha256, 9, "old.csv", None, None, "2025-04-01T04:00:00", "2025-04-01T04:00:00", ())


def address_without_unit(made: Installation) -> str:
    update_index(made.paths, "beds_q1-2526", {"https://beds.example/old.csv": indexed("0" * 64)})
    update_index(made.paths, "beds_q1-2526", {"https://beds.example/q1.csv": indexed("1" * 64)})
    return "https://beds.example/old.csv"


def marker_without_data(made: Installation) -> str:
    made.query("DELETE FROM datawarp.tbl_load_history WHERE unit = 'beds_q3-2526'")
    return "beds_q3-2526"


def cache_of_finished_unit(made: Installation) -> str:
    write_bytes(made.paths.typed_tables("beds_q1-2526") / "a.arrow", b"rows")
    return "beds_q1-2526"


def temporary_file(made: Installation) -> str:
    path = made.paths.output / "parquet" / ".x.parquet.abc.tmp"
    write_bytes(path, b"half")
    old(path)
    return "output/parquet/.x.parquet.abc.tmp"


def left_by_restore(made: Installation) -> str:
    made.query("CREATE SCHEMA staging_before_20260101000000")
    return "schema staging_before_20260101000000"


KINDS: dict[str, Callable[[Installation], str]] = {
    f.__name__: f
    for f in (
        source_without_table,
        table_without_source,
        records_without_source,
        unit_not_in_registry,
        parquet_without_receipt,
        parquet_without_source,
        receipt_without_parquet,
        metadata_without_parquet,
        manifest_deprecated,
        download_unreferenced,
        address_without_unit,
        marker_without_data,
        cache_of_finished_unit,
        temporary_file,
        left_by_restore,
    )
}


def test_every_kind_is_tried() -> None:
    assert set(KINDS) == set(GROUPS) == set(WORDS)


def test_a_sound_installation_has_no_orphans(installation: Installation) -> None:
    files = installation.files()
    report = clean(installation, execute=True)
    assert report.text() == "no orphans"
    assert installation.files() == files


@pytest.mark.parametrize("kind", KINDS)
def test_an_orphan_is_named_removed_on_request_and_then_gone(installation: Installation, kind: str) -> None:
    made = installation
    name = KINDS[kind](made)
    files, tables = made.files(), made.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'")

    report = clean(made)
    assert name in found(report)[kind]
    assert name in report.text() and WORDS[kind] in report.text()
    assert made.files() == files, "a report changes nothing"
    assert made.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'") == tables
    assert kind not in found(clean(made, skip=GROUPS[kind]))

    clean(made, execute=True)
    clean(made, execute=True)
    left = clean(made)
    assert kind == "left_by_restore" or left.findings.orphans == [], left.text()


def test_a_unit_that_left_the_registry_by_mistake_comes_back(installation: Installation) -> None:
    made = installation
    registry = made.paths.root / "config" / "publications.yaml"
    text, files, beds = registry.read_text(), made.files(), made.rows(made.beds)
    drop_from_registry(made, "q1-2526")
    clean(made, execute=True)
    assert len(made.rows(made.beds)) == 24
    assert not made.paths.download_receipt("beds_q1-2526").exists()

    registry.write_text(text)
    connection = made.connect()
    restore(made.paths, "beds_q1-2526", None, connection, lambda: made.load("beds_q1-2526"), lambda: NOW)
    connection.close()
    assert made.rows(made.beds) == beds
    assert {k: v for k, v in made.files().items() if k in files} == files


def test_what_left_the_database_is_in_the_backup_made_before(installation: Installation) -> None:
    made = installation
    made.query("CREATE TABLE staging.tbl_mine AS SELECT generate_series(1, 7) x")
    report = clean(made, execute=True)
    assert report.backup and made.query("SELECT to_regclass('staging.tbl_mine')") == [(None,)]
    restore_backup(made.paths, os.environ["DATABASE_URL"], lambda: NOW, Path(report.backup))
    assert made.query("SELECT count(*) FROM staging.tbl_mine") == [(7,)]


def test_files_moved_by_cleanup_can_be_put_back(installation: Installation) -> None:
    made = installation
    metadata_without_parquet(made)
    digest = download_unreferenced(made)
    files = made.files()
    clean(made, execute=True)
    assert not (made.paths.root / digest).exists()
    for entry in entries(made.paths):
        for file in entry.files:
            assert put_back(made.paths, file)
    assert made.files() == files


def test_units_whose_markers_lie_are_built_again(installation: Installation) -> None:
    made = installation
    marker_without_data(made)
    receipt_without_parquet(made)
    assert made.pending() == []
    clean(made, execute=True)
    assert made.pending() == ["beds_q2-2526", "beds_q3-2526"]


def test_an_archived_unit_is_no_orphan(installation: Installation) -> None:
    made = installation
    archive(
        made.paths,
        made.registry,
        made.connect,
        lambda: NOW,
        RetentionPolicy(),
        older_than=parse_span("90d"),
        purge_db=True,
    )
    drop_from_registry(made, "q1-2526")
    assert clean(made).text() == "no orphans"


def test_another_database_is_no_reason_to_take_files_away(installation: Installation) -> None:
    """DATABASE_URL leads to an empty database: nothing that was exported from the real one is an orphan."""
    made = installation
    made.query("DROP SCHEMA staging CASCADE")
    made.query("DROP SCHEMA datawarp CASCADE")
    files = made.files()
    report = clean(made, execute=True)
    assert report.findings.orphans == []
    assert "snakemake adopt" in report.text()
    assert made.files() == files


def test_when_a_file_cannot_be_kept_the_database_is_as_it_was(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = installation
    metadata_without_parquet(made)
    made.query("CREATE TABLE staging.tbl_mine (x int)")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datawarp.lifecycle.cleanup.keep", full)
    with pytest.raises(OSError, match="No space"):
        clean(made, execute=True)
    assert made.query("SELECT to_regclass('staging.tbl_mine')::text") == [("staging.tbl_mine",)]


def test_unknown_groups_are_told(installation: Installation) -> None:
    with pytest.raises(LifecycleError, match="skip=tabels names no kind") as caught:
        clean(installation, skip="tabels")
    assert caught.value.hint and "tables" in caught.value.hint


def test_long_lists_are_cut_unless_all_are_wanted(installation: Installation) -> None:
    made = installation
    for n in range(15):
        write_text(made.paths.source_metadata(f"old_{n:02d}"), "# Old\n")
    assert "and 5 more" in clean(made).text() and "old_14.md" not in clean(made).text()
    assert "old_14.md" in clean(made, verbose=True).text()


def never_exported(made: Installation) -> None:
    made.paths.export_receipt("beds_q1-2526").unlink()


def damaged(made: Installation) -> None:
    made.paths.parquet(made.beds, "2025-26-Q1", "beds_q1-2526").write_bytes(b"PAR1")


def loaded_since(made: Installation) -> None:
    receipt = made.paths.export_receipt("beds_q1-2526").stat()
    later = receipt.st_mtime_ns + 1
    os.utime(made.paths.loaded_marker("beds_q1-2526"), ns=(later, later))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (never_exported, "it was never exported: only the database has its rows"),
        (damaged, "and its receipt says"),
        (loaded_since, "it was loaded again after it was exported"),
    ],
)
def test_a_unit_that_could_not_come_back_stays(
    installation: Installation, spoil: Callable[[Installation], None], told: str
) -> None:
    made = installation
    spoil(made)
    drop_from_registry(made, "q1-2526")
    rows, manifest = made.rows(made.beds), made.paths.enriched_manifest("beds_q1-2526").read_bytes()

    report = clean(made, execute=True)

    assert told in report.kept["beds_q1-2526"] and "left as it is: beds_q1-2526" in report.text()
    assert made.rows(made.beds) == rows
    assert made.paths.enriched_manifest("beds_q1-2526").read_bytes() == manifest
    assert not made.paths.archived_record("beds_q1-2526").exists()


def clean_while(made: Installation, meanwhile: Callable[[], object], now: datetime = NOW) -> CleanupReport:
    """A cleanup during whose backup something happens."""
    with closing(made.connect()) as connection:
        return cleanup(
            *(made.paths, made.registry, connection, lambda: now, lambda: str(meanwhile())),
            execute=True,
        )


def test_a_table_that_a_load_makes_again_during_the_backup_stays(installation: Installation) -> None:
    made = installation
    made.query(f"DROP TABLE staging.tbl_{made.beds}")
    assert found(clean(made))["source_without_table"] == [made.beds]

    report = clean_while(made, lambda: made.load("beds_q1-2526"))

    assert report.kept[made.beds] == USED_AGAIN
    assert len(made.rows(made.beds)) == 12


def test_what_is_committed_at_the_last_moment_stays(installation: Installation) -> None:
    """Another transaction holds the locks that a load holds, with the table and the source made and not committed."""
    made = installation
    source_without_table(made)
    made.query("CREATE TABLE staging.tbl_loose (x int)")
    records_without_source(made)
    with closing(made.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        lock_tables(cursor, ["tbl_gone", "tbl_loose", "tbl_lone"])
        cursor.execute(
            "CREATE TABLE staging.tbl_gone (x int);"
            "INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES ('new', 'b', 'New');"
            "INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) "
            "VALUES ('new', 'b', 'tbl_loose'), ('lone', 'b', 'tbl_lone')"
        )
        cleaning = pool.submit(clean_while, made, lambda: "none")
        while made.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == [(0,)]:
            assert not cleaning.done(), cleaning.result().text()
            time.sleep(0.05)
        other.commit()
        report = cleaning.result()

    assert set(report.kept) == {"gone", "staging.tbl_loose", "lone"}
    assert made.query("SELECT to_regclass('staging.tbl_gone'), to_regclass('staging.tbl_loose')") == [
        ("staging.tbl_gone", "staging.tbl_loose")
    ]
    assert made.query("SELECT count(*) FROM datawarp.tbl_data_sources WHERE source_code IN ('gone', 'lone')") == [(2,)]


def test_a_download_whose_receipt_is_still_to_come_stays(installation: Installation) -> None:
    """A job takes its files in one by one and names them at its end; the bytes may have been there for years."""
    made = installation
    folder = made.paths.root / download_unreferenced(made)
    body = (folder / "original.csv").read_bytes()
    old(folder)
    arrived = made.paths.root / "arrived.csv"
    write_bytes(arrived, body)

    def taken_in() -> str:
        take_in(made.paths, arrived, folder.name, "csv", Origin("https://x.org/a.csv", "a.csv", "beds", "X", "OGL", ""))
        return "taken in"

    table_without_source(made)
    report = clean_while(made, taken_in, datetime.now(UTC))
    assert report.kept[made.paths.relative(folder)] == USED_AGAIN
    assert (folder / "original.csv").read_bytes() == body
