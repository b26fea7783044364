"""Any data file as grids: the one door through which files are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datawarp.errors import SheetError
from datawarp.sheets.archive_reader import data_files
from datawarp.sheets.blob import Blob, file_blob, read_up_to
from datawarp.sheets.content import Format, NotData
from datawarp.sheets.csv_reader import read_csv
from datawarp.sheets.grid import Grid

UNPACKED_LIMIT = 20_000_000_000
# Text files above this size are sampled and streamed; up to the larger one those with blank lines in their
# middle are looked at whole, since another table may begin there.
STREAMED, WHOLE = 8 << 20, 50 << 20


def open_book(
    path: Path, filename: str, *, max_unpacked_bytes: int = UNPACKED_LIMIT, streamed: int | None = None
) -> Iterator[Grid]:
    """Every sheet of a data file, in order: workbooks, CSV and TSV files, and archives of them.

    ``filename`` is what the publisher calls the file, for errors; its ending decides nothing. A member of an
    archive that is no data file comes as a grid without rows whose ``unread`` says what it is. Raises
    :class:`SheetError`, one clear text, when the file or a member of it cannot be read.
    """
    for blob, content in data_files(file_blob(path, filename), max_unpacked_bytes):
        if isinstance(content, NotData):
            yield Grid(None, blob.member, [], "none", unread=content.message)
        else:
            yield from read_blob(blob, content, streamed)


def read_blob(blob: Blob, content: Format, streamed: int | None = None, sheet: str | None = None) -> Iterator[Grid]:
    """The sheets of one file that is no archive; with ``sheet``, of a workbook the one of that name alone."""
    if content == "csv":
        yield _read_text(blob, STREAMED if streamed is None else streamed, WHOLE if streamed is None else 0)
    else:
        from datawarp.sheets.workbook_reader import read_workbook

        yield from read_workbook(blob, content, sheet)


def _read_text(blob: Blob, streamed: int, whole: int) -> Grid:
    """A text file, in memory up to ``streamed`` bytes; up to ``whole`` when blank lines lie in its middle."""
    with blob.opener() as stream:
        data = read_up_to(stream, streamed + 1)
    if len(data) <= streamed:
        return read_csv(blob, data)
    from datawarp.sheets.csv_stream import open_stream

    del data
    grid = open_stream(blob)
    if grid.stream is not None and grid.stream.gaps and grid.stream.size <= whole:
        with blob.opener() as stream:
            return read_csv(blob, read_up_to(stream, whole + 1))
    return grid


def one_grid(
    path: Path, filename: str, member: str | None, sheet: str | None, *, max_unpacked_bytes: int = UNPACKED_LIMIT
) -> Grid:
    """The grid of one sheet of a file, the others unread; raises :class:`SheetError` when there is no such sheet."""
    for blob, content in data_files(file_blob(path, filename), max_unpacked_bytes):
        if blob.member == member and not isinstance(content, NotData):
            for grid in read_blob(blob, content, sheet=sheet):
                if grid.sheet == sheet:
                    return grid
    raise SheetError(
        f"expected sheet {sheet!r}" + (f" in member {member!r}" if member else "") + ", the file has none of that name",
        where=filename,
        hint="draft the unit again",
    )
