"""The draft stage: what tables a unit's files hold, the evidence for it, and their rows, typed."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from datawarp.errors import SheetError
from datawarp.files import read_json
from datawarp.manifest.document import write_manifest
from datawarp.manifest.duplicates import disable_duplicates
from datawarp.manifest.models import Column, FileEntry, Layout, Manifest, ManifestHead, Source
from datawarp.manifest.recognition import lines_above, samples
from datawarp.manifest.tables import cache_path, keep_table, sheet_label
from datawarp.registry.models import PublicationSettings, SheetOverride, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.sheets.book import open_book
from datawarp.sheets.calamine_reader import without_collector
from datawarp.sheets.cells import one_line
from datawarp.sheets.detect import detect
from datawarp.sheets.finding import SheetFinding, TableFinding
from datawarp.sheets.grid import Grid

LONGEST_CODE = 59  # tbl_<code> is a PostgreSQL name, at most 63 bytes
MOST_NOTES, LONGEST_NOTE = 60, 300


def draft(unit: Unit, paths: Paths, settings: Settings) -> Manifest:
    """Write the pending manifest and the typed tables of ``unit`` from its download receipt.

    Every sheet of every file is listed; what is not data is disabled with the reason. Raises
    :class:`SheetError` naming every file that cannot be read, or when no file holds a table; then nothing is written.
    """
    with without_collector():
        return _draft(unit, paths, settings)


def _draft(unit: Unit, paths: Paths, settings: Settings) -> Manifest:
    receipt = read_json(paths.download_receipt(unit.name))
    sources: list[Source] = []
    notes: list[str] = []
    problems: list[str] = []
    codes: set[str] = set()
    seen: dict[str, str] = {}
    for file in receipt["files"]:
        if file["sha256"] in seen:
            sources.append(_same_bytes(unit, file, seen[file["sha256"]], codes))
            continue
        seen[file["sha256"]] = file["filename"]
        try:
            for grid in open_book(
                paths.root / file["path"], file["filename"], max_unpacked_bytes=settings.http.max_unpacked_bytes
            ):
                sources.extend(_drafted(unit, paths, file, grid, codes, notes))
        except SheetError as problem:
            problems.append(str(problem))
    if problems:
        raise SheetError("\n".join(problems), where=unit.name if len(problems) > 1 else None)
    if not any(source.enabled for source in sources):
        raise SheetError(_no_table(sources), where=unit.name, hint="see the sheets, or name them under `sheets:`")
    disable_duplicates(sources, paths, unit.name, settings)
    _forget_others(paths, unit.name, sources)
    manifest = Manifest(manifest=_head(unit, receipt, notes), sources=sources)
    write_manifest(paths.pending_manifest(unit.name), manifest)
    return manifest


def _forget_others(paths: Paths, unit: str, sources: list[Source]) -> None:
    """Remove the typed tables of earlier drafts, and those that will not be loaded."""
    wanted = {cache_path(paths, unit, source.files[0]) for source in sources if source.enabled}
    for path in paths.typed_tables(unit).glob("*"):
        if path not in wanted:
            path.unlink(missing_ok=True)


def _head(unit: Unit, receipt: dict[str, Any], notes: list[str]) -> ManifestHead:
    context: dict[str, Any] = {}
    if receipt.get("page_title"):
        context["page_title"] = receipt["page_title"]
    if notes:
        context["notes"] = notes[:MOST_NOTES]
    return ManifestHead(
        name=unit.name,
        publication=unit.publication,
        period=unit.period,
        period_start=unit.when.start,
        period_end=unit.when.end,
        source_url=unit.url,
        publication_context=context,
    )


def _no_table(sources: list[Source]) -> str:
    found = [f"{s.name}: {s.reason or s.kind}" for s in sources[:20]]
    return "expected at least one table in the release's files, found none (" + "; ".join(found) + ")"


def _same_bytes(unit: Unit, file: dict[str, Any], first: str, codes: set[str]) -> Source:
    entry = _entry(file, f"{file['sha256'][:12]}:{file['filename']}#0")
    reason = f"the same bytes as {first}, which is read instead"
    return _source(unit, codes, file["filename"], entry, enabled=False, kind="notes", reason=reason)


def _drafted(
    unit: Unit, paths: Paths, file: dict[str, Any], grid: Grid, codes: set[str], notes: list[str]
) -> Iterator[Source]:
    """The sources of one sheet: one per table, or one that says why there is none."""
    label = sheet_label(grid)
    override = _override(unit.settings, grid, file["filename"])
    finding = SheetFinding("notes", grid.unread) if grid.unread else detect(grid, override)
    reason = (
        "left out by a person's entry under `sheets:`" if override and override.enabled is False else finding.reason
    )
    if finding.kind == "notes":
        notes.extend(_texts(grid, MOST_NOTES - len(notes)))
    if finding.kind != "data" or not finding.tables:
        entry = _entry(file, f"{file['sha256'][:12]}:{label}#0", grid)
        kind = "notes" if finding.kind == "data" else finding.kind
        yield _source(
            unit, codes, _sheet_name(grid, file), entry, enabled=False, kind=kind, reason=reason or "no table found"
        )
        return
    for number, table in enumerate(finding.tables, 1):
        entry = _entry(file, f"{file['sha256'][:12]}:{label}#{number}", grid)
        enabled = not (override and override.enabled is False)
        if enabled:
            fixed = override.types if override else ()
            written = keep_table(paths.typed_tables(unit.name), grid, table, fixed)
        entry.layout = _layout(table, grid)
        entry.layout.heading = lines_above(grid, table, finding.tables)
        entry.columns = [_column(c, samples(grid, table, c)) for c in table.columns]
        if enabled:
            os.replace(written, cache_path(paths, unit.name, entry))
        _check_account(entry)
        name = table.title or _sheet_name(grid, file)
        yield _source(unit, codes, name, entry, enabled=enabled, kind="data", reason=None if enabled else reason)


def _override(settings: PublicationSettings, grid: Grid, filename: str) -> SheetOverride | None:
    """A person's word on a sheet: by its name, for CSV by its member or file name."""
    for key in (grid.sheet, sheet_label(grid), grid.member, None if grid.sheet else filename):
        if key and key in settings.sheets:
            return settings.sheets[key]
    return None


