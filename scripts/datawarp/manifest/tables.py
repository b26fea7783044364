"""Typed tables between the stages: cached by the draft stage, read again from the download when missed.

A table's cache file is named by its file id, layout and columns, so that a layout that a person edited in
the manifest is read anew from the retained download, as edited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import ManifestError
from datawarp.files import replacing
from datawarp.manifest.models import FileEntry
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.sheets.finding import ColumnFinding, TableFinding, WideFinding
from datawarp.sheets.grid import Grid, column_index

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536


def cache_path(paths: Paths, unit: str, entry: FileEntry) -> Path:
    """Where the typed rows of ``entry`` lie, as its layout and columns stand now."""
    layout = entry.layout
    columns = [(c.column, c.name, c.type, c.period, c.period_label) for c in entry.columns]
    where = layout and (layout.header_rows, layout.data_rows, layout.columns, layout.wide_periods)
    key = json.dumps([entry.id, entry.sha256, where, columns], default=_plain, ensure_ascii=False)
    return paths.typed_tables(unit) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.arrow"


def _plain(value: Any) -> Any:
    return value.model_dump()


def write_table(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    """Write typed rows as an Arrow IPC file (lz4), whole or not at all."""
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with replacing(path) as temporary, pa.ipc.new_file(str(temporary), schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def open_table(
    paths: Paths, unit: str, entry: FileEntry, settings: Settings
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The typed rows of one table, batch by batch, from the cache or from the retained download.

    Raises :class:`ManifestError` when the download is gone or the layout does not fit the sheet, and
    :class:`datawarp.errors.SheetError` when the download cannot be read.
    """
    import pyarrow as pa

    path = cache_path(paths, unit, entry)
    if not path.is_file():
        return _read_again(paths, unit, entry, settings)
    source = pa.memory_map(str(path))
    reader = pa.ipc.open_file(source)

    def batches() -> Iterator[pa.RecordBatch]:
        with source:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)

    return reader.schema, batches()


def _read_again(
    paths: Paths, unit: str, entry: FileEntry, settings: Settings
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    from datawarp.sheets.book import one_grid
    from datawarp.sheets.typing import typed_table

    original = _download(paths, entry)
    grid = one_grid(original, entry.filename, entry.member, entry.sheet)
    table = typed_table(grid, finding_of(entry))
    return table.schema, iter(table.to_batches(max_chunksize=BATCH_ROWS))


def _download(paths: Paths, entry: FileEntry) -> Path:
    for candidate in sorted((paths.store / entry.sha256).glob("original*")):
        return candidate
    raise ManifestError(
        f"the download of {entry.filename} ({entry.sha256[:12]}) is no longer in the store",
        where=entry.id,
        hint="download the unit again: snakemake refresh_<unit>",
    )


def finding_of(entry: FileEntry) -> TableFinding:
    """An entry's layout and columns as the sheets room writes them; raises :class:`ManifestError`."""
    layout = entry.layout
    if layout is None or layout.data_rows is None or not entry.columns:
        raise ManifestError(
            "expected a table with data_rows and columns", where=entry.id, hint="complete its layout or disable it"
        )
    columns = [
        ColumnFinding(
            index=column_index(c.column),
            column=c.column,
            original_name=c.original_name,
            name=c.name,
            type=c.type,
            markers=dict(c.markers),
            unit=c.unit,
            period=c.period,
            period_label=c.period_label,
        )
        for c in entry.columns
    ]
    wide = layout.wide_periods
    return TableFinding(
        header_rows=layout.header_rows,
        data_rows=layout.data_rows,
        first_column=min(c.index for c in columns),
        last_column=max(c.index for c in columns),
        n_rows=layout.n_rows,
        columns=columns,
        footnote_rows=layout.footnote_rows,
        wide_periods=WideFinding(list(wide.columns), wide.unpivoted) if wide else None,
        title=layout.title,
    )


def sheet_label(grid: Grid) -> str:
    """``member!sheet``, as file ids write it; empty for a CSV file of its own."""
    return "!".join(part for part in (grid.member, grid.sheet) if part)
