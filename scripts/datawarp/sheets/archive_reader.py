"""Archives: the data files inside .zip and .gz, nested once, within a limit on what they unpack to."""

from __future__ import annotations

import gzip
import io
import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.content import DAMAGED_ZIP, Format, NotData, content_of

DEEPEST = 2  # a ZIP in a ZIP, a gzip in a gzip
MOST_MEMBERS = 10_000


class _Counted(io.RawIOBase):
    """A stream of unpacked bytes that ends in a clear error when it is cut off, damaged or too long."""

    def __init__(self, inner: IO[bytes], where: str, limit: int) -> None:
        self._inner, self._where, self._left = inner, where, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        try:
            block = self._inner.read(len(view))
        except DAMAGED_ZIP as problem:
            raise SheetError(
                f"expected a complete archive, found a damaged or cut-off one ({problem})",
                where=self._where,
                hint="download it again",
            ) from None
        self._left -= len(block)
        if self._left < 0:
            raise too_large(self._where)
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._inner.close()
        super().close()


def too_large(where: str) -> SheetError:
    """The error of an archive that unpacks to more than the configuration allows."""
    return SheetError(
        "the archive unpacks to more than http.max_unpacked_bytes of the configuration allows",
        where=where,
        hint="look at what the publisher put into it; raise the limit if it is meant",
    )


def data_files(blob: Blob, limit: int, depth: int = 0) -> Iterator[tuple[Blob, Format | NotData]]:
    """The data files in ``blob``, itself when it is no archive, each with what it is.

    A member that is sound but holds no data (a PDF, a picture) comes with the :class:`NotData` that
    says so. Raises :class:`SheetError` for a damaged, locked, nested too deep, escaping or too large archive.
    """
    try:
        content = content_of(blob)
    except NotData as found:
        if depth == 0:
            raise
        yield blob, found
        return
    if content not in ("zip", "gz"):
        yield blob, content
        return
    if depth == DEEPEST:
        raise SheetError(
            "expected data files at most two archives deep, found a third archive inside", where=blob.where
        )
    if content == "gz":
        yield from data_files(_unzipped(blob, limit), limit, depth + 1)
    else:
        yield from _members(blob, limit, depth)


def _unzipped(blob: Blob, limit: int) -> Blob:
    def opener() -> IO[bytes]:
        return io.BufferedReader(
            _Counted(cast(IO[bytes], gzip.GzipFile(fileobj=blob.opener())), blob.where, limit), 1 << 18
        )

    return Blob(blob.filename, blob.member, opener, holder=blob)


def _members(blob: Blob, limit: int, depth: int) -> Iterator[tuple[Blob, Format | NotData]]:
    file, holder = blob.unpacked()
    with zipfile.ZipFile(file) as archive:
        infos = [i for i in archive.infolist() if not i.is_dir() and not _is_of_the_system(i.filename)]
        for info in infos:
            _check_member(blob, info)
        if sum(info.file_size for info in infos) > limit:
            raise too_large(blob.where)
        if len(infos) > MOST_MEMBERS:
            raise SheetError(f"the archive has {len(infos)} members, more than {MOST_MEMBERS}", where=blob.where)
        if not infos:
            raise SheetError("expected data files in the archive, found none", where=blob.where)
        for info in infos:
            yield from data_files(_member(blob, file, holder, info, limit), limit, depth + 1)


def _member(blob: Blob, file: Path | io.BytesIO, holder: object, info: zipfile.ZipInfo, limit: int) -> Blob:
    member = f"{blob.member}/{info.filename}" if blob.member else info.filename

    def opener() -> IO[bytes]:
        # An archive of its own per stream: readers of two members never share a file position.
        archive = zipfile.ZipFile(io.BytesIO(file.getbuffer()) if isinstance(file, io.BytesIO) else file)
        try:
            stream = archive.open(info)
        except DAMAGED_ZIP as problem:
            raise SheetError(f"the member cannot be unpacked ({problem})", where=f"{blob.filename}!{member}") from None
        return io.BufferedReader(_Counted(stream, f"{blob.filename}!{member}", limit), 1 << 18)

    return Blob(blob.filename, member, opener, holder=holder)


def _is_of_the_system(name: str) -> bool:
    """Whether a member is what operating systems add by themselves."""
    last = posixpath.basename(name)
    return name.startswith("__MACOSX/") or last in (".DS_Store", "Thumbs.db", "desktop.ini") or last.startswith("._")


def _check_member(blob: Blob, info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        raise SheetError(
            f"the archive's member {info.filename!r} points outside the archive",
            where=blob.where,
            hint="nothing of it was unpacked; ask the publisher",
        )
    if info.flag_bits & 1:
        raise SheetError(
            f"the archive's member {info.filename!r} is password-protected",
            where=blob.where,
            hint="ask the publisher for an open file",
        )