def _entry(file: dict[str, Any], file_id: str, grid: Grid | None = None) -> FileEntry:
    entry = FileEntry(id=file_id, url=file["url"], filename=file["filename"], sha256=file["sha256"])
    if grid is not None:
        entry.member, entry.sheet, entry.reader = grid.member, grid.sheet, grid.reader
        entry.hidden = grid.visibility != "visible"
    return entry


def _layout(table: TableFinding, grid: Grid) -> Layout:
    values = {
        "header_rows": table.header_rows,
        "data_rows": table.data_rows,
        "columns": table.column_range,
        "n_rows": table.n_rows,
        "n_columns": table.n_columns,
        "footnote_rows": table.footnote_rows,
        "wide_periods": vars(table.wide_periods) if table.wide_periods else None,
        "title": table.title,
        "excluded": [vars(e) for e in table.excluded],
        "account": vars(table.account) if table.account else None,
        "evidence": [*table.evidence, *grid.notes],
    }
    return Layout.model_validate(values)


def _column(column: Any, values: list[str]) -> Column:
    return Column(
        column=column.column,
        original_name=column.original_name,
        name=column.name,
        type=column.type,
        markers=dict(column.markers),
        unit=column.unit,
        period=column.period,
        period_label=column.period_label,
        samples=values,
    )


def _check_account(entry: FileEntry) -> None:
    """Every row of the sheet is header, body, blank, footnote, excluded or another table's, or nothing is written."""
    account = entry.layout.account if entry.layout else None
    if account is None or not account.balanced:
        raise SheetError(
            f"the rows of the sheet do not add up: {account.model_dump() if account else 'no account'}",
            where=f"{entry.filename}, {entry.id}",
            hint="give header_rows and data_rows under `sheets:`, and report the file",
        )


def _texts(grid: Grid, most: int) -> Iterator[str]:
    """The lines of a notes sheet, for whoever describes the tables later."""
    for row in grid.rows[: most * 4]:
        text = " ".join(one_line(cell) for cell in row if cell is not None).strip()
        if text and most > 0:
            most -= 1
            yield text[:LONGEST_NOTE]


def _sheet_name(grid: Grid, file: dict[str, Any]) -> str:
    return grid.sheet or (grid.member or file["filename"]).rsplit("/", 1)[-1]


def _source(unit: Unit, codes: set[str], name: str, entry: FileEntry, **more: Any) -> Source:
    code = _unique(f"{unit.publication}_{slug(name)}".strip("_"), codes)
    return Source(code=code, name=name, table=f"tbl_{code}", files=[entry], **more)


def _unique(code: str, codes: set[str]) -> str:
    """``code``, or the code with the smallest number behind it that is not yet in ``codes``; adds it."""
    code = code[:LONGEST_CODE].rstrip("_")
    candidate, number = code, 1
    while candidate in codes:
        number += 1
        candidate = f"{code[: LONGEST_CODE - len(str(number)) - 1]}_{number}"
    codes.add(candidate)
    return candidate


def slug(text: str) -> str:
    """Lower-case ASCII letters and digits of a name, words joined by underscores."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")
