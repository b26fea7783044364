"""Sync against a real S3 server: what goes up, what is skipped, what may leave the disk, what is found out."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from datawarp.errors import LifecycleError
from datawarp.files import sha256_bytes, write_bytes, write_json
from datawarp.lifecycle import sync as sync_module
from datawarp.lifecycle.bucket import Bucket, Credentials, credentials_from, open_bucket, parse_location
from datawarp.lifecycle.entries import keep, plan
from datawarp.lifecycle.inventory import inventory, key_of, path_of
from datawarp.lifecycle.retention import RetentionPolicy, Transition, read_policy
from datawarp.lifecycle.sync import sync, verify
from datawarp.registry.paths import Paths

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def installation(root: Path, units: int = 3) -> Paths:
    """Files as a finished run leaves them, one source a unit, the bytes of each told apart."""
    paths = Paths(root)
    for n in range(units):
        unit = f"beds_{2000 + n}"
        parquet = paths.parquet("beds", str(2000 + n), unit)
        write_bytes(parquet, f"parquet of {unit}".encode() * 50)
        original = f"workbook of {unit}".encode()
        digest = sha256_bytes(original)
        write_bytes(paths.store / digest / "original.xlsx", original)
        write_json(paths.download_receipt(unit), {"unit": unit, "files": [{"sha256": digest}]})
        write_bytes(paths.enriched_manifest(unit), f"manifest: {unit}\n".encode())
        source = {"code": "beds", "parquet": paths.relative(parquet), "sha256": sha256_bytes(parquet.read_bytes())}
        write_json(paths.export_receipt(unit), {"unit": unit, "period": str(2000 + n), "sources": [source]})
    return paths


def archived(paths: Paths, unit: str) -> Path:
    """Take a unit's Parquet into the archive; returns where it lies now."""
    parquet = paths.parquet("beds", unit[-4:], unit)
    entry = plan(paths, [parquet], "archive", "old", NOW, unit)
    paths.export_receipt(unit).unlink()
    keep(paths, entry)
    return paths.archive / entry.files[0].kept


def requests_of(bucket: Bucket) -> list[str]:
    """Names of the S3 operations that ``bucket`` performs from now on."""
    seen: list[str] = []
    bucket.client.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    return seen


