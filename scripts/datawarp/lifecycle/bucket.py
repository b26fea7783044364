"""An S3 bucket: opened from the environment, written with checksums, read back to be believed.

Made for Cloudflare R2 first and for any other S3 endpoint. Three things guard the bytes on their way:
the request's own signature covers the SHA-256 of the body (every S3 server checks it), the
``x-amz-checksum-sha256`` header is sent where the endpoint takes it, and ``datawarp-sha256`` in the
object's metadata says for ever what the bytes should be. boto3's automatic CRC trailers are off
(``when_required``): some R2 endpoints refuse them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import LifecycleError
from datawarp.files import read_json, replacing, write_json

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SHA256_METADATA = "datawarp-sha256"
ENVIRONMENT_HINT = (
    "set R2_ACCOUNT_ID (or R2_ENDPOINT), R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY for Cloudflare R2; or "
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, unless it is Amazon's own, AWS_ENDPOINT_URL_S3"
)

_BLOCK = 1 << 20
_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")


@dataclass(frozen=True)
class Credentials:
    """Where an S3 server is and the keys to it. ``endpoint`` None is Amazon's own."""

    endpoint: str | None
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "auto"
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class RemoteObject:
    """One object as a listing shows it; ``key`` is relative to the prefix."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class ObjectHead:
    """What the bucket says of an object without sending its bytes."""

    size: int
    etag: str
    sha256: str | None


@dataclass
class Bucket:
    """A bucket and the prefix under which this installation keeps its objects.

    ``client`` is a boto3 S3 client. Keys given to and returned by the methods are relative to the
    prefix.
    """

    client: Any
    name: str
    prefix: str = ""
    endpoint: str | None = None
    checksum_header: bool = True

    @property
    def location(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def full_key(self, key: str) -> str:
        """``key`` with the prefix in front."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def objects(self, under: str = "") -> Iterator[RemoteObject]:
        """Every object whose key begins with ``under``, in key order; raises :class:`LifecycleError`."""
        root = f"{self.prefix}/" if self.prefix else ""
        pages = self.client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.name, Prefix=root + under):
                for item in page.get("Contents", []):
                    yield RemoteObject(item["Key"][len(root) :], int(item["Size"]), item["ETag"].strip('"'))
        except Exception as problem:
            raise bucket_error(problem, self.location) from problem

    def head(self, key: str) -> ObjectHead | None:
        """Size, etag and recorded SHA-256 of an object, or None where there is none."""
        try:
            answer = self.client.head_object(Bucket=self.name, Key=self.full_key(key))
        except self.client.exceptions.ClientError as problem:
            if _status(problem) == 404:
                return None
            raise
        return ObjectHead(
            int(answer["ContentLength"]), answer["ETag"].strip('"'), answer["Metadata"].get(SHA256_METADATA)
        )

    def put(self, path: Path, key: str, sha256: str) -> str:
        """Upload ``path`` in one request and return the object's etag. ``sha256`` is that of its bytes."""
        request = {"Bucket": self.name, "Key": self.full_key(key), "Metadata": {SHA256_METADATA: sha256}}
        if self.checksum_header:
            header = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
            try:
                with open(path, "rb") as body:
                    return _etag(self.client.put_object(Body=body, ChecksumSHA256=header, **request))
            except self.client.exceptions.ClientError as problem:
                if not _refuses_header(problem):
                    raise
                self.checksum_header = False
        with open(path, "rb") as body:
            return _etag(self.client.put_object(Body=body, **request))

    def put_parts(self, path: Path, key: str, sha256: str, progress: Path, part_bytes: int) -> str:
        """Upload ``path`` in parts and return the object's etag.

        ``progress`` is a file that remembers the upload; when it is there from a call that was cut
        short, parts that the bucket already has with the right MD5 are not sent again.
        """
        target = {"Bucket": self.name, "Key": self.full_key(key)}
        upload, sent = self._resume(target, sha256, progress, part_bytes)
        if upload is None:
            answer = self.client.create_multipart_upload(Metadata={SHA256_METADATA: sha256}, **target)
            upload = answer["UploadId"]
            write_json(progress, {"key": key, "sha256": sha256, "upload_id": upload, "part_bytes": part_bytes})
        parts = []
        with open(path, "rb") as body:
            number = 0
            while chunk := body.read(part_bytes):
                number += 1
                etag = hashlib.md5(chunk, usedforsecurity=False).hexdigest()
                if sent.get(number) != etag:
                    answer = self.client.upload_part(PartNumber=number, UploadId=upload, Body=chunk, **target)
                    etag = _etag(answer)
                parts.append({"PartNumber": number, "ETag": f'"{etag}"'})
        answer = self.client.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **target)
        progress.unlink(missing_ok=True)
        return _etag(answer)

    def _resume(
        self, target: dict[str, str], sha256: str, progress: Path, part_bytes: int
    ) -> tuple[str | None, dict[int, str]]:
        """The unfinished upload that ``progress`` speaks of and the parts it has, if it is of these bytes."""
        try:
            known = read_json(progress)
        except (FileNotFoundError, ValueError):
            return None, {}
        upload = str(known.get("upload_id"))
        try:
            if known.get("sha256") != sha256 or known.get("part_bytes") != part_bytes:
                self.client.abort_multipart_upload(UploadId=upload, **target)
                return None, {}
            pages = self.client.get_paginator("list_parts").paginate(UploadId=upload, **target)
            return upload, {p["PartNumber"]: p["ETag"].strip('"') for page in pages for p in page.get("Parts", [])}
        except self.client.exceptions.ClientError as problem:
            if _status(problem) != 404:
                raise
            return None, {}  # The bucket has given the upload up.

    def digest(self, key: str) -> tuple[str, str]:
        """SHA-256 of an object's bytes as they are read back now, and the etag they came with."""
        answer = self.client.get_object(Bucket=self.name, Key=self.full_key(key))
        digest = hashlib.sha256()
        for block in answer["Body"].iter_chunks(_BLOCK):
            digest.update(block)
        return digest.hexdigest(), _etag(answer)

    def fetch(self, key: str, target: Path, sha256: str | None) -> str:
        """Download an object to ``target`` and return its SHA-256.

        The file appears only when its bytes have the ``sha256`` asked for (or, without one, the
        SHA-256 in the object's metadata); :class:`LifecycleError` otherwise, also when it is not there.
        """
        try:
            answer = self.client.get_object(Bucket=self.name, Key=self.full_key(key))
        except Exception as problem:
            raise bucket_error(problem, f"{self.location}/{key}") from problem
        expected = sha256 or answer["Metadata"].get(SHA256_METADATA)
        digest = hashlib.sha256()
        with replacing(target) as temporary:
            with open(temporary, "wb") as out:
                for block in answer["Body"].iter_chunks(_BLOCK):
                    digest.update(block)
                    out.write(block)
            if expected is not None and digest.hexdigest() != expected:
                raise LifecycleError(
                    f"the object's bytes have SHA-256 {digest.hexdigest()}, expected {expected}",
                    where=f"{self.location}/{key}",
                    hint="the object is damaged; fetch another copy, and run `snakemake sync --config verify=true` "
                    "to see what else is",
                )
        return digest.hexdigest()

    def remove(self, key: str) -> None:
        """Delete one object; raises :class:`LifecycleError`."""
        try:
            self.client.delete_object(Bucket=self.name, Key=self.full_key(key))
        except Exception as problem:
            raise bucket_error(problem, f"{self.location}/{key}") from problem

    def read(self, key: str) -> bytes | None:
        """The bytes of a small object, or None where there is none; raises :class:`LifecycleError`."""
        try:
            body: bytes = self.client.get_object(Bucket=self.name, Key=self.full_key(key))["Body"].read()
        except self.client.exceptions.ClientError as problem:
            if _status(problem) == 404 and _code(problem) != "NoSuchBucket":
                return None
            raise bucket_error(problem, f"{self.location}/{key}") from problem
        except Exception as problem:
            raise bucket_error(problem, f"{self.location}/{key}") from problem
        return body

    def move_to_class_after(self, days: int, storage_class: str) -> str:
        """Have the bucket move this prefix's objects to ``storage_class`` after ``days``.

        Other rules of the bucket stay as they are. Returns what happened: ``set``, ``unchanged``, or
        ``refused: …`` where the endpoint or the key does not allow it, or does not answer, which is no error.
        """
        from botocore.exceptions import BotoCoreError

        rule = {
            "ID": f"datawarp-{self.prefix or 'all'}".replace("/", "-"),
            "Status": "Enabled",
            "Filter": {"Prefix": f"{self.prefix}/" if self.prefix else ""},
            "Transitions": [{"Days": days, "StorageClass": storage_class}],
        }
        try:
            try:
                rules = self.client.get_bucket_lifecycle_configuration(Bucket=self.name).get("Rules", [])
            except self.client.exceptions.ClientError as problem:
                if _code(problem) != "NoSuchLifecycleConfiguration":
                    raise
                rules = []
            ours = [r for r in rules if r.get("ID") == rule["ID"]]
            if ours and ours[0].get("Transitions") == rule["Transitions"] and ours[0].get("Status") == "Enabled":
                return "unchanged"
            others = [r for r in rules if r.get("ID") != rule["ID"]]
            self.client.put_bucket_lifecycle_configuration(
                Bucket=self.name, LifecycleConfiguration={"Rules": [*others, rule]}
            )
        except (self.client.exceptions.ClientError, BotoCoreError) as problem:
            return f"refused: {problem}"
        return "set"


