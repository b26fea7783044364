"""The same table published twice in one release, once as CSV and once in a workbook, say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from datawarp.manifest.models import FileEntry, Source
from datawarp.manifest.tables import open_table
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def disable_duplicates(sources: list[Source], paths: Paths, unit: str, settings: Settings) -> None:
    """Leave the better typed one of two equal tables enabled, and say so on the other.

    Two tables are equal when they come from different files, have the same column names and row count, and
    agree in every column that both type alike, which must be half of the columns at least.
    """
    kept: dict[tuple[object, ...], list[Source]] = {}
    for source in sources:
        entry = source.files[0]
        if not source.enabled or entry.layout is None:
            continue
        alike = kept.setdefault((tuple(c.name for c in entry.columns), entry.layout.n_rows), [])
        twin = next((other for other in alike if _equal(other.files[0], entry, paths, unit, settings)), None)
        if twin is None:
            alike.append(source)
        elif _typed(entry) > _typed(twin.files[0]):
            alike[alike.index(twin)] = source
            _disable(twin, source)
        else:
            _disable(source, twin)


def _disable(source: Source, loaded: Source) -> None:
    first = loaded.files[0]
    source.enabled = False
    source.reason = f"the same table as {first.id} ({first.filename}), which is loaded"
    if first.layout is not None:
        first.layout.evidence.append(f"published again as {source.files[0].id}: loaded once")


def _typed(entry: FileEntry) -> int:
    return sum(column.type != "text" for column in entry.columns)


def _equal(first: FileEntry, second: FileEntry, paths: Paths, unit: str, settings: Settings) -> bool:
    if (first.sha256, first.member) == (second.sha256, second.member):
        return False
    alike = [a.name for a, b in zip(first.columns, second.columns, strict=True) if a.type == b.type]
    if 2 * len(alike) < len(first.columns):
        return False
    rows = zip(_rows(first, alike, paths, unit, settings), _rows(second, alike, paths, unit, settings), strict=False)
    return all(_same(a, b) for a, b in rows)


def _rows(
    entry: FileEntry, names: list[str], paths: Paths, unit: str, settings: Settings
) -> Iterator[tuple[object, ...]]:
    schema, batches = open_table(paths, unit, entry, settings)
    present = [name for name in names if name in schema.names]
    for batch in batches:
        columns: list[pa.Array] = [batch.column(name) for name in present]
        yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return first == second or all(
        a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= 1e-9 * max(abs(a), abs(b)))
        for a, b in zip(first, second, strict=True)
    )
