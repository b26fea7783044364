"""Units back out of the bucket: after `delete_local`, after damage, and after a disk is lost."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from datawarp.errors import LifecycleError, RegistryError
from datawarp.files import json_bytes, read_json
from datawarp.lifecycle.archive import archive, gone_by_rule
from datawarp.lifecycle.backup import backup
from datawarp.lifecycle.bucket import Bucket, Credentials, open_bucket
from datawarp.lifecycle.restore import RestoreAllReport, RestoreReport, restore, restore_all
from datawarp.lifecycle.restore_backup import fetch_backup, restore_backup
from datawarp.lifecycle.retention import Generations, RetentionPolicy, RetentionRule
from datawarp.lifecycle.sync import sync
from datawarp.lifecycle.targets import restored_units
from datawarp.publish.catalogue import catalogue

from .conftest import Installation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def bring_back(made: Installation, unit: str, bucket: Bucket | None) -> RestoreReport:
    connection = made.connect()
    try:
        return restore(made.paths, unit, bucket, connection, lambda: made.load(unit), clock)
    finally:
        connection.close()


def put_away(made: Installation) -> None:
    report = archive(
        made.paths, made.registry, made.connect, clock, RetentionPolicy(), older_than=timedelta(days=90), purge_db=True
    )
    assert not report.failed


def test_an_archived_unit_comes_back_to_the_byte_after_it_left_the_disk(
    installation: Installation, bucket: Bucket
) -> None:
    made = installation
    files, beds = made.files(), made.rows(made.beds)
    put_away(made)
    assert sync(made.paths, bucket, clock, may_go=lambda _: True).complete
    assert not list(made.paths.archive.rglob("*.parquet"))

    with pytest.raises(LifecycleError, match="not in the archive on this disk"):
        bring_back(made, "beds_q1-2526", None)
    for unit in ("beds_q1-2526", "beds_q2-2526"):
        report = bring_back(made, unit, bucket)
        assert (report.rows, len(report.from_bucket)) == ("put back", 6)

    assert made.files() == files
    assert made.rows(made.beds) == beds
    assert made.pending() == []


def test_damaged_and_missing_files_come_back_and_whole_ones_stay(installation: Installation, bucket: Bucket) -> None:
    made = installation
    files = made.files()
    sync(made.paths, bucket, clock)
    parquet = made.paths.parquet(made.beds, "2025-26-Q1", "beds_q1-2526")
    parquet.write_bytes(b"PAR1 rubbish")
    made.paths.enriched_manifest("beds_q1-2526").unlink()
    (original,) = [p for p in made.paths.store.glob("*/original.csv") if b"Nurse,100," in p.read_bytes()]
    original.write_bytes(b"rubbish")

    report = bring_back(made, "beds_q1-2526", bucket)

    assert made.files() == files
    assert len(report.from_bucket) == 3 and len(report.displaced) == 2
    assert report.rows == "there"


def test_a_lost_disk_is_made_good_by_the_documented_steps(installation: Installation, bucket: Bucket) -> None:
    """The bucket and the registry are all that is left: the backup, then everything, and nothing is pending."""
    made = installation
    address = os.environ["DATABASE_URL"]
    put_away(made)
    bring_back(made, "beds_q2-2526", None)
    catalogue(made.paths, made.settings, made.registry)
    before = {"files": made.files(), "beds": made.rows(made.beds), "staff": made.rows(made.staff)}
    backup(made.paths, address, clock, Generations())
    sync(made.paths, bucket, clock)
    for folder in ("manifests", "output", "downloads", "archive", ".sync", ".datawarp"):
        shutil.rmtree(made.paths.root / folder, ignore_errors=True)
    made.query("DROP SCHEMA staging CASCADE")
    made.query("DROP SCHEMA datawarp CASCADE")

    restore_backup(made.paths, address, clock, fetch_backup(made.paths, bucket, None))
    connection = made.connect()
    units = [unit.name for unit in made.registry.units()]
    report = restore_all(made.paths, units, bucket, connection, made.load, clock)
    connection.close()

    assert (report.archived, report.failed, report.absent) == (["beds_q1-2526"], {}, [])
    assert {r.rows for r in report.restored.values()} == {"there"}
    assert (made.rows(made.beds), made.rows(made.staff)) == (before["beds"], before["staff"])
    assert made.pending() == []
    absent = before["files"].keys() - made.files().keys()
    assert {path.split("/")[0] for path in absent} == {"downloads"}, "the bytes of the archived unit alone"
    assert bring_back(made, "beds_q1-2526", bucket).rows == "put back"
    assert {k: v for k, v in made.files().items() if k in before["files"]} == {
        k: v for k, v in before["files"].items() if not k.startswith("manifests/archived/")
    }


def test_a_unit_in_use_again_is_not_taken_for_archived(installation: Installation, bucket: Bucket) -> None:
    made = installation
    put_away(made)
    sync(made.paths, bucket, clock)
    records = [o.key for o in bucket.objects("manifests/current/archived/")]
    bring_back(made, "beds_q1-2526", None)
    sync(made.paths, bucket, clock)
    assert len(records) == 2
    assert [o.key for o in bucket.objects("manifests/current/archived/")] == records[1:]


def test_an_archived_unit_is_found_in_the_bucket_by_its_record_alone(
    installation: Installation, bucket: Bucket
) -> None:
    made = installation
    parquet = made.parquet()
    put_away(made)
    sync(made.paths, bucket, clock)
    for folder in ("archive", "manifests/archived"):
        shutil.rmtree(made.paths.root / folder)

    assert bring_back(made, "beds_q1-2526", bucket).rows == "put back"
    assert {k: v for k, v in parquet.items() if "Q2" not in k} == made.parquet()


def test_a_damaged_object_is_not_restored(installation: Installation, bucket: Bucket) -> None:
    made = installation
    put_away(made)
    sync(made.paths, bucket, clock, may_go=lambda _: True)
    key = next(o.key for o in bucket.objects("parquet/") if o.key.endswith("beds_q1-2526.parquet"))
    body = bucket.read(key) or b""
    bucket.client.put_object(Bucket=bucket.name, Key=bucket.full_key(key), Body=body[:-1] + b"!")

    with pytest.raises(LifecycleError, match="the object's bytes have SHA-256"):
        bring_back(made, "beds_q1-2526", bucket)
    assert made.paths.archived_record("beds_q1-2526").exists(), "the unit stays archived"


def put(bucket: Bucket, key: str, body: bytes) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=bucket.full_key(key), Body=body)


def restore_every(made: Installation, bucket: Bucket) -> RestoreAllReport:
    connection = made.connect()
    try:
        return restore_all(made.paths, [u.name for u in made.registry.units()], bucket, connection, made.load, clock)
    finally:
        connection.close()


def test_a_key_that_leads_out_of_the_folder_is_not_followed(installation: Installation) -> None:
    """SeaweedFS folds such a key, Amazon and R2 do not, so this one talks to moto."""
    made, key = installation, "parquet/current/x/../../../../escaped.md"
    with mock_aws():
        bucket = open_bucket("s3://statistics/datawarp", Credentials(None, "k", "s", "us-east-1"))
        bucket.client.create_bucket(Bucket="statistics")
        sync(made.paths, bucket, clock)
        put(bucket, key, b"theirs")
        report = restore_every(made, bucket)
    assert "leads out of the folder" in report.failed[key]
    assert len(report.restored) == 3
    assert not list(made.paths.root.parent.rglob("escaped.md"))


def test_a_receipt_that_leads_out_of_the_folder_is_not_followed(installation: Installation, bucket: Bucket) -> None:
    made = installation
    sync(made.paths, bucket, clock)
    receipt = made.paths.export_receipt("beds_q1-2526")
    record = read_json(receipt)
    record["sources"][0]["parquet"] = "output/../../escaped.parquet"
    receipt.unlink()
    put(bucket, "parquet/current/receipts/beds/beds_q1-2526.json", json_bytes(record))

    report = restore_every(made, bucket)

    assert "leads out of the folder" in report.failed["beds_q1-2526"] and len(report.restored) == 2


def test_a_backup_that_leads_out_of_the_folder_is_not_followed(installation: Installation, bucket: Bucket) -> None:
    made = installation
    made_backup = backup(made.paths, os.environ["DATABASE_URL"], clock, Generations()).made
    sync(made.paths, bucket, clock)
    record = read_json(made_backup.sidecar) | {"file": "../../../escaped.dump"}
    shutil.rmtree(made.paths.backups)
    put(bucket, f"backups/{made_backup.folder.name}/{made_backup.sidecar.name}", json_bytes(record))

    with pytest.raises(LifecycleError, match="does not lie beside it"):
        fetch_backup(made.paths, bucket, None)


def test_a_rule_sends_old_files_to_the_bucket_and_off_the_disk(installation: Installation, bucket: Bucket) -> None:
    made = installation
    rule = RetentionRule(pattern="*", keep_periods=1, destination=bucket.location, delete_after=10)
    policy = RetentionPolicy(rules=[rule])
    archive(made.paths, made.registry, made.connect, clock, policy)
    assert gone_by_rule(made.paths, policy, bucket.location, NOW + timedelta(days=10)) == set()
    due = gone_by_rule(made.paths, policy, bucket.location, NOW + timedelta(days=11))
    report = sync(made.paths, bucket, clock, may_go=due.__contains__)
    assert report.complete and set(report.removed) == due and len(due) == 12


def test_the_words_of_a_command_line_that_ask_for_a_restore(installation: Installation) -> None:
    made = installation
    words = [
        "--cores",
        "2",
        "restore_beds_q1-2526",
        "restore_backup",
        "restore_all",
        "refresh_beds_q2-2526",
        "restored",
    ]
    assert restored_units(words, made.paths, made.registry) == ["beds_q1-2526"]
    with pytest.raises(RegistryError, match="no unit"):
        restored_units(["restore_beds_q9-2526"], made.paths, made.registry)
