"""Copies of the installation in a bucket: uploaded, verified by reading back, kept in step, checked.

`sync` uploads what is new, skips what is identical, and lets local archive files go only after their
bytes have come back from the bucket with the right SHA-256. `verify` compares every byte on both
sides. What is known of the bucket is in ``.sync/sync_state.json``; without that file nothing is lost,
the next sync asks the bucket instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from datawarp.errors import LifecycleError
from datawarp.files import read_json, sha256_bytes, sha256_file, write_json
from datawarp.lifecycle.bucket import Bucket, RemoteObject, bucket_error
from datawarp.lifecycle.entries import remove_empty_folders
from datawarp.lifecycle.inventory import LocalFile, inventory
from datawarp.lifecycle.retention import Transition
from datawarp.registry.paths import Paths

WORKERS = 8
PART_BYTES = 32 << 20
SAVE_EVERY_SECONDS = 10.0
GIVE_UP_AFTER = 20
RECORDS = "manifests/current/archived/"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Known:
    """What was last seen of one object: the file it came from and the bytes that were read back."""

    size: int
    mtime_ns: int
    sha256: str
    etag: str
    verified_at: str


@dataclass
class State:
    """``.sync/sync_state.json``: what is known, per bucket, of each key."""

    file: Path
    target: str
    objects: dict[str, Known] = field(default_factory=dict)
    _others: dict[str, Any] = field(default_factory=dict)
    _saved: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, file: Path, bucket: Bucket) -> State:
        """The state of ``bucket``; an unreadable file counts as none, because the bucket can be asked."""
        target = f"{bucket.location} at {bucket.endpoint or 'Amazon S3'}"
        try:
            buckets = dict(read_json(file)["buckets"])
            objects = {key: Known(**known) for key, known in buckets.pop(target, {}).get("objects", {}).items()}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return cls(file, target)
        return cls(file, target, objects, buckets)

    def remember(self, key: str, known: Known) -> None:
        """Note one object; the file is written now and then, and by :meth:`save`."""
        with self._lock:
            self.objects[key] = known
            if time.monotonic() - self._saved > SAVE_EVERY_SECONDS:
                self._write()

    def save(self) -> None:
        """Write the file."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        ours = {"objects": {key: asdict(self.objects[key]) for key in sorted(self.objects)}}
        write_json(self.file, {"buckets": {**self._others, self.target: ours}})
        self._saved = time.monotonic()


@dataclass
class SyncReport:
    """What a sync did, by key. ``failed`` says why, per key; ``not_tried`` follows a bucket that went away."""

    location: str
    uploaded: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    skipped: int = 0
    removed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_tried: int = 0
    uploaded_bytes: int = 0
    transition: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every file is in the bucket."""
        return not self.failed and not self.not_tried

    def text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"{self.location}: {len(self.uploaded)} uploaded ({_size(self.uploaded_bytes)}), {self.skipped} identical, "
            f"{len(self.removed)} removed locally, {len(self.failed)} failed"
        ]
        lines += [f"  replaced in the bucket, where its bytes had changed: {key}" for key in self.repaired]
        lines += [f"  failed: {key}: {why}" for key, why in sorted(self.failed.items())]
        if self.not_tried:
            lines.append(f"  {self.not_tried} files were not tried: the bucket stopped answering")
        if self.transition and self.transition.startswith("refused"):
            lines.append(f"  the bucket's storage class rule was {self.transition}")
        return "\n".join(lines)


@dataclass
class VerifyReport:
    """What `verify` found: ``compared`` objects whose bytes were read, and what is wrong, by key."""

    location: str
    compared: int = 0
    findings: dict[str, str] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The report for the terminal."""
        lines = [f"{self.location}: {self.compared} objects read back, {len(self.findings)} findings"]
        lines += [f"  {key}: {what}" for key, what in sorted(self.findings.items())]
        if self.pending:
            lines.append(f"  {len(self.pending)} files are newer than the bucket; `snakemake sync` uploads them")
        return "\n".join(lines)


