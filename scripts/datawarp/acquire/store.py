"""The content-addressed store of downloads, and the index from addresses to contents.

``downloads/store/<sha256>/original.<ext>`` holds the bytes, ``metadata.json`` beside them says where
they came from. ``downloads/index.json`` says what each address gave last; its lock makes it safe
under jobs that run at once.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError
from datawarp.files import read_json, sha256_file, write_bytes, write_json
from datawarp.registry.paths import Paths

_STALE = timedelta(days=1)


@dataclass(frozen=True)
class IndexEntry:
    """What an address gave when it was last asked. Times are ISO 8601 in UTC."""

    sha256: str
    size_bytes: int
    filename: str
    etag: str | None
    last_modified: str | None
    downloaded_at: str
    last_used: str
    units: tuple[str, ...]

    @property
    def validators(self) -> Validators:
        return Validators(self.etag, self.last_modified)


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
    return path if path and sha256_file(path) == sha256 else None


@contextmanager
def incoming(paths: Paths, now: datetime) -> Iterator[Path]:
    """A folder for downloads under way, gone at the end; what killed jobs left behind a day ago goes too."""
    folder = paths.incoming / uuid.uuid4().hex
    folder.mkdir(parents=True)
    for other in paths.incoming.iterdir():
        if other != folder and other.stat().st_mtime < (now - _STALE).timestamp():
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take_in(paths: Paths, arrived: Path, sha256: str, ext: str, origin: Origin) -> Path:
    """Move the file ``arrived`` into the store and return its place there.

    Bytes that are there already are not stored again, unless they have been damaged since. ``origin``
    joins the others in ``metadata.json``; a second visit to the same address leaves that file as it is.
    """
    folder = paths.store / sha256
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(paths, f"store-{sha256[:2]}"):
        target = stored_file(paths, sha256)
        if target is None or sha256_file(target) != sha256:
            if target is not None:
                target.unlink()
            target = folder / f"original.{ext}"
            with open(arrived, "rb") as f:
                os.fsync(f.fileno())
            os.replace(arrived, target)
        _remember(folder / "metadata.json", sha256, target, origin)
    return target


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


def read_index(paths: Paths) -> dict[str, IndexEntry]:
    """The index by address; empty when there is none yet.

    Raises :class:`AcquireError` when the file is no index: it is never thrown away unread.
    """
    try:
        written = json.loads(paths.download_index.read_bytes())
        return {url: IndexEntry(**{**entry, "units": tuple(entry["units"])}) for url, entry in written.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise AcquireError(
            f"not a download index: {problem}",
            where=str(paths.download_index),
            hint="move it aside; the next downloads make a new one, and unchanged bytes are not stored twice",
        ) from None


def update_index(paths: Paths, unit: str, entries: Mapping[str, IndexEntry]) -> None:
    """Record what a unit's addresses gave; addresses it no longer uses lose the unit."""
    with _lock(paths, "index"):
        index = read_index(paths)
        for url, old in index.items():
            if unit in old.units and url not in entries:
                index[url] = replace(old, units=tuple(u for u in old.units if u != unit))
        for url, new in entries.items():
            before = index[url].units if url in index else ()
            index[url] = replace(new, units=tuple(sorted({*before, *new.units, unit})))
        _write_index(paths, index.items())


def forget(paths: Paths, urls: Collection[str]) -> None:
    """Take addresses out of the index, as a cleanup does with those that no unit uses."""
    with _lock(paths, "index"):
        _write_index(paths, ((url, entry) for url, entry in read_index(paths).items() if url not in urls))


def _lock(paths: Paths, name: str) -> FileLock:
    folder = paths.private / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _write_index(paths: Paths, entries: Iterable[tuple[str, IndexEntry]]) -> None:
    # One line an address: json's indentation is slow, and this file is written once per unit.
    lines = (f"{json.dumps(url)}: {json.dumps(_plain(entry))}" for url, entry in sorted(entries))
    body = ",\n".join(lines)
    write_bytes(paths.download_index, f"{{\n{body}\n}}\n".encode() if body else b"{}\n")


def _plain(entry: IndexEntry) -> dict[str, Any]:
    return {**vars(entry), "units": list(entry.units)}
