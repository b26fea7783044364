"""What of an installation belongs in the bucket, under which key, and what its bytes should be.

| on disk | in the bucket |
|---|---|
| ``archive/…`` | the same path: ``manifests|parquet|downloads|backups/<date>/…`` |
| ``manifests/…`` | ``manifests/current/…`` |
| ``output/…`` | ``parquet/current/…`` |
| ``downloads/…`` | ``downloads/…`` |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datawarp.files import read_json
from datawarp.lifecycle.entries import INDEX, entry_from, inside
from datawarp.registry.paths import Paths

REMOVABLE = ("manifests", "parquet", "downloads")


@dataclass(frozen=True)
class LocalFile:
    """A file for the bucket.

    ``expected`` is the SHA-256 that a receipt, an index or the store's own folder name promises, None
    where nothing does. ``removable`` files may leave the disk once the bucket verifiably has them.
    """

    path: Path
    key: str
    size: int
    mtime_ns: int
    expected: str | None
    removable: bool


def inventory(paths: Paths) -> tuple[list[LocalFile], dict[str, str]]:
    """Every file of the installation that belongs in the bucket, in key order.

    The second part says, by key, which indexes and receipts cannot be read: what they promise of other
    files is not known, so these files are not to be believed either.
    """
    promised, problems = _promised(paths)
    found = [
        LocalFile(path, key, status.st_size, status.st_mtime_ns, promised.get(key) or _named_hash(key), removable)
        for path, key, status, removable in _files(paths)
    ]
    return sorted(found, key=lambda f: f.key), problems


def key_of(path: str) -> str:
    """The key of a file by its path below the root."""
    top, _, rest = path.partition("/")
    return {
        "archive": rest,
        "manifests": f"manifests/current/{rest}",
        "output": f"parquet/current/{rest}",
        "downloads": path,
    }[top]


def path_of(key: str) -> str:
    """The path below the root of an object by its key; the inverse of :func:`key_of`.

    Raises ``ValueError`` for a key that leads out of the folder, which no `sync` has made.
    """
    inside(key)
    for start, folder in (("manifests/current/", "manifests/"), ("parquet/current/", "output/")):
        if key.startswith(start):
            return folder + key[len(start) :]
    if key.startswith(("downloads/store/", "downloads/receipts/")) or key == "downloads/index.json":
        return key
    return f"archive/{key}"


def _files(paths: Paths) -> Iterator[tuple[Path, str, os.stat_result, bool]]:
    for top in ("archive", "manifests", "output", "downloads"):
        for path, status in _walk(paths.root / top):
            relative = path.relative_to(paths.root).as_posix()
            kind = relative.split("/")[1]
            removable = top == "archive" and kind in REMOVABLE and path.name != INDEX
            yield path, key_of(relative), status, removable


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files below ``folder``; hidden ones (temporary files, earlier versions) are left out."""
    try:
        items = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for item in items:
        if item.name.startswith("."):
            continue
        if item.is_dir(follow_symlinks=False):
            yield from _walk(Path(item.path))
        elif item.is_file():
            yield Path(item.path), item.stat()


def _promised(paths: Paths) -> tuple[dict[str, str], dict[str, str]]:
    """SHA-256 by key, as indexes of the archive, backup sidecars and export receipts say; and what is unreadable."""
    promised: dict[str, str] = {}
    problems: dict[str, str] = {}
    readers: tuple[tuple[Iterable[Path], Callable[[dict[str, Any], Path], dict[str, str]]], ...] = (
        ((paths.archive / "manifests").glob(f"*/*/{INDEX}"), _of_entry),
        (paths.backups.glob("*/*.json"), _of_backup),
        ((paths.output / "receipts").glob("*/*.json"), _of_receipt),
    )
    for files, read in readers:
        for file in files:
            try:
                promised.update(read(read_json(file), file))
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                problems[key_of(paths.relative(file))] = f"the record cannot be read: {problem!r}"
    return promised, problems


def _of_entry(record: dict[str, Any], _: Path) -> dict[str, str]:
    return {f.kept: f.sha256 for f in entry_from(record).files}


def _of_backup(record: dict[str, Any], sidecar: Path) -> dict[str, str]:
    return {f"backups/{sidecar.parent.name}/{record['file']}": str(record["sha256"])}


def _of_receipt(record: dict[str, Any], _: Path) -> dict[str, str]:
    return {key_of(source["parquet"]): str(source["sha256"]) for source in record["sources"]}


def _named_hash(key: str) -> str | None:
    """The store's folders are named by the hash of the original that they hold."""
    parts = key.split("/")
    if len(parts) == 4 and parts[:2] == ["downloads", "store"] and parts[3].startswith("original"):
        return parts[2]
    return None
