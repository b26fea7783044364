"""Typed tables between the stages: cached by the draft stage, read again from the download when missed.

A table's cache file is named by its file id, layout and columns, so that a layout that a person edited in
the manifest is read anew from the retained download, as edited.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import ManifestError, SheetError
from datawarp.manifest.models import FileEntry
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from datawarp.sheets.csv_stream import CsvStream
    from datawarp.sheets.finding import TableFinding
    from datawarp.sheets.grid import Grid
    from datawarp.sheets.text_batches import Tallies

BATCH_ROWS = 65_536
# A streamed body is read again when its types or its lines are not what the sample said.
MOST_PASSES = 4


def cache_path(paths: Paths, unit: str, entry: FileEntry) -> Path:
    """Where the typed rows of ``entry`` lie, as its layout and columns stand now."""
    layout = entry.layout
    columns = [(c.column, c.name, c.type, c.period, c.period_label) for c in entry.columns]
    where = layout and (layout.header_rows, layout.data_rows, layout.columns, layout.wide_periods)
    key = json.dumps([entry.id, entry.sha256, where, columns], default=_plain, ensure_ascii=False)
    return paths.typed_tables(unit) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.arrow"


def _plain(value: Any) -> Any:
    return value.model_dump()


def keep_table(folder: Path, grid: Grid, table: TableFinding, fixed: Collection[str] = ()) -> Path:
    """Write a table's typed rows to a file of no lasting name in ``folder``; the caller renames it.

    Of a streamed file the whole body is typed here: where it asks for other types than the sample did, the
    columns of ``table`` are changed and the body is read once more, apart from those whose letters are in ``fixed``:
    a person named their types. Row counts, markers and account become exact.
    """
    path = folder / "table.writing"
    path.unlink(missing_ok=True)
    if grid.stream is None:
        from datawarp.sheets.typed_table import typed_table

        typed = typed_table(grid, table)
        _write(path, typed.to_batches(max_chunksize=BATCH_ROWS), typed.schema)
        return path
    from datawarp.sheets.text_batches import Tallies

    for _ in range(MOST_PASSES):
        tallies = Tallies()
        _write(path, grid.stream.batches(table, tallies))
        if not tallies.begin_again and not _retype(table, tallies, fixed):
            if not path.exists():
                raise SheetError("the rows that detection took for a table are blank", where=grid.member)
            _settle(table, tallies)
            return path
    raise SheetError(
        f"the types of the columns do not settle in {MOST_PASSES} passes",
        where=grid.member,
        hint="name them under `sheets:` with `types:`",
    )


def _retype(table: TableFinding, tallies: Tallies, fixed: Collection[str]) -> bool:
    """Give the columns the types that the whole body asks for; whether any changed."""
    changed = False
    for column in table.columns:
        verdict = column.type if column.column in fixed else tallies.verdict(column)
        if verdict != column.type:
            table.evidence.append(f"column {column.column} is {verdict}: rows beyond the sample are not {column.type}")
            column.type, changed = verdict, True
    return changed


def _settle(table: TableFinding, tallies: Tallies) -> None:
    """Make counts exact that detection took from a sample."""
    for column in table.columns:
        found = tallies.markers.get(column.index, Counter())
        column.markers = dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
    if table.account is not None:
        seen = table.account.body
        table.account.blank += seen - tallies.rows
        table.account.body = tallies.rows
    table.n_rows = tallies.rows


def _write(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema | None = None) -> None:
    """Write batches as an Arrow IPC file (lz4) of no lasting name; an empty stream needs its ``schema``.

    Not flushed to disk: it is a cache, and one that a power cut broke is read again from the download.
    """
    import pyarrow as pa

    short = isinstance(batches, list) and len(batches) <= 1  # compressed before threads would have begun
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=not short)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = pa.ipc.new_file(str(path), schema, options=options) if schema is not None else None
    for batch in batches:
        if writer is None:
            writer = pa.ipc.new_file(str(path), batch.schema, options=options)
        writer.write_batch(batch)
    if writer is not None:
        writer.close()


def open_table(
    paths: Paths, unit: str, entry: FileEntry, settings: Settings
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The typed rows of one table, batch by batch, from the cache or from the retained download.

    Raises :class:`ManifestError` when the download is gone or the layout does not fit the sheet, and
    :class:`datawarp.errors.SheetError` when the download cannot be read.
    """
    import pyarrow as pa

    path = cache_path(paths, unit, entry)
    try:
        source = pa.memory_map(str(path))
        reader = pa.ipc.open_file(source)
    except (FileNotFoundError, pa.ArrowInvalid):
        return _read_again(paths, unit, entry, settings)
    names = _wanted(reader.schema.names, entry)

    def batches() -> Iterator[pa.RecordBatch]:
        with source:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i).select(names)

    return pa.schema([reader.schema.field(name) for name in names]), batches()


def _wanted(names: list[str], entry: FileEntry) -> list[str]:
    """Columns of a typed table without the marker columns that turned out to hold nothing."""
    empty = {f"{c.name}_marker" for c in entry.columns if not c.markers}
    return [name for name in names if name not in empty]


def _read_again(
    paths: Paths, unit: str, entry: FileEntry, settings: Settings
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    from datawarp.sheets.book import one_grid
    from datawarp.sheets.typed_table import typed_table
    from datawarp.sheets.typing import note_notations

    original = _download(paths, entry)
    grid = one_grid(
        original, entry.filename, entry.member, entry.sheet, max_unpacked_bytes=settings.http.max_unpacked_bytes
    )
    finding = finding_of(entry)
    if grid.stream is None:
        table = typed_table(grid, finding)
        return table.schema, iter(table.to_batches(max_chunksize=BATCH_ROWS))
    from datawarp.sheets.text_batches import Tallies

    note_notations(grid, finding)
    tallies = _dry_pass(grid.stream, finding)
    batches = grid.stream.batches(finding, Tallies())
    first = next(batches, None)
    if first is None:
        raise ManifestError("the layout's data_rows hold no row", where=entry.id, hint="correct data_rows")
    empty = {f"{c.name}_marker" for c in finding.columns if c.index not in tallies.markers}
    names = [name for name in first.schema.names if name not in empty]
    schema = pa.schema([first.schema.field(name) for name in names])
    return schema, (batch.select(names) for batch in itertools.chain([first], batches))


def _dry_pass(stream: CsvStream, table: TableFinding) -> Tallies:
    """What a whole pass over a streamed body comes upon, so that the schema of the next one is known."""
    from datawarp.sheets.text_batches import Tallies

    for _ in range(2):
        tallies = Tallies()
        for batch in stream.batches(table, tallies):
            del batch
        if not tallies.begin_again:
            break
    return tallies


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
    # Imported late: rows that are cached are loaded and exported without what found them.
    from datawarp.sheets.finding import ColumnFinding, TableFinding, WideFinding
    from datawarp.sheets.grid import column_index

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
