"""What a ZIP or gzip file would unpack to, judged before anything is unpacked."""

from __future__ import annotations

import gzip
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datawarp.errors import AcquireError

_BLOCK = 1 << 20
_MOST_MEMBERS = 100_000


@dataclass(frozen=True)
class Member:
    """One file of an archive: ``name`` as stored, ``path`` with forward slashes, unpacked size in bytes."""

    name: str
    path: str
    size_bytes: int


def check_archive(archive: Path | IO[bytes], max_unpacked_bytes: int, name: str = "") -> list[Member]:
    """The files of a ZIP archive, in its order, none of which leaves its folder.

    ``name`` is what to call the archive in errors. Raises :class:`AcquireError` for an archive that
    cannot be read, is protected by a password, holds a path that leads out of its folder or a symbolic
    link, or unpacks to more than ``max_unpacked_bytes``.
    """
    where = name or str(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, RuntimeError) as problem:
        raise AcquireError(
            f"not a readable ZIP archive: {problem}", where=where, hint="download it again; it may be cut off"
        ) from None
    check_unpacked_size(entries, max_unpacked_bytes, where)
    members = []
    for entry in entries:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise AcquireError(f"the archive holds a symbolic link, {entry.filename!r}", where=where, hint=_REPACK)
        path = entry.filename.replace("\\", "/")
        if _escapes(path):
            raise AcquireError(
                f"the archive holds a path that leads out of its folder, {entry.filename!r}", where=where, hint=_REPACK
            )
        if entry.is_dir() or path.endswith("/"):
            continue
        if entry.flag_bits & 0x1:
            raise AcquireError(f"{entry.filename!r} in the archive is protected by a password", where=where, hint=_ASK)
        members.append(Member(entry.filename, path, entry.file_size))
    return members


_REPACK = "do not unpack it; tell the publisher, and put a clean copy's path into the registry"
_ASK = "ask the publisher for it without a password"


def check_unpacked_size(entries: Iterable[zipfile.ZipInfo], max_unpacked_bytes: int, where: str) -> None:
    """Raise :class:`AcquireError` if the entries unpack to more than ``max_unpacked_bytes``, or are too many.

    The sizes are the archive's own word; ``zipfile`` never unpacks more of an entry than that.
    """
    listed = list(entries)
    total = sum(entry.file_size for entry in listed)
    if total > max_unpacked_bytes or len(listed) > _MOST_MEMBERS:
        raise AcquireError(
            f"the archive unpacks to {total:,} bytes in {len(listed):,} files; "
            f"the limit is {max_unpacked_bytes:,} bytes in {_MOST_MEMBERS:,} files",
            where=where,
            hint="if that is right, raise http.max_unpacked_bytes in config/config.yaml",
        )


def check_gzip(path: Path, max_unpacked_bytes: int, name: str = "") -> int:
    """The unpacked size of a gzip file in bytes, found by unpacking it into nothing.

    Raises :class:`AcquireError` when it is cut off, damaged, or larger than ``max_unpacked_bytes``.
    """
    where = name or str(path)
    size = 0
    try:
        with gzip.open(path) as unpacked:
            while block := unpacked.read(_BLOCK):
                size += len(block)
                if size > max_unpacked_bytes:
                    raise AcquireError(
                        f"the file unpacks to more than {max_unpacked_bytes:,} bytes",
                        where=where,
                        hint="if that is right, raise http.max_unpacked_bytes in config/config.yaml",
                    )
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise AcquireError(
            f"not a whole gzip file: {problem}", where=where, hint="download it again; it may be cut off"
        ) from None
    return size


def _escapes(path: str) -> bool:
    return path.startswith("/") or re.match(r"[A-Za-z]:", path) is not None or ".." in path.split("/") or "\0" in path
