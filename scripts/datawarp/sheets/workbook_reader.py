"""Workbooks of every format: the fast reader first, another one where it breaks."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.calamine_reader import fill, open_calamine, sheet_shells
from datawarp.sheets.content import Format
from datawarp.sheets.grid import Grid
from datawarp.sheets.parts import Parts

# Problems of a file that one reader has; another one is tried.
BROKEN = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OSError, EOFError, RuntimeError, AssertionError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error, struct.error),
)


def read_workbook(blob: Blob, content: Format, sheet: str | None = None) -> Iterator[Grid]:
    """The sheets of a workbook in order; raises :class:`SheetError` when no reader can read it.

    With ``sheet``, the fast reader reads the one of that name alone; another reader may give all.
    """
    if content in ("spreadsheetml", "sylk"):
        from datawarp.sheets.text_workbooks import read_spreadsheetml, read_sylk

        yield from (read_spreadsheetml if content == "spreadsheetml" else read_sylk)(blob)
        return
    with blob.seekable() as file:
        done = 0
        try:
            for grid in _fast(blob, file, content, sheet):
                done += 1
                yield grid
        except SheetError:
            raise
        except Exception as problem:
            if type(problem).__name__ == "PasswordError":
                raise _locked(blob) from None
            if not isinstance(problem, BROKEN) and type(problem).__module__ != "python_calamine":
                raise
            yield from _slow(blob, file, content, done, problem)


def _locked(blob: Blob) -> SheetError:
    return SheetError("the workbook is password-protected", where=blob.where, hint="ask the publisher for an open file")


def _fast(blob: Blob, file: Path | io.BytesIO, content: Format, sheet: str | None) -> Iterator[Grid]:
    with ExitStack() as stack:
        workbook: Any = open_calamine(file)
        parts, problem = _parts(stack, file, content)
        for index, grid in enumerate(sheet_shells(workbook, blob.member)):
            if sheet is not None and grid.sheet != sheet:
                continue
            if parts is None:
                fill(grid, index, workbook)
            elif not parts.read_whole(index, grid):
                found = parts.scan(index)
                if found.sparse:
                    _read_sparse(file, index, grid)
                else:
                    fill(grid, index, workbook)
                found.complete(grid)
            if problem:
                grid.notes.append(problem)
            yield grid


def _parts(stack: ExitStack, file: Path | io.BytesIO, content: Format) -> tuple[Parts | None, str]:
    """The scan of a format, or the reason why there is none."""
    try:
        if content == "xls":
            from datawarp.sheets.xls_parts import XlsParts

            return XlsParts(file.read_bytes() if isinstance(file, Path) else file.getvalue()), ""
        package = stack.enter_context(zipfile.ZipFile(file))
        if content == "xlsb":
            from datawarp.sheets.xlsb_parts import XlsbParts

            return XlsbParts(package), ""
        if content == "ods":
            from datawarp.sheets.ods_parts import OdsParts

            return OdsParts(package), ""
        from datawarp.sheets.xlsx_parts import XlsxParts

        return XlsxParts(package), ""
    except Exception as problem:
        if not isinstance(problem, BROKEN):
            raise
        return None, f"error cells, hidden rows and number formats could not be looked up ({problem})"


def _read_sparse(file: Path | io.BytesIO, index: int, grid: Grid) -> None:
    from datawarp.sheets.openpyxl_reader import sparse_rows

    grid.rows = sparse_rows(file, index)
    grid.n_rows = len(grid.rows)
    grid.reader = "openpyxl"
    grid.notes.append("read cell by cell: a few cells far apart span more than fits in memory")


def _slow(blob: Blob, file: Path | io.BytesIO, content: Format, done: int, first: Exception) -> Iterator[Grid]:
    """The sheets from number ``done`` on through a reader that forgives more."""
    try:
        if content == "xlsx":
            from datawarp.sheets.openpyxl_reader import read_openpyxl as read
        elif content == "xls":
            from datawarp.sheets.xlrd_reader import read_xlrd as read
        else:
            raise first
        for number, grid in enumerate(read(file, blob.member)):
            if number >= done:
                grid.notes.append(f"python-calamine could not read it ({first})")
                yield grid
    except Exception as problem:
        also = f"; a second reader: {problem}" if problem is not first and str(problem) else ""
        raise SheetError(
            f"the workbook is damaged: {first}{also}",
            where=blob.where,
            hint="download it again, or open it in a spreadsheet program and save it anew",
        ) from None