def parse_location(location: str) -> tuple[str, str]:
    """``s3://bucket/prefix`` → bucket and prefix; raises :class:`LifecycleError`."""
    match = _LOCATION.fullmatch(location.strip().rstrip("/"))
    if not match:
        raise LifecycleError(
            f"{location!r} is not a bucket", hint="write it as s3://bucket or s3://bucket/prefix, in lower case"
        )
    return match[1], (match[2] or "").strip("/")


def credentials_from(environment: Mapping[str, str]) -> Credentials:
    """The keys in ``environment`` (R2_* first, then AWS_*), never from a file; raises :class:`LifecycleError`."""
    account = environment.get("R2_ACCOUNT_ID")
    r2 = environment.get("R2_ENDPOINT") or (f"https://{account}.r2.cloudflarestorage.com" if account else None)
    kind = "R2" if r2 or environment.get("R2_ACCESS_KEY_ID") else "AWS"
    endpoint = r2 if kind == "R2" else environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    access, secret = environment.get(f"{kind}_ACCESS_KEY_ID"), environment.get(f"{kind}_SECRET_ACCESS_KEY")
    if not access or not secret or (kind == "R2" and endpoint is None):
        raise LifecycleError("the keys to the bucket are not in the environment", hint=ENVIRONMENT_HINT)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return Credentials(
        endpoint=endpoint,
        access_key=access,
        secret_key=secret,
        region="auto" if kind == "R2" else region or "us-east-1",
        session_token=environment.get("AWS_SESSION_TOKEN") if kind == "AWS" else None,
    )


