"""Files written whole or not at all, JSON with deterministic bytes, and content hashes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_AT_ONCE = 4


@contextmanager
def replacing(path: str | os.PathLike[str], *, flushed: bool = True) -> Iterator[Path]:
    """A temporary path in ``path``'s own folder that takes its place when the block ends well.

    The bytes are flushed to disk before the rename, so that after a power cut either the old file
    or the whole new one is there; not so with ``flushed`` off, for a cache whose reader tells that it is cut off.
    When the block raises, the temporary file goes and the old file stays. A link stays one: the file it leads to is
    replaced.
    """
    target = Path(os.path.realpath(path))
    _make_folder(target.parent)
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        put_in_place(temporary, target, flushed=flushed)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, target: Path, *, flushed: bool = True) -> None:
    """Rename a finished file to ``target``, its bytes on disk; its mode is the old file's, or that of any new file.

    For files that are written together before the first of them takes its place; else see :func:`replacing`.
    """
    _make_folder(target.parent)
    if flushed:
        flush(temporary)
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mode = _MODE_OF_NEW_FILES
    os.chmod(temporary, mode)
    os.replace(temporary, target)


def flush(path: Path) -> None:
    """Have the bytes of a file on disk."""
    with open(path, "rb") as written:
        os.fsync(written.fileno())


@contextmanager
def side_by_side() -> Iterator[Callable[..., None]]:
    """A way to have many files written or flushed at once: what it is called with is done in one of a few threads.

    A disk takes many flushes together in the time of a few. All is done when the block ends, and the first error that
    there was is raised.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    begun: list[Future[object]] = []
    waiting: list[Callable[[], object]] = []  # one piece of work alone needs no thread
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def begin(work: Callable[..., object], *arguments: object) -> None:
            waiting.append(partial(work, *arguments))
            if begun or len(waiting) > 1:
                begun.extend(pool.submit(waiting.pop(0)) for _ in list(waiting))

        yield begin
        for work in waiting:
            work()
    for done in begun:
        done.result()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; looking first costs less than being refused, and nearly always it is there."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def _mode_of_new_files() -> int:
    """What the process's umask leaves of rw-rw-rw-. The mask can only be read by setting it, so: before any thread."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


_MODE_OF_NEW_FILES = _mode_of_new_files()


def write_bytes(path: str | os.PathLike[str], data: bytes, *, flushed: bool = True) -> None:
    """Write ``data`` to ``path`` atomically; parent folders are made. ``flushed`` is that of :func:`replacing`."""
    with replacing(path, flushed=flushed) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically."""
    write_bytes(path, text.encode("utf-8"))


def json_bytes(value: Any) -> bytes:
    """``value`` as indented JSON with keys in their given order: equal values give equal bytes."""
    return (json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n").encode("utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write ``value`` as deterministic JSON to ``path`` atomically."""
    write_bytes(path, json_bytes(value))


def read_json(path: str | os.PathLike[str]) -> Any:
    """The JSON value in ``path``; raises ``FileNotFoundError`` or ``ValueError``."""
    return json.loads(Path(path).read_bytes())


def sha256_file(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes as 64 hex digits, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """The SHA-256 of ``data`` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
