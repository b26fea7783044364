"""The content-addressed store of downloads.

``downloads/store/<sha256>/original.<ext>`` holds the bytes, ``metadata.json`` beside them says where
they came from.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from datawarp.errors import AcquireError
from datawarp.files import read_json, sha256_file, write_json
from datawarp.registry.paths import Paths

_STALE = timedelta(days=1)
_ALIVE = ".lock"
_TRIES = 50


@dataclass(frozen=True)
class Origin:
    """Where a stored file came from, as ``metadata.json`` keeps it."""

    url: str
    filename: str
    publication: str
    publisher: str
    licence: str
    downloaded_at: str


def stored_file(paths: Paths, sha256: str) -> Path | None:
    """The bytes with that hash, if the store holds them; they are not read."""
    return next(iter(sorted((paths.store / sha256).glob("original.*"))), None)


def intact(paths: Paths, sha256: str) -> Path | None:
    """The stored file, if it is there and its bytes still have that hash."""
    path = stored_file(paths, sha256)
    try:
        return path if path and sha256_file(path) == sha256 else None
    except FileNotFoundError:  # a cleanup has just moved it
        return None


def retained(paths: Paths, sha256: str) -> Path | None:
    """The stored file if it is intact, kept from cleanups as if it had just been taken in."""
    with _lock(paths, sha256):
        path = intact(paths, sha256)
        if path is not None:
            os.utime(path.parent)
        return path


@contextmanager
def incoming(paths: Paths, now: datetime) -> Iterator[Path]:
    """A folder for downloads under way, gone at the end; what killed jobs left behind a day ago goes too."""
    folder = paths.incoming / uuid.uuid4().hex
    _make(folder)
    try:
        with FileLock(folder / _ALIVE):
            _remove_abandoned(paths, now)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(paths: Paths, now: datetime) -> None:
    """Remove old folders that no living job holds; other jobs make and remove theirs at the same time."""
    for folder in list(paths.incoming.iterdir()):
        try:
            if folder.stat().st_mtime >= (now - _STALE).timestamp():
                continue
            with FileLock(folder / _ALIVE, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (FileNotFoundError, Timeout):
            continue


def take_in(paths: Paths, arrived: Path, sha256: str, ext: str, origin: Origin) -> Path:
    """Move the file ``arrived`` into the store and return its place there; it may be that place itself.

    Bytes that are there already are not stored again, unless they have been damaged since: then they are replaced
    under their old name. ``origin`` joins the others in ``metadata.json``; a second visit to the same address leaves
    that file as it is. The time stamp of the folder says when its file was last taken in: a receipt that names it may
    not be written yet. Raises :class:`AcquireError` when ``arrived`` is that place and is not what it was.
    """
    folder = paths.store / sha256
    with _lock(paths, sha256):
        target = stored_file(paths, sha256) or folder / f"original.{ext}"
        if intact(paths, sha256) is None:
            if arrived.parent == folder:
                told = "the retained file was removed or damaged meanwhile"
                raise AcquireError(told, where=origin.url, hint="run again: it is then fetched anew")
            with open(arrived, "rb") as f:
                os.fsync(f.fileno())
            _move(arrived, target)
        _remember(folder / "metadata.json", sha256, target, origin)
        os.utime(folder)
    return target


def _make(folder: Path) -> None:
    """Make a folder of ``downloads/``, which cleanups rid of empty folders at any time."""
    _persist(lambda: folder.mkdir(parents=True, exist_ok=True))


def _move(arrived: Path, target: Path) -> None:
    def try_it() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(arrived, target)

    _persist(try_it)


def _persist(act: Callable[[], None]) -> None:
    """Do ``act`` once more when a folder went from under it; many times over is no accident."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return act()
    return act()


@contextmanager
def nothing_taken_in(paths: Paths, hashes: Iterable[str]) -> Iterator[None]:
    """Let no job take in a file with one of these hashes while the block runs."""
    with ExitStack() as held:
        # Those that share a lock once, and all in one order, so that nobody waits in a ring.
        for sha256 in sorted({h[:2]: h for h in hashes}.values()):
            held.enter_context(_lock(paths, sha256))
        yield


def _remember(metadata: Path, sha256: str, target: Path, origin: Origin) -> None:
    try:
        origins: list[dict[str, Any]] = read_json(metadata)["origins"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        origins = []
    if any((o.get("url"), o.get("publication")) == (origin.url, origin.publication) for o in origins):
        return
    size = target.stat().st_size
    write_json(
        metadata, {"sha256": sha256, "size_bytes": size, "file": target.name, "origins": [*origins, asdict(origin)]}
    )


def _lock(paths: Paths, sha256: str) -> FileLock:
    folder = paths.private / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"store-{sha256[:2]}.lock")
