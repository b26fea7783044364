"""A sheet to draw on, and writers that turn sheets into .xlsx, .ods and .csv with deterministic bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from xml.sax.saxutils import escape, quoteattr

Value = str | int | float | date | None

# Every archive member carries this moment, so that the same cells give the same bytes.
_MOMENT = (2025, 1, 1, 0, 0, 0)


@dataclass
class Canvas:
    """One sheet. Rows and columns are 1-based, as a spreadsheet numbers them."""

    name: str
    cells: dict[tuple[int, int], Value] = field(default_factory=dict)
    bold: set[tuple[int, int]] = field(default_factory=set)
    formats: dict[tuple[int, int], str] = field(default_factory=dict)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    row: int = 1

    def line(self, *values: Value, bold: bool = False, formats: Sequence[str | None] = ()) -> None:
        """Write ``values`` from column A on, on the next row."""
        for column, value in enumerate(values, 1):
            if value is not None:
                self.cells[self.row, column] = value
                if bold:
                    self.bold.add((self.row, column))
        for column, code in enumerate(formats, 1):
            if code is not None:
                self.formats[self.row, column] = code
        self.row += 1

    def blank(self, rows: int = 1) -> None:
        """Leave ``rows`` rows empty."""
        self.row += rows

    def merge(self, top: int, left: int, bottom: int, right: int) -> None:
        """Merge a range of cells; its value is that of its first cell."""
        self.merges.append((top, left, bottom, right))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in use."""
        return max(r for r, _ in self.cells), max(c for _, c in self.cells)


def xlsx_bytes(sheets: Sequence[Canvas]) -> bytes:
    """``sheets`` as an Excel workbook."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    workbook = Workbook()
    workbook.remove(workbook.active)
    for canvas in sheets:
        sheet = workbook.create_sheet(canvas.name)
        for (row, column), value in canvas.cells.items():
            cell = sheet.cell(row, column, value)
            cell.font = Font(bold=(row, column) in canvas.bold)
            if (row, column) in canvas.formats:
                cell.number_format = canvas.formats[row, column]
        for top, left, bottom, right in canvas.merges:
            sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
        for column in range(1, canvas.size[1] + 1):
            sheet.column_dimensions[get_column_letter(column)].width = 16
    buffer = io.BytesIO()
    workbook.save(buffer)
    return _settled(buffer.getvalue())


def _settled(archive: bytes) -> bytes:
    """An Office archive with its time stamps fixed."""
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        for name in source.namelist():
            members[name] = source.read(name)
    stamp = datetime(*_MOMENT).isoformat() + "Z"
    core = members["docProps/core.xml"].decode()
    members["docProps/core.xml"] = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", stamp, core).encode()
    return zip_bytes(members)


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """``members`` (name → bytes) as a ZIP archive, in the given order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _MOMENT)
            # The OpenDocument format wants its first member uncompressed.
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def csv_bytes(rows: Sequence[Sequence[Value]], encoding: str = "utf-8-sig") -> bytes:
    """``rows`` as a CSV file with the line ends that Excel writes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(["" if v is None else v for v in row] for row in rows)
    return buffer.getvalue().encode(encoding)


_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"), ("manifest", "manifest"))
)
_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"


def ods_bytes(sheets: Sequence[Canvas]) -> bytes:
    """``sheets`` as an OpenDocument spreadsheet."""
    tables = "".join(_ods_table(canvas) for canvas in sheets)
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMESPACES} office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    listing = (
        f'<?xml version="1.0" encoding="UTF-8"?><manifest:manifest {_NAMESPACES} manifest:version="1.2">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_TYPE}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    return zip_bytes(
        {
            "mimetype": _ODS_TYPE.encode(),
            "content.xml": content.encode(),
            "META-INF/manifest.xml": listing.encode(),
        }
    )


def _ods_table(canvas: Canvas) -> str:
    rows, columns = canvas.size
    spans = {(top, left): (bottom - top + 1, right - left + 1) for top, left, bottom, right in canvas.merges}
    covered = {
        (row, column)
        for top, left, bottom, right in canvas.merges
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    } - spans.keys()
    lines = []
    for row in range(1, rows + 1):
        cells = "".join(
            "<table:covered-table-cell/>"
            if (row, column) in covered
            else _ods_cell(canvas.cells.get((row, column)), spans.get((row, column)))
            for column in range(1, columns + 1)
        )
        lines.append(f"<table:table-row>{cells}</table:table-row>")
    return f"<table:table table:name={quoteattr(canvas.name)}>{''.join(lines)}</table:table>"


def _ods_cell(value: Value, span: tuple[int, int] | None) -> str:
    spanned = (
        f' table:number-rows-spanned="{span[0]}" table:number-columns-spanned="{span[1]}"' if span is not None else ""
    )
    if value is None:
        return f"<table:table-cell{spanned}/>"
    if isinstance(value, date):
        kind = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif isinstance(value, str):
        kind = 'office:value-type="string"'
    else:
        kind = f'office:value-type="float" office:value="{value}"'
    return f"<table:table-cell{spanned} {kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"
