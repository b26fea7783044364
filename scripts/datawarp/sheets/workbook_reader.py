"""Workbooks of every format: the fast reader first, another one where it breaks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob
from datawarp.sheets.calamine_reader import fill, open_calamine, sheet_shells
from datawarp.sheets.content import Format
from datawarp.sheets.grid import Grid


def read_workbook(blob: Blob, content: Format) -> Iterator[Grid]:
    """The sheets of a workbook in order; raises :class:`SheetError` when no reader can read it."""
    with blob.seekable() as file:
        yield from _native(blob, file)


def _native(blob: Blob, file: Path | io.BytesIO) -> Iterator[Grid]:
    from python_calamine import CalamineError, PasswordError

    try:
        workbook: Any = open_calamine(file)
        for index, grid in enumerate(sheet_shells(workbook, blob.member)):
            fill(grid, index, workbook)
            yield grid
    except PasswordError:
        raise SheetError(
            "the workbook is password-protected", where=blob.where, hint="ask the publisher for an open file"
        ) from None
    except CalamineError as problem:
        raise SheetError(
            f"the workbook cannot be read: {problem}", where=blob.where, hint="download it again"
        ) from None
