"""The bytes of one data file, wherever they lie: on disk, in memory, or inside an archive."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

# Members of archives up to this size are held in memory, larger ones are unpacked to a temporary file.
IN_MEMORY = 64 << 20


@dataclass(frozen=True)
class Blob:
    """One file's bytes. ``member`` is its path inside an archive, None for a file of its own.

    ``opener`` gives a fresh stream from the first byte on. ``path`` is set when the bytes are a file on disk.
    ``holder`` keeps what the opener needs, an unpacked archive on disk, as long as the blob lives.
    """

    filename: str
    member: str | None
    opener: Callable[[], IO[bytes]]
    path: Path | None = None
    holder: object = None

    @property
    def where(self) -> str:
        """How errors name it: the file, and the member behind an exclamation mark."""
        return f"{self.filename}!{self.member}" if self.member else self.filename

    @property
    def name(self) -> str:
        """Its own file name, without the folders of an archive."""
        return (self.member or self.filename).rsplit("/", 1)[-1]

    def head(self, size: int) -> bytes:
        """The first ``size`` bytes, fewer when the file is shorter."""
        with self.opener() as stream:
            return read_up_to(stream, size)

    def unpacked(self) -> tuple[Path | io.BytesIO, object]:
        """The whole file as a path or as bytes in memory, and what keeps that path alive while it is held."""
        if self.path is not None:
            return self.path, None
        with self.opener() as stream:
            start = read_up_to(stream, IN_MEMORY + 1)
            if len(start) <= IN_MEMORY:
                return io.BytesIO(start), None
            file = tempfile.NamedTemporaryFile(prefix="datawarp-")  # noqa: SIM115 - closed with its last holder
            file.write(start)
            del start
            shutil.copyfileobj(stream, file, 1 << 20)
            file.flush()
            return Path(file.name), file

    @contextmanager
    def seekable(self) -> Iterator[Path | io.BytesIO]:
        """The whole file as a path or as bytes in memory; what had to be unpacked goes afterwards."""
        file, holder = self.unpacked()
        try:
            yield file
        finally:
            if holder is not None:
                cast(IO[bytes], holder).close()


def file_blob(path: Path, filename: str) -> Blob:
    """The blob of a file on disk; ``filename`` is what its publisher calls it."""
    return Blob(filename, None, lambda: open(path, "rb"), path)


def read_up_to(stream: IO[bytes], size: int) -> bytes:
    """``size`` bytes from a stream that may give fewer per call; fewer only at its end."""
    parts = []
    while size > 0:
        block = stream.read(size)
        if not block:
            break
        parts.append(block)
        size -= len(block)
    return b"".join(parts)
