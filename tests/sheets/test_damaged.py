"""Files damaged anywhere are read, or give one clear error; no reader's own exception gets out."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pytest
from books import ods, xlsx, zipped
from openpyxl import Workbook

from datawarp.errors import SheetError
from datawarp.sheets import xlsx_parts
from datawarp.sheets.book import open_book

DAMAGES = 60


def _workbook() -> bytes:
    book = Workbook()
    for n in range(300):
        book.active.append([f"R{n:03d}", n, n / 7, "*" if n % 9 == 0 else n * 3])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _csv() -> bytes:
    return b"code,beds\n" + b"".join(b"R%03d,%d\n" % (n, n * 7) for n in range(400))


def _ods() -> bytes:
    cell = '<table:table-cell office:value-type="float" office:value="{}"><text:p>{}</text:p></table:table-cell>'
    return ods("".join(f"<table:table-row>{cell.format(n, n) * 3}</table:table-row>" for n in range(200)))


def _of_xml() -> bytes:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 400))
    return xlsx(f"<sheetData>{rows}</sheetData>")


FILES = {
    "book.xlsx": _workbook,
    "sheet.xlsx": _of_xml,
    "book.ods": _ods,
    "beds.zip": lambda: zipped({"a/beds.csv": _csv(), "b/book.xlsx": _workbook()}),
    "beds.csv.gz": lambda: gzip.compress(_csv()),
}


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_damaged_anywhere(name: str, arrays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_parts, "LARGE", 0 if arrays else 1 << 60)
    monkeypatch.setattr(xlsx_parts, "WORTHWHILE", 0)
    told = damaged(FILES[name](), name, tmp_path)
    assert told > DAMAGES // 3


def test_damaged_real_workbooks(shared: Path, tmp_path: Path) -> None:
    """The formats that only spreadsheet programs write."""
    for end in (".xls", ".xlsb"):
        files = sorted(path for path in (shared / "nasty").glob(f"*{end}") if 2_000 < path.stat().st_size < 60_000)
        for path in files[:6]:
            damaged(path.read_bytes(), path.name, tmp_path)


def damaged(data: bytes, name: str, folder: Path) -> int:
    """Damage a file in many places, one at a time; how often an error told of it."""
    chance, told = random.Random(name), 0
    for n in range(DAMAGES):
        at = chance.randrange(len(data))
        broken = data[:at] if n % 3 == 0 else data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        if n % 3 == 1:
            broken = data[:at] + bytes(40) + data[at + 40 :]
        path = folder / name
        path.write_bytes(broken)
        try:
            for grid in open_book(path, name):
                list(grid.rows)
        except SheetError as problem:
            assert problem.message
            told += 1
    return told
