"""Two manifests of one publication side by side: what a statistician would call different, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from datawarp.manifest.models import Column, FileEntry, Manifest, Source


def manifest_diff(before: Manifest, after: Manifest) -> str:
    """A unified diff of the two manifests' sources, layouts and columns; empty when they say the same.

    Hashes, addresses, counts of rows and evidence are left out: they differ in every release.
    """
    lines = difflib.unified_diff(
        list(_lines(before)), list(_lines(after)), before.manifest.name, after.manifest.name, n=2, lineterm=""
    )
    return "\n".join(lines)


def _lines(manifest: Manifest) -> Iterator[str]:
    for source in sorted(manifest.sources, key=lambda s: (not s.enabled, s.code)):
        yield from _source(source)


def _source(source: Source) -> Iterator[str]:
    if not source.enabled:
        yield f"{source.code}: {source.kind}, left out ({source.reason or 'no reason given'})"
        return
    yield f"{source.code}: {source.name}"
    for entry in source.files:
        yield from (f"  {line}" for line in _entry(entry))


def _entry(entry: FileEntry) -> Iterator[str]:
    yield f"sheet {entry.sheet}" if entry.sheet else f"file {entry.member or entry.filename}"
    layout = entry.layout
    if layout is not None:
        first = layout.data_rows[0] if layout.data_rows else None
        yield f"header rows {_span(layout.header_rows)}, body from row {first}, columns {_span(layout.columns)}"
        if layout.wide_periods and layout.wide_periods.unpivoted:
            yield "stored long"
    for column in entry.columns:
        if column.period is None:
            yield _column(column)
    periods = [c.period for c in entry.columns if c.period is not None]
    if periods:
        yield f"periods {periods[0]} to {periods[-1]} ({len(periods)} columns)"


def _column(column: Column) -> str:
    markers = ", ".join(map(repr, sorted(column.markers)))
    return f"  {column.name}: {column.type}, {column.original_name!r}" + (f", markers {markers}" if markers else "")


def _span(span: tuple[object, object] | None) -> str:
    return "none" if span is None else f"{span[0]} to {span[1]}"