def open_bucket(location: str, credentials: Credentials, connections: int = 16) -> Bucket:
    """The bucket at ``location``; nothing is sent yet. ``connections`` may be open at once."""
    import boto3
    from botocore.config import Config

    name, prefix = parse_location(location)
    session = boto3.session.Session(
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token,
        region_name=credentials.region,
    )
    config = Config(
        max_pool_connections=connections,
        connect_timeout=20,
        read_timeout=120,
        retries={"mode": "standard", "max_attempts": 5},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": True, "addressing_style": "path" if credentials.endpoint else "auto"},
    )
    client = session.client("s3", endpoint_url=credentials.endpoint, config=config)
    return Bucket(client=client, name=name, prefix=prefix, endpoint=credentials.endpoint)


def bucket_error(problem: Exception, where: str) -> LifecycleError:
    """``problem``, as boto3 raised it, in words and with what to do next."""
    if isinstance(problem, LifecycleError):
        return problem
    hint = "see that the endpoint answers and run the command again; it goes on where it stopped"
    match _code(problem):
        case "NoSuchBucket":
            hint = "make the bucket, or correct the name after s3://"
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "Unauthorized" | "ExpiredToken":
            hint = f"the keys are not accepted: {ENVIRONMENT_HINT}"
        case "AccessDenied":
            hint = "give the key the right to list, read and write objects of this bucket"
        case "NoSuchKey":
            hint = "the object is not in the bucket; `snakemake sync --config verify=true` says what else is missing"
    return LifecycleError(f"{type(problem).__name__}: {problem}", where=where, hint=hint)


def _etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def _code(problem: Exception) -> str:
    return str(getattr(problem, "response", {}).get("Error", {}).get("Code", ""))


def _status(problem: ClientError) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _refuses_header(problem: ClientError) -> bool:
    """Whether the endpoint does not know the checksum header, as opposed to finding other bytes."""
    told = f"{_code(problem)} {problem}".lower()
    if _code(problem) in {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"}:
        return False
    return _status(problem) == 501 or (_status(problem) in {400, 401} and "checksum" in told)
