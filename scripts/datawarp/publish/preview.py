"""``snakemake preview_<unit>``: one page that shows each sheet, coloured by what was made of it, beside the table
that came out, so that a person sees in seconds whether the tables were found right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import ManifestError, SheetError
from datawarp.files import read_json, write_text
from datawarp.manifest.document import read_manifest
from datawarp.manifest.models import FileEntry, Manifest, Source
from datawarp.publish.grid_view import SheetView, grid_view
from datawarp.publish.table_view import TableView, table_view
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    from datawarp.sheets.grid import Grid

_TEMPLATES = Path(__file__).parent / "templates"


class SheetSection:
    """One sheet of the page: its grid, and the tables that came out of it or the reason why none did."""

    def __init__(
        self, name: str, view: SheetView | None, sources: Sequence[Source], tables: Sequence[TableView]
    ) -> None:
        self.name = name
        self.view = view
        self.tables = tables
        self.is_data = bool(tables)
        self.kind = sources[0].kind if sources else "empty"
        self.reasons = list(dict.fromkeys(s.reason for s in sources if s.reason))

    @property
    def on_page(self) -> set[str]:
        """Numbers of the sheet's rows that are shown, as text."""
        return {str(row.number) for row in self.view.rows if not row.left_out} if self.view else set()

    @property
    def came_out(self) -> dict[int, int]:
        """Sheet rows that are shown in a table beside the sheet → which table that is, from 1."""
        return {row: n for n, table in enumerate(self.tables, 1) for row in table.shown_rows}


class FileSection:
    """One downloaded file of the page."""

    def __init__(self, filename: str, url: str, sheets: Sequence[SheetSection], problem: str | None = None) -> None:
        self.filename = filename
        self.url = url
        self.sheets = sheets
        self.problem = problem


def preview(unit: Unit, paths: Paths, settings: Settings) -> Path:
    """Write the preview page of ``unit`` from its newest manifest and its retained download; gives its path.

    Raises :class:`ManifestError` when the unit has no manifest yet.
    """
    manifest, path = newest_manifest(unit, paths)
    files = [_file_section(file, manifest, unit, paths, settings) for file in _downloads(unit, paths)]
    page = paths.preview_page(unit.name)
    write_text(page, render(unit, manifest, paths.relative(path), files))
    return page


def newest_manifest(unit: Unit, paths: Paths) -> tuple[Manifest, Path]:
    """The enriched manifest, or the draft where there is none or a newer draft."""
    enriched, draft = paths.enriched_manifest(unit.name), paths.pending_manifest(unit.name)
    found = [path for path in (enriched, draft) if path.is_file()]
    if not found:
        raise ManifestError(
            f"there is no manifest of {unit.name} yet", where=unit.name, hint=f"draft it: snakemake {draft.name}"
        )
    path = max(found, key=lambda p: (p.stat().st_mtime_ns, p == enriched))
    return read_manifest(path), path


def _downloads(unit: Unit, paths: Paths) -> list[dict[str, Any]]:
    """The unit's files as its download receipt lists them, each once."""
    try:
        files = read_json(paths.download_receipt(unit.name))["files"]
    except FileNotFoundError:
        raise ManifestError(
            f"the download receipt of {unit.name} is missing", where=unit.name, hint="download the unit again"
        ) from None
    return list({file["sha256"]: file for file in files}.values())


def _file_section(
    file: dict[str, Any], manifest: Manifest, unit: Unit, paths: Paths, settings: Settings
) -> FileSection:
    from datawarp.sheets.book import open_book

    sheets: list[SheetSection] = []
    try:
        for grid in open_book(
            paths.root / file["path"], file["filename"], max_unpacked_bytes=settings.http.max_unpacked_bytes
        ):
            sheets.append(_sheet_section(file, grid, manifest, unit, paths, settings))
    except (SheetError, FileNotFoundError) as problem:
        return FileSection(file["filename"], file["url"], sheets, str(problem))
    return FileSection(file["filename"], file["url"], sheets)


def _sheet_section(
    file: dict[str, Any], grid: Grid, manifest: Manifest, unit: Unit, paths: Paths, settings: Settings
) -> SheetSection:
    found = list(_entries(file, grid, manifest))
    tables = [
        table_view(source, entry, unit.name, paths, settings)
        for source, entry in found
        if source.kind == "data" and entry.layout is not None
    ]
    name = " › ".join(part for part in (grid.member, grid.sheet) if part) or file["filename"]
    entries = [entry for _, entry in found]
    view = None if grid.unread else grid_view(grid, entries)
    return SheetSection(name, view, [source for source, _ in found], tables)


def _entries(file: dict[str, Any], grid: Grid, manifest: Manifest) -> Iterator[tuple[Source, FileEntry]]:
    for source in manifest.sources:
        for entry in source.files:
            if (entry.sha256, entry.member, entry.sheet) == (file["sha256"], grid.member, grid.sheet):
                yield source, entry


def render(unit: Unit, manifest: Manifest, manifest_path: str, files: Sequence[FileSection]) -> str:
    """The page. Everything that comes from a file, a manifest or the registry is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    tables = [table for file in files for sheet in file.sheets for table in sheet.tables]
    return environment.get_template("preview.html.j2").render(
        unit=unit,
        manifest=manifest.manifest,
        manifest_path=manifest_path,
        files=files,
        n_tables=len(tables),
        n_rows=sum(table.rows for table in tables),
        n_sheets=sum(len(file.sheets) for file in files),
    )