def sync(
    paths: Paths,
    bucket: Bucket,
    clock: Callable[[], datetime],
    *,
    may_go: Callable[[str], bool] | None = None,
    transition: Transition | None = None,
    workers: int = WORKERS,
) -> SyncReport:
    """Bring ``bucket`` in step with the installation.

    A file whose bytes are not what its receipt, index or store folder promises is never uploaded over
    a good copy. Archived manifests, Parquet and downloads whose keys ``may_go`` leave this disk, each after it was
    read back from the bucket in this very call. Errors are told by file in the report while
    the rest goes on; :class:`LifecycleError` is raised only when the bucket cannot be listed.
    """
    report = SyncReport(bucket.location)
    state = State.load(paths.sync_state, bucket)
    remote = {o.key: o for o in bucket.objects()}
    files, report.failed = inventory(paths)
    work = _Work(paths, bucket, clock, state, remote, report)
    try:
        _withdraw_records(paths, bucket, state, remote, {f.key for f in files})
        _in_parallel(files, work.bring, workers, report)
        if may_go is not None:
            _in_parallel([f for f in files if f.removable and may_go(f.key)], work.let_go, workers, report)
    finally:
        state.save()
    if transition is not None:
        report.transition = bucket.move_to_class_after(transition.after_days, transition.storage_class)
    return report


def _withdraw_records(
    paths: Paths, bucket: Bucket, state: State, remote: Mapping[str, RemoteObject], local: AbstractSet[str]
) -> None:
    """Take archive records of units that are in use again out of the bucket; their files stay there.

    A record says where a unit's newest state is: left behind, it would make a later restore take the
    unit for archived.
    """
    for key in sorted(k for k in remote if k.startswith(RECORDS) and k not in local):
        if paths.export_receipt(Path(key).stem).exists():
            bucket.remove(key)
            state.objects.pop(key, None)


@dataclass
class _Work:
    """One file's way into the bucket; methods run in several threads at once."""

    paths: Paths
    bucket: Bucket
    clock: Callable[[], datetime]
    state: State
    remote: dict[str, RemoteObject]
    report: SyncReport
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(self, file: LocalFile) -> None:
        """Upload ``file`` unless the bucket has its bytes."""
        known, there = self.state.objects.get(file.key), self.remote.get(file.key)
        unchanged = known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        if unchanged and known and there and (there.size, there.etag) == (known.size, known.etag):
            with self._lock:
                self.report.skipped += 1
            return
        sha256 = sha256_file(file.path)
        if file.expected is not None and sha256 != file.expected:
            raise LifecycleError(
                f"damaged on disk: SHA-256 {sha256}, expected {file.expected}; it was not uploaded",
                hint="`snakemake restore_<unit>` brings the good copy back",
            )
        replaces = False
        if there is not None:
            if there.size == file.size and self._bucket_has(file, sha256):
                with self._lock:
                    self.report.skipped += 1
                return
            replaces = known is not None and known.sha256 == sha256 and there.etag != known.etag
        self._upload(file, sha256, replaces)

    def _bucket_has(self, file: LocalFile, sha256: str) -> bool:
        """Whether the object claims these bytes and gives them back; remembered when it does."""
        head = self.bucket.head(file.key)
        if head is None or head.sha256 != sha256:
            return False
        found, etag = self.bucket.digest(file.key)
        if found != sha256:
            return False
        self._remember(file, sha256, etag)
        return True

    def _upload(self, file: LocalFile, sha256: str, replaces: bool) -> None:
        if file.size > 2 * PART_BYTES:
            progress = self.paths.sync_uploads / f"{sha256_bytes(self.bucket.full_key(file.key).encode())[:32]}.json"
            self.bucket.put_parts(file.path, file.key, sha256, progress, PART_BYTES)
        else:
            self.bucket.put(file.path, file.key, sha256)
        found, etag = self.bucket.digest(file.key)
        if found != sha256:
            raise LifecycleError(
                f"read back with SHA-256 {found}, sent with {sha256}",
                hint="the bucket or the way to it damages bytes, or the file changed meanwhile; run sync again",
            )
        self._remember(file, sha256, etag)
        with self._lock:
            self.report.uploaded.append(file.key)
            self.report.uploaded_bytes += file.size
            if replaces:
                self.report.repaired.append(file.key)

    def let_go(self, file: LocalFile) -> None:
        """Remove ``file`` from this disk once its bytes have come back from the bucket."""
        known = self.state.objects.get(file.key)
        if file.key in self.report.failed or known is None:
            return
        if file.expected is None:
            raise LifecycleError("no index of the archive promises what its bytes should be; it stays on this disk")
        found, etag = self.bucket.digest(file.key)
        if found != file.expected:
            raise LifecycleError(
                f"damaged in the bucket: SHA-256 {found}, expected {file.expected}; it stays on this disk",
                hint="delete the object in the bucket and run sync again: the good copy is here",
            )
        self._remember(file, found, etag)
        file.path.unlink()
        remove_empty_folders(self.paths.archive, file.path.parent)
        with self._lock:
            self.report.removed.append(file.key)

    def _remember(self, file: LocalFile, sha256: str, etag: str) -> None:
        verified = self.clock().isoformat(timespec="seconds")
        self.state.remember(file.key, Known(file.size, file.mtime_ns, sha256, etag, verified))


