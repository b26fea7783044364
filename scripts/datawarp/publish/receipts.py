"""Export receipts: which Parquet files a unit has, and the hash of each; and the locks that keep them true."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from datawarp.files import json_bytes, read_json, replacing, sha256_file, write_bytes, write_json
from datawarp.registry.paths import Paths

_OTHER_FILES = 256


@dataclass(frozen=True)
class Exported:
    """One source of a unit as exported; in a receipt as it stands here. ``parquet`` is relative to the run's folder."""

    code: str
    table: str
    parquet: str
    rows: int
    columns: list[str]
    sha256: str
    source_files: list[str]


@contextmanager
def sources_locked(codes: Iterable[str], paths: Paths) -> Iterator[None]:
    """Hold the locks of these sources; always taken in one order, so that jobs do not wait for each other in a ring."""
    ordered = sorted(codes)
    _allow_open_files(len(ordered))
    with ExitStack() as held:
        for code in ordered:
            lock = paths.export_lock(code)
            lock.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(lock))
        yield


def _allow_open_files(number: int) -> None:
    """Let the process have so many more files open, as far as it may: a lock is one, and some units have a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(number + _OTHER_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def write_receipt(unit: str, period: str, exported: list[Exported], paths: Paths) -> None:
    """Write the receipt of ``unit``, whose period is written ``period`` in the registry.

    Call it with the locks of all its sources held, so that it says what is there.
    """
    receipt = {"unit": unit, "period": period, "sources": [asdict(entry) for entry in exported]}
    with FileLock(paths.export_lock(f"unit-{unit}")):
        write_json(paths.export_receipt(unit), receipt)


def update_receipt(unit: str, code: str, paths: Paths) -> None:
    """Bring one source's entry in the receipt of ``unit`` into line with its Parquet file.

    The receipt keeps its time stamp: a unit that was due stays due, one that was not stays done.
    """
    with FileLock(paths.export_lock(f"unit-{unit}")):
        path = paths.export_receipt(unit)
        if not path.is_file():
            return
        receipt = read_json(path)
        for entry in receipt["sources"]:
            if entry["code"] == code and (paths.root / entry["parquet"]).is_file():
                entry.update(asdict(as_it_is(Exported(**entry), paths)))
        stamp = path.stat()
        with replacing(path) as temporary:
            temporary.write_bytes(json_bytes(receipt))
            os.utime(temporary, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def read_receipt(path: Path) -> list[Exported]:
    """The sources in a receipt; none when there is no receipt."""
    try:
        receipt: dict[str, Any] = read_json(path)
    except FileNotFoundError:
        return []
    return [Exported(**entry) for entry in receipt["sources"]]


@dataclass(frozen=True)
class ExportedFile:
    """One Parquet file of a receipt, without the lists of its columns and source files."""

    unit: str
    code: str
    table: str
    parquet: str
    rows: int
    sha256: str


def exported_files(paths: Paths) -> list[ExportedFile]:
    """What all receipts list, by publication and unit.

    Thousands of receipts are not read again each time: an index keeps what they said, each by inode, time of change
    and size of its file (not by its time stamp, which :func:`update_receipt` preserves).
    """
    try:
        known: dict[str, Any] = read_json(paths.receipts_index)
    except (FileNotFoundError, ValueError):
        known = {}
    now: dict[str, Any] = {}
    for unit, path, stamp in _listed(paths.output / "receipts"):
        entry = known.get(unit)
        if entry is None or entry[0] != stamp:
            files = [[e.code, e.table, e.parquet, e.rows, e.sha256] for e in read_receipt(path)]
            entry = [stamp, files]
        now[unit] = entry
    if now != known:
        write_bytes(paths.receipts_index, json.dumps(now, ensure_ascii=False).encode())
    return [ExportedFile(unit, *file) for unit, (_, files) in now.items() for file in files]


def _listed(folder: Path) -> Iterator[tuple[str, Path, list[int]]]:
    """Unit and path of the receipts below ``folder``, and what tells whether one was replaced."""
    with suppress(FileNotFoundError):
        for publication in sorted(e.path for e in os.scandir(folder) if e.is_dir()):
            for entry in sorted(os.scandir(publication), key=lambda e: e.name):
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    found = entry.stat()
                    yield entry.name[:-5], Path(entry.path), [found.st_ino, found.st_ctime_ns, found.st_size]


def as_it_is(entry: Exported, paths: Paths) -> Exported:
    """``entry`` with rows, columns and hash of the file that is there now."""
    import pyarrow.parquet as pq

    path = paths.root / entry.parquet
    digest = sha256_file(path)
    if digest == entry.sha256:
        return entry
    with pq.ParquetFile(path) as file:
        return Exported(
            entry.code,
            entry.table,
            entry.parquet,
            file.metadata.num_rows,
            file.schema_arrow.names,
            digest,
            entry.source_files,
        )
