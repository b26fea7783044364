"""From a row of the warehouse back to the cells it came from, in the retained download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from datawarp.errors import WarehouseError
from datawarp.files import sha256_file
from datawarp.registry.paths import Paths
from datawarp.registry.periods import parse_period
from datawarp.sheets.book import one_grid
from datawarp.sheets.cells import printed as printed_cell
from datawarp.sheets.grid import Cell, Grid, column_index
from datawarp.warehouse.load.plan import LINEAGE, MARKER
from datawarp.warehouse.types import printed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


@dataclass(frozen=True)
class TracedCell:
    """One value of the row and the cell it came from."""

    column: str
    address: str
    header: str
    as_printed: str
    in_database: str | None
    marker: str | None
    correction: str | None
    is_stored: bool = True


@dataclass(frozen=True)
class TracedRow:
    """One row of a source: the file, sheet and sheet row it came from, and its cells."""

    source: str
    period: str
    row: int
    filename: str
    url: str
    sha256: str
    member: str | None
    sheet: str | None
    downloaded: str
    cells: list[TracedCell]

    def told(self) -> str:
        """The row as a table for the terminal."""
        place = " ! ".join(part for part in (self.member, self.sheet) if part)
        lines = [
            f"{self.source}, {self.period}, sheet row {self.row}",
            f"  file   {self.filename}  ({self.downloaded})",
            f"  url    {self.url}",
            f"  sha256 {self.sha256}",
            *([f"  sheet  {place}"] if place else []),
            "",
        ]
        rows = [("cell", "header", "as printed", "column", "in the warehouse")]
        for cell in self.cells:
            stored = "null" if cell.in_database is None else _one_line(cell.in_database)
            stored = stored if cell.is_stored else "(left out)"
            stored += f"  (printed: {cell.marker})" if cell.marker is not None else ""
            stored += f"  (corrected: {cell.correction})" if cell.correction is not None else ""
            rows.append((cell.address, cell.header, cell.as_printed, cell.column, stored))
        widths = [min(40, max(len(row[i]) for row in rows)) for i in range(4)]
        for row in rows:
            lines.append("  " + "  ".join(_fit(text, w) for text, w in zip(row, widths, strict=False)) + f"  {row[4]}")
        return "\n".join(lines)


def _fit(text: str, width: int) -> str:
    one_line = _one_line(text)
    return (one_line[: width - 1] + "…" if len(one_line) > width else one_line).ljust(width)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def trace(connection: Connection, paths: Paths, source: str, period: str, row: int) -> list[TracedRow]:
    """The rows of ``source`` and ``period`` (a period code or its canonical form) that came from sheet row ``row``.

    One per file that has such a row. Raises :class:`WarehouseError` when there is no such row, or the download is gone.
    """
    canonical = parse_period(period).canonical if _is_code(period) else period
    with connection, connection.cursor() as cursor:
        table = _table(cursor, source)
        found = _rows(cursor, table, canonical, row)
        if not found:
            raise WarehouseError(
                f"{source} has no row that came from sheet row {row} in {canonical}",
                hint=_available(cursor, source, table, canonical),
            )
        traced = []
        for number in dict.fromkeys(r["_manifest_file_id"] for r in found):
            own = [r for r in found if r["_manifest_file_id"] == number]
            traced.append(_traced(cursor, paths, source, canonical, row, number, own))
    return traced


def _is_code(period: str) -> bool:
    from datawarp.errors import RegistryError

    try:
        parse_period(period)
    except RegistryError:
        return False
    return True


def _table(cursor: Cursor, source: str) -> str:
    cursor.execute("SELECT table_name FROM datawarp.tbl_data_sources WHERE source_code = %s", (source,))
    row = cursor.fetchone()
    if row is None:
        cursor.execute("SELECT source_code FROM datawarp.tbl_data_sources ORDER BY 1")
        known = [r[0] for r in cursor.fetchall()]
        raise WarehouseError(
            f"the warehouse has no source {source!r}", hint=f"one of: {', '.join(known[:40]) or 'none is loaded yet'}"
        )
    return str(row[0])


def _rows(cursor: Cursor, table: str, period: str, row: int) -> list[dict[str, Any]]:
    from psycopg2 import sql

    cursor.execute(
        sql.SQL("SELECT * FROM {} WHERE _period = %s AND _source_row = %s ORDER BY _manifest_file_id").format(
            sql.Identifier("staging", table)
        ),
        (period, row),
    )
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _available(cursor: Cursor, source: str, table: str, period: str) -> str:
    from psycopg2 import sql

    cursor.execute(
        sql.SQL("SELECT min(_source_row), max(_source_row) FROM {} WHERE _period = %s").format(
            sql.Identifier("staging", table)
        ),
        (period,),
    )
    first, last = cursor.fetchone() or (None, None)
    if first is not None:
        return f"its rows came from the sheet rows {first} to {last}"
    cursor.execute(
        "SELECT canonical_period FROM datawarp.tbl_load_history WHERE source_code = %s AND is_current ORDER BY 1",
        (source,),
    )
    return f"periods loaded: {', '.join(r[0] for r in cursor.fetchall()) or 'none'}"


def _traced(
    cursor: Cursor, paths: Paths, source: str, period: str, row: int, number: int, rows: list[dict[str, Any]]
) -> TracedRow:
    cursor.execute(
        "SELECT filename, url, sha256, member, sheet, columns FROM datawarp.tbl_manifest_files "
        "WHERE manifest_file_id = %s",
        (number,),
    )
    found = cursor.fetchone()
    if found is None:
        raise WarehouseError(f"the lineage of the row, file {number}, is gone", hint="snakemake validate")
    filename, url, sha256, member, sheet, columns = found
    download = _download(paths, sha256, filename)
    cells = _sheet_row(one_grid(download, filename, member, sheet), row)
    cursor.execute(
        "SELECT column_name, old_value, reason FROM datawarp.tbl_corrections "
        "WHERE manifest_file_id = %s AND source_row = %s",
        (number, row),
    )
    corrections = {name: f"{old!r} was published; {reason}" for name, old, reason in cursor.fetchall()}
    return TracedRow(
        source,
        period,
        row,
        filename,
        url,
        sha256,
        member,
        sheet,
        paths.relative(download),
        [_cell(column, cells, row, _stored(column, rows), corrections) for column in columns],
    )


def _download(paths: Paths, sha256: str, filename: str) -> Any:
    found = sorted((paths.store / sha256).glob("original*"))
    if not found:
        raise WarehouseError(
            f"the download of {filename} is no longer kept",
            where=paths.relative(paths.store / sha256),
            hint="bring it back from the archive, or refresh the unit",
        )
    if sha256_file(found[0]) != sha256:
        raise WarehouseError(
            f"the download of {filename} is not what was loaded: its bytes have changed",
            where=paths.relative(found[0]),
            hint="snakemake validate",
        )
    return found[0]


def _sheet_row(grid: Grid, row: int) -> Sequence[Cell]:
    if grid.stream is not None:
        return next(islice(grid.stream.records(), row - 1, None), [])
    return grid.rows[row - 1] if row <= len(grid.rows) else []


def _stored(column: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, Any, Any] | None:
    """Name, value and marker of what a column of the sheet became in the warehouse; None when it was left out."""
    name = column["name"]
    label = column.get("period_label")
    if column.get("period") is not None:
        for row in rows:
            if "_wide_label" in row and row["_wide_label"] == label:
                return f"value ({row.get('reported_period')})", row.get("value"), row.get("value_marker")
    if name not in rows[0] or name in LINEAGE:
        return None
    return name, rows[0][name], rows[0].get(f"{name}{MARKER}")


def _cell(
    column: dict[str, Any],
    cells: Sequence[Cell],
    row: int,
    stored: tuple[str, Any, Any] | None,
    corrections: dict[str, str],
) -> TracedCell:
    index = column_index(column["column"])
    value = cells[index] if index < len(cells) else None
    name, held, marker = stored or (column["name"], None, None)
    return TracedCell(
        column=name,
        address=f"{column['column']}{row}",
        header=column["original_name"],
        as_printed="" if value is None else printed_cell(value),
        in_database=printed(held),
        marker=marker,
        correction=corrections.get(name.split(" ")[0]) or corrections.get(f"{name}{MARKER}"),
        is_stored=stored is not None,
    )
