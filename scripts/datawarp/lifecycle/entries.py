"""The archive's entries: files taken out of use, kept with their hashes, and how they come back.

An entry lies under ``archive/<kind of file>/<date>/<entry id>/<path the file had>`` with its index in
``archive/manifests/<date>/<entry id>/index.json``. The index is written before the first file moves, so
a move that was cut short is finished, or undone, from the index alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from datawarp.errors import LifecycleError
from datawarp.files import read_json, replacing, sha256_file, write_json
from datawarp.registry.paths import Paths

EntryKind = Literal["archive", "cleanup", "refresh", "restore", "adopt"]
INDEX = "index.json"


@dataclass(frozen=True)
class KeptFile:
    """One file of an entry: ``path`` it had below the root, ``kept`` below ``archive/``.

    ``mtime_ns`` is its time stamp, by which Snakemake knows what is newer than what.
    """

    path: str
    kept: str
    sha256: str
    size_bytes: int
    mtime_ns: int = 0


@dataclass(frozen=True)
class Entry:
    """Files that left use together, when (UTC, ISO 8601) and why."""

    id: str
    kind: EntryKind
    at: str
    unit: str | None
    reason: str
    files: tuple[KeptFile, ...]

    @property
    def date(self) -> str:
        """The day the entry was made, ``YYYY-MM-DD``: a folder of the archive and of the bucket."""
        return self.at[:10]


def index_path(paths: Paths, entry: Entry) -> Path:
    """Where the index of ``entry`` lies."""
    return paths.archive / "manifests" / entry.date / entry.id / INDEX


def read_entry(index: Path) -> Entry:
    """The entry whose index is ``index``; raises :class:`LifecycleError` when it cannot be read."""
    try:
        return entry_from(read_json(index))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise LifecycleError(
            f"not the index of an archive entry: {problem}",
            where=str(index),
            hint="bring the index back from the bucket or a backup of the archive folder",
        ) from problem


def entry_from(record: dict[str, Any]) -> Entry:
    """The entry that ``record``, parsed JSON of an index, describes."""
    files = tuple(KeptFile(**f) for f in record["files"])
    for f in files:
        inside(f.path)
        inside(f.kept)
    return Entry(record["id"], record["kind"], record["at"], record["unit"], record["reason"], files)


def entry_record(entry: Entry) -> dict[str, Any]:
    """``entry`` as JSON values."""
    return {**asdict(entry), "files": [asdict(f) for f in entry.files]}


def entries(paths: Paths) -> Iterator[Entry]:
    """All entries of the archive, oldest first."""
    indexes = (paths.archive / "manifests").glob(f"*/*/{INDEX}")
    yield from (read_entry(p) for p in sorted(indexes))


def plan(
    paths: Paths, files: Iterable[Path], kind: EntryKind, reason: str, now: datetime, unit: str | None = None
) -> Entry:
    """The entry that ``files`` (below the root) would make; nothing is written yet."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    base = f"{stamp}-{kind}-{unit}" if unit else f"{stamp}-{kind}"
    identifier, n = base, 1
    while (paths.archive / "manifests" / now.date().isoformat() / identifier).exists():
        n += 1
        identifier = f"{base}-{n}"
    kept = []
    for file in sorted(set(files)):
        path = paths.relative(file)
        place = f"{_kind_of(path)}/{now.date().isoformat()}/{identifier}/{path}"
        status = file.stat()
        kept.append(KeptFile(path, place, sha256_file(file), status.st_size, status.st_mtime_ns))
    return Entry(identifier, kind, now.isoformat(timespec="seconds"), unit, reason, tuple(kept))


def keep(paths: Paths, entry: Entry) -> None:
    """Write the entry's index, then move its files into the archive. May be called again to finish."""
    write_json(index_path(paths, entry), entry_record(entry))
    finish(paths, entry)


def copy(paths: Paths, entry: Entry) -> None:
    """Like :func:`keep`, but the files stay in use as well."""
    write_json(index_path(paths, entry), entry_record(entry))
    for file in entry.files:
        target = paths.archive / file.kept
        if not target.exists():
            _copy_verified(paths.root / file.path, target, file.sha256)


def finish(paths: Paths, entry: Entry) -> None:
    """Move those files of ``entry`` that are still in use and unchanged since it was planned."""
    for file in entry.files:
        source, target = paths.root / file.path, paths.archive / file.kept
        if source.exists():
            _move(source, target, file.sha256)
        elif not target.exists():
            raise LifecycleError(
                "the file is neither where it was nor in the archive",
                where=file.path,
                hint=f"bring it back from the bucket; its SHA-256 is {file.sha256}",
            )


def put_back(paths: Paths, file: KeptFile) -> bool:
    """Move ``file`` from the archive to where it was; False when the archive folder does not hold it."""
    source = paths.archive / file.kept
    if not source.exists():
        return False
    _move(source, paths.root / file.path, file.sha256)
    return True


def remove_empty_folders(root: Path, below: Path) -> None:
    """Remove ``below`` and its parents up to, not including, ``root``, as long as they are empty."""
    while below != root and root in below.parents:
        try:
            below.rmdir()
        except OSError:
            return
        below = below.parent


def _move(source: Path, target: Path, sha256: str) -> None:
    """Move a file, its bytes checked on the way; the target is whole or not there at all times."""
    found = sha256_file(source)
    if found != sha256:
        raise LifecycleError(
            f"the file's bytes changed: SHA-256 {found}, expected {sha256}",
            where=str(source),
            hint="run `snakemake validate` to see what is damaged; nothing was moved or overwritten",
        )
    if target.exists() and sha256_file(target) != sha256:
        raise LifecycleError(
            "another file is in the way",
            where=str(target),
            hint="look at both files, move the one at the target elsewhere, and run the command again",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError:
        # Another file system: the copy is verified before the original goes.
        _copy_verified(source, target, sha256)
        source.unlink()


def _copy_verified(source: Path, target: Path, sha256: str) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        if sha256_file(temporary) != sha256:
            raise LifecycleError(
                "the copy differs from the file that was planned for it",
                where=str(source),
                hint="run the command again; if this repeats, check the disk",
            )


def _kind_of(path: str) -> str:
    """The folder of the archive for a file: ``parquet``, ``downloads`` or ``manifests``."""
    top = path.split("/", 1)[0]
    return {"output": "parquet", "downloads": "downloads"}.get(top, "manifests")


def inside(path: str) -> str:
    """``path`` of a record or an object's key, if it stays below the folder it belongs to; else ``ValueError``."""
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ValueError(f"the path {path!r} leads out of the folder")
    return path