def verify(paths: Paths, bucket: Bucket, clock: Callable[[], datetime], *, workers: int = WORKERS) -> VerifyReport:
    """Read every object and every file and compare them with each other and with what was promised.

    Nothing is changed in the bucket or the installation. An object that was never sent by this
    installation's state is compared with the hash in its own metadata.
    """
    report = VerifyReport(bucket.location)
    state = State.load(paths.sync_state, bucket)
    remote = {o.key: o for o in bucket.objects()}
    files, report.findings = inventory(paths)
    lock = threading.Lock()

    def found(key: str, what: str) -> None:
        with lock:
            report.findings[key] = f"{report.findings[key]}; {what}" if key in report.findings else what

    def on_disk(file: LocalFile) -> None:
        known = state.objects.get(file.key)
        untouched = known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        expected = file.expected or (known.sha256 if known and untouched else None)
        if expected is not None and sha256_file(file.path) != expected:
            found(file.key, f"damaged on disk: its bytes do not have the SHA-256 {expected}")
        elif file.key not in remote or not untouched:
            with lock:
                report.pending.append(file.key)

    def in_bucket(key: str) -> None:
        known = state.objects.get(key)
        promised = promises.get(key) or (known.sha256 if known else None)
        if key not in remote:
            found(key, "missing in the bucket")
            return
        if promised is None:
            head = bucket.head(key)
            promised = head.sha256 if head else None
        digest, _ = bucket.digest(key)
        with lock:
            report.compared += 1
        if promised is None:
            found(key, "not put there by DataWarp: nothing says what its bytes should be")
        elif digest != promised and known is not None and digest == known.sha256:
            with lock:
                report.pending.append(key)
        elif digest != promised:
            found(key, f"damaged in the bucket: SHA-256 {digest}, expected {promised}")

    promises = {f.key: f.expected for f in files if f.expected is not None}
    _in_parallel(files, on_disk, workers, report)
    _in_parallel(sorted(set(remote) | set(state.objects)), in_bucket, workers, report)
    report.pending = sorted(set(report.pending) - set(report.findings))
    return report


def _in_parallel(
    items: Iterable[Item], work: Callable[[Item], None], workers: int, report: SyncReport | VerifyReport
) -> None:
    """Run ``work`` for each item in ``workers`` threads; errors go into the report by key.

    After ``GIVE_UP_AFTER`` failures with nothing done in between the rest is left: the bucket has gone.
    """
    waiting: dict[Future[None], str] = {}
    failures = 0
    queue = iter(items)
    problems = report.failed if isinstance(report, SyncReport) else report.findings

    def collect(done: set[Future[None]]) -> None:
        nonlocal failures
        for future in done:
            key = waiting.pop(future)
            problem = future.exception()
            if problem is None:
                failures = 0
                continue
            if not isinstance(problem, Exception):
                raise problem
            told = bucket_error(problem, key) if not isinstance(problem, OSError) else LifecycleError(str(problem))
            problems[key] = told.message if told.where == key else str(told)
            failures += 0 if isinstance(problem, LifecycleError) else 1

    with ThreadPoolExecutor(max_workers=workers) as pool:
        for item in queue:
            if failures >= GIVE_UP_AFTER:
                if isinstance(report, SyncReport):
                    report.not_tried += 1 + sum(1 for _ in queue)
                else:
                    report.findings["(rest)"] = "not compared: the bucket stopped answering"
                break
            key = item.key if isinstance(item, LocalFile) else str(item)
            waiting[pool.submit(work, item)] = key
            if len(waiting) >= 4 * workers:
                collect(wait(waiting, return_when=FIRST_COMPLETED).done)
        collect(wait(waiting).done)


def _size(n: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"