def test_all_that_is_worth_keeping_goes_up_with_its_hash(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    kept = archived(paths, "beds_2000")
    write_bytes(tmp_path / "manifests" / "active" / ".half-written.tmp", b"temporary")

    report = sync(paths, bucket, clock)

    assert report.complete, report.text()
    keys = {o.key for o in bucket.objects()}
    assert "manifests/current/active/beds/beds_2001.enriched.yaml" in keys
    assert "parquet/current/parquet/beds/period=2001/beds_2001.parquet" in keys
    assert kept.relative_to(paths.archive).as_posix() in keys
    assert any(k.startswith("downloads/store/") for k in keys)
    assert not [k for k in keys if k.endswith(".tmp")]
    for key in keys:
        body = bucket.read(key)
        head = bucket.head(key)
        assert body is not None and head is not None
        assert head.sha256 == hashlib.sha256(body).hexdigest()
    assert {path_of(k) for k in keys} == {paths.relative(f.path) for f in inventory(paths)[0]}


def test_a_second_sync_asks_for_the_list_and_nothing_else(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    seen = requests_of(bucket)

    report = sync(paths, bucket, clock)

    assert (report.uploaded, report.failed) == ([], {})
    assert report.skipped == len(inventory(paths)[0])
    assert set(seen) == {"ListObjectsV2"}


def test_identical_objects_are_skipped_when_the_state_is_lost(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    paths.sync_state.unlink()
    seen = requests_of(bucket)

    report = sync(paths, bucket, clock)

    assert report.complete and not report.uploaded
    assert "PutObject" not in seen


def test_a_sync_that_was_killed_goes_on_where_it_stopped(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path, units=6)
    sent = 0

    def cut(**_: object) -> None:
        nonlocal sent
        sent += 1
        if sent > 5:
            raise KeyboardInterrupt

    bucket.client.meta.events.register("before-call.s3.PutObject", cut)
    with pytest.raises(KeyboardInterrupt):
        sync(paths, bucket, clock, workers=1)
    bucket.client.meta.events.unregister("before-call.s3.PutObject", cut)

    report = sync(paths, bucket, clock)

    assert report.complete
    assert len(report.uploaded) == len(inventory(paths)[0]) - 5


def test_a_large_upload_resumes_with_the_parts_that_are_missing(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "PART_BYTES", 5 << 20)
    paths = Paths(tmp_path)
    body = b"".join(bytes([n]) * (5 << 20) for n in range(4))
    write_bytes(paths.output / "parquet" / "big" / "period=2020" / "big_2020.parquet", body)
    parts = 0

    def cut(**_: object) -> None:
        nonlocal parts
        parts += 1
        if parts == 3:
            raise KeyboardInterrupt

    bucket.client.meta.events.register("before-call.s3.UploadPart", cut)
    with pytest.raises(KeyboardInterrupt):
        sync(paths, bucket, clock)
    bucket.client.meta.events.unregister("before-call.s3.UploadPart", cut)
    seen = requests_of(bucket)

    report = sync(paths, bucket, clock)

    assert report.complete, report.text()
    assert (seen.count("UploadPart"), seen.count("CreateMultipartUpload")) == (2, 0)
    assert bucket.digest("parquet/current/parquet/big/period=2020/big_2020.parquet")[0] == sha256_bytes(body)
    assert not list(paths.sync_uploads.iterdir())


def test_archived_files_leave_the_disk_only_once_they_have_come_back_from_the_bucket(
    bucket: Bucket, tmp_path: Path
) -> None:
    paths = installation(tmp_path)
    kept = archived(paths, "beds_2000")
    body = kept.read_bytes()
    key = kept.relative_to(paths.archive).as_posix()

    report = sync(paths, bucket, clock, may_go=lambda _: True)

    assert report.removed == [key]
    assert not kept.exists() and bucket.read(key) == body
    assert paths.parquet("beds", "2001", "beds_2001").exists(), "what is in use stays"
    assert list((paths.archive / "manifests").glob("*/*/index.json")), "the index stays"
    again = sync(paths, bucket, clock, may_go=lambda _: True)
    assert again.complete and not again.uploaded and not again.removed


def test_nothing_leaves_the_disk_when_the_bucket_gives_back_other_bytes(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    kept = archived(paths, "beds_2000")
    key = kept.relative_to(paths.archive).as_posix()
    sync(paths, bucket, clock)
    tampered = bytearray(kept.read_bytes())
    tampered[3] ^= 1

    def tamper(parsed: dict[str, object], **_: object) -> None:
        import io

        from botocore.response import StreamingBody

        parsed["Body"] = StreamingBody(io.BytesIO(bytes(tampered)), len(tampered))

    bucket.client.meta.events.register("after-call.s3.GetObject", tamper)
    report = sync(paths, bucket, clock, may_go=lambda _: True)

    assert kept.exists() and not report.removed
    assert "damaged in the bucket" in report.failed[key]


def flip(path: Path, needle: bytes) -> None:
    """Flip one bit of ``needle`` inside a file, leaving its size and times as they were."""
    import os

    status = path.stat()
    body = bytearray(path.read_bytes())
    body[body.index(needle)] ^= 1
    path.write_bytes(bytes(body))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip_in_bucket(bucket: Bucket, key: str) -> None:
    """Flip one bit of an object, whose metadata still promises the bytes it had."""
    body, head = bytearray(bucket.read(key) or b""), bucket.head(key)
    assert head is not None and head.sha256 is not None
    body[len(body) // 2] ^= 1
    bucket.client.put_object(
        Bucket=bucket.name, Key=bucket.full_key(key), Body=bytes(body), Metadata={"datawarp-sha256": head.sha256}
    )


def test_a_bit_flipped_on_the_disk_is_found(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    assert not verify(paths, bucket, clock).findings
    victim = paths.enriched_manifest("beds_2001")
    flip(victim, b"beds_2001")

    findings = verify(paths, bucket, clock).findings

    assert list(findings) == [key_of(paths.relative(victim))]
    assert "damaged on disk" in findings[key_of(paths.relative(victim))]


def test_a_bit_flipped_in_the_bucket_is_found_and_mended(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    key = "parquet/current/parquet/beds/period=2001/beds_2001.parquet"
    flip_in_bucket(bucket, key)

    findings = verify(paths, bucket, clock).findings
    assert list(findings) == [key] and "damaged in the bucket" in findings[key]

    report = sync(paths, bucket, clock)
    assert (report.uploaded, report.repaired) == ([key], [key])
    assert not verify(paths, bucket, clock).findings


def test_an_object_deleted_from_the_bucket_is_found_and_sent_again(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    key = "manifests/current/active/beds/beds_2002.enriched.yaml"
    bucket.client.delete_object(Bucket=bucket.name, Key=bucket.full_key(key))

    assert verify(paths, bucket, clock).findings == {key: "missing in the bucket"}
    assert sync(paths, bucket, clock).uploaded == [key]
    assert not verify(paths, bucket, clock).findings


def test_a_damaged_file_is_not_sent_over_the_good_copy(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    sync(paths, bucket, clock)
    victim = paths.parquet("beds", "2001", "beds_2001")
    good = victim.read_bytes()
    victim.write_bytes(good[:-1] + b"!")
    key = key_of(paths.relative(victim))

    report = sync(paths, bucket, clock)

    assert list(report.failed) == [key] and "damaged on disk" in report.failed[key]
    assert bucket.read(key) == good
    assert not report.complete


def test_one_file_that_fails_leaves_the_others_done(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    write_bytes(paths.export_receipt("beds_2001"), b"{ not json")

    report = sync(paths, bucket, clock)

    assert list(report.failed) == ["parquet/current/receipts/beds/beds_2001.json"]
    assert len(report.uploaded) == len(inventory(paths)[0])


def test_objects_that_the_bucket_refuses_are_named_and_sent_by_the_next_sync(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)

    def refuse(params: dict[str, str], **_: object) -> None:
        if "beds_2001" in str(params["url_path"]):
            error = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(error, "PutObject")

    bucket.client.meta.events.register("before-call.s3.PutObject", refuse)
    report = sync(paths, bucket, clock)
    bucket.client.meta.events.unregister("before-call.s3.PutObject", refuse)

    refused = [f.key for f in inventory(paths)[0] if "beds_2001" in f.key]
    assert sorted(report.failed) == refused and not report.complete
    assert len(report.uploaded) == len(inventory(paths)[0]) - len(refused)
    again = sync(paths, bucket, clock)
    assert again.complete and sorted(again.uploaded) == refused


def test_a_bucket_that_goes_away_is_given_up_and_taken_up_again(bucket: Bucket, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    for n in range(200):
        write_bytes(paths.root / "downloads" / "receipts" / "beds" / f"beds_{n}.json", str(n).encode())
    sent = 0

    def vanish(**_: object) -> None:
        nonlocal sent
        sent += 1
        if sent > 10:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    bucket.client.meta.events.register("before-call.s3.PutObject", vanish)
    report = sync(paths, bucket, clock, workers=2)
    bucket.client.meta.events.unregister("before-call.s3.PutObject", vanish)

    assert len(report.uploaded) == 10 and report.not_tried > 100
    assert len(report.uploaded) + len(report.failed) + report.not_tried == 200
    assert "the bucket stopped answering" in report.text()
    assert len(sync(paths, bucket, clock).uploaded) == 190


def test_an_endpoint_that_does_not_know_the_checksum_header_gets_the_file_without_it(
    bucket: Bucket, tmp_path: Path
) -> None:
    paths = installation(tmp_path, 1)

    def refuse(params: dict[str, dict[str, str]], **_: object) -> None:
        if "x-amz-checksum-sha256" in params["headers"]:
            error = {
                "Error": {"Code": "NotImplemented", "Message": "Header 'x-amz-checksum-sha256' not implemented"},
                "ResponseMetadata": {"HTTPStatusCode": 501},
            }
            raise ClientError(error, "PutObject")

    bucket.client.meta.events.register("before-call.s3.PutObject", refuse)
    assert sync(paths, bucket, clock, workers=1).complete
    assert not bucket.checksum_header
    assert not verify(paths, bucket, clock).findings


def test_an_endpoint_without_storage_classes_is_no_error(bucket: Bucket, tmp_path: Path) -> None:
    report = sync(installation(tmp_path, 1), bucket, clock, transition=Transition())
    assert report.complete
    assert "NotImplemented" in str(report.transition) and "storage class" in report.text()


def test_an_endpoint_that_goes_away_before_its_rule_is_set_undoes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    """Everything is uploaded by then: the rule is the last thing that `sync` asks for."""
    from botocore.exceptions import EndpointConnectionError

    def vanish(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url=bucket.client.meta.endpoint_url)

    bucket.client.meta.events.register("before-call.s3.GetBucketLifecycleConfiguration", vanish)
    report = sync(installation(tmp_path, 1), bucket, clock, transition=Transition())
    assert report.complete
    assert "Could not connect" in str(report.transition) and "storage class" in report.text()


def test_the_rules_of_a_bucket_are_left_alone_unless_the_policy_names_one(tmp_path: Path) -> None:
    assert RetentionPolicy().bucket.transition is None
    (tmp_path / "retention.yaml").write_text("bucket: {location: s3://statistics, transition: {}}")
    assert read_policy(tmp_path / "retention.yaml").bucket.transition == Transition(
        after_days=90, storage_class="STANDARD_IA"
    )


def test_the_storage_class_rule_leaves_other_rules_alone() -> None:
    """SeaweedFS has no transitions, so this one talks to moto."""
    with mock_aws():
        made = open_bucket("s3://statistics/datawarp", Credentials(None, "k", "s", "us-east-1"))
        made.client.create_bucket(Bucket="statistics")
        other = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
        made.client.put_bucket_lifecycle_configuration(Bucket="statistics", LifecycleConfiguration={"Rules": [other]})
        assert made.move_to_class_after(90, "STANDARD_IA") == "set"
        assert made.move_to_class_after(90, "STANDARD_IA") == "unchanged"
        rules = made.client.get_bucket_lifecycle_configuration(Bucket="statistics")["Rules"]
        assert [r["ID"] for r in rules] == ["theirs", "datawarp-datawarp"]
        assert rules[1]["Filter"]["Prefix"] == "datawarp/"
        assert rules[1]["Transitions"] == [{"Days": 90, "StorageClass": "STANDARD_IA"}]


def test_a_bucket_that_is_not_there_is_one_clear_error(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path)
    missing = Bucket(bucket.client, "datawarp-no-such-bucket")
    with pytest.raises(LifecycleError, match="NoSuchBucket") as caught:
        sync(paths, missing, clock)
    assert caught.value.hint and "make the bucket" in caught.value.hint


def test_a_wrong_key_is_one_clear_error(s3_server, bucket: Bucket, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    environment = {**s3_server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    stranger = open_bucket(bucket.location, credentials_from(environment))
    with pytest.raises(LifecycleError, match="SignatureDoesNotMatch") as caught:
        sync(installation(tmp_path), stranger, clock)
    assert "wrong" not in str(caught.value)


def test_the_prefix_keeps_two_installations_apart(bucket: Bucket, tmp_path: Path) -> None:
    one = Bucket(bucket.client, bucket.name, bucket.full_key("one"))
    two = Bucket(bucket.client, bucket.name, bucket.full_key("two/deep"))
    sync(installation(tmp_path / "a", 1), one, clock)
    sync(installation(tmp_path / "b", 2), two, clock)

    assert len(list(two.objects())) == 2 * len(list(one.objects()))
    assert {o.key.split("/")[0] for o in bucket.objects()} == {"one", "two"}


@pytest.mark.parametrize("wrong", ["bucket/prefix", "s3://", "s3://Upper", "https://bucket", "s3://a"])
def test_a_location_that_is_no_bucket(wrong: str) -> None:
    with pytest.raises(LifecycleError, match="is not a bucket"):
        parse_location(wrong)


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        (
            {"R2_ACCOUNT_ID": "abc", "R2_ACCESS_KEY_ID": "k", "R2_SECRET_ACCESS_KEY": "s"},
            "https://abc.r2.cloudflarestorage.com",
        ),
        ({"R2_ENDPOINT": "https://r2", "R2_ACCESS_KEY_ID": "k", "R2_SECRET_ACCESS_KEY": "s"}, "https://r2"),
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}, None),
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_S3": "http://x"}, "http://x"),
    ],
)
def test_keys_come_from_the_environment(environment: dict[str, str], endpoint: str | None) -> None:
    found = credentials_from(environment)
    assert (found.endpoint, found.access_key, found.secret_key) == (endpoint, "k", "s")
    assert "'s'" not in repr(found)


@pytest.mark.parametrize("environment", [{}, {"R2_ACCESS_KEY_ID": "k", "R2_SECRET_ACCESS_KEY": "s"}])
def test_keys_that_are_missing_are_asked_for_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(LifecycleError) as caught:
        credentials_from(environment)
    assert caught.value.hint and "R2_SECRET_ACCESS_KEY" in caught.value.hint


def test_the_state_is_readable_and_says_when_bytes_were_verified(bucket: Bucket, tmp_path: Path) -> None:
    paths = installation(tmp_path, 1)
    sync(paths, bucket, clock)
    (known,) = json.loads(paths.sync_state.read_bytes())["buckets"].values()
    assert {o["verified_at"] for o in known["objects"].values()} == {NOW.isoformat(timespec="seconds")}
