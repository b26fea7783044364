"""One period's rows as a Parquet file: written in bounded memory, and read back to be compared with the database."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datawarp.publish.checksum import arrow_checksum, exact_sum
from datawarp.publish.rows import SOURCE_FILE, Rows

ROWS_PER_GROUP = 131_072
_BYTES_PER_GROUP = 64 << 20
_FEWEST_ROWS = 4096
_SAMPLE = 20_000

_Item = TypeVar("_Item")


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, metadata: Mapping[str, str]) -> int:
    """Write ``batches`` to ``path`` and give the number of rows.

    Row groups hold up to 131,072 rows or about 64 MB; the same rows give the same bytes, however they were cut into
    batches. Text columns that repeat themselves are dictionary-encoded.
    """
    described = schema.with_metadata(dict(metadata))
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for group in _ahead(_row_groups(batches, schema), is_last=lambda group: group.num_rows < _FEWEST_ROWS):
            if writer is None:
                writer = _writer(path, described, group)
            writer.write_table(group.replace_schema_metadata(described.metadata), row_group_size=ROWS_PER_GROUP)
            rows += group.num_rows
        if writer is None:
            writer = _writer(path, described, schema.empty_table())
    finally:
        if writer is not None:
            writer.close()
    return rows


def _writer(path: Path, schema: pa.Schema, sample: pa.Table) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=[
            name for name in schema.names if pa.types.is_dictionary(schema.field(name).type) or _repeats(sample[name])
        ],
        write_statistics=True,
        write_page_index=True,
        write_page_checksum=True,
        store_schema=True,
        version="2.6",
    )


def _repeats(values: pa.ChunkedArray) -> bool:
    """Whether a dictionary makes a column smaller, as its first row group shows."""
    if pa.types.is_boolean(values.type) or not len(values):
        return False
    head = values.slice(0, _SAMPLE)
    return bool(pc.count_distinct(head).as_py() * 4 <= len(head))


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Generator[pa.Table]:
    """``batches`` cut into row groups, each in one piece; how many rows a group takes follows from the first rows."""
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if not size and rows >= _FEWEST_ROWS:
            size = _group_size(pa.Table.from_batches(waiting, schema))
        while size and rows >= size:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, size).combine_chunks()
            waiting = table.slice(size).to_batches()
            rows -= size
    if rows:
        yield pa.Table.from_batches(waiting, schema).combine_chunks()


def _group_size(table: pa.Table) -> int:
    """Rows of a group of about 64 MB, going by the first rows of a file."""
    head = table.slice(0, _FEWEST_ROWS)
    size = sum(_bytes(column) for column in head.columns)
    return max(_FEWEST_ROWS, min(ROWS_PER_GROUP, _BYTES_PER_GROUP * int(head.num_rows) // max(1, size)))


def _bytes(column: pa.ChunkedArray) -> int:
    """Bytes of a column's values; the same whatever buffers they lie in."""
    if pa.types.is_string(column.type):
        return 4 * len(column) + int(pc.sum(pc.binary_length(column)).as_py() or 0)
    kind = pa.int32() if pa.types.is_dictionary(column.type) else column.type
    return len(column) * int(kind.bit_width) // 8


@dataclass(frozen=True)
class ReadBack:
    """What a file on disk holds: rows by source file, and checksum and number of values of each checked column."""

    by_file: dict[str, int]
    checksums: list[int]
    values: dict[str, int]


def read_back(path: Path, rows: Rows, also: Callable[[pa.Table], None]) -> ReadBack:
    """Read a file from disk, and compute of it what :meth:`Rows.checksums` gives of the database.

    ``also`` is given each row group on the way, so that a large file is read back once.
    """
    names = rows.checked
    by_file: dict[str, int] = {}
    totals = [0] * len(names)
    values = dict.fromkeys(names, 0)

    def hashed() -> Generator[tuple[pa.Table, list[int]]]:
        for table in read_groups(path, rows.schema, [*names, SOURCE_FILE]):
            place = rows.places(table)
            sums = [arrow_checksum(table[name].combine_chunks(), place) for name in names[:-1]]
            yield table, [*sums, exact_sum(place)]

    for table, sums in _ahead(hashed(), is_last=lambda item: item[0].num_rows < _FEWEST_ROWS):
        also(table)
        totals = [total + sum_ for total, sum_ in zip(totals, sums, strict=True)]
        for name in names:
            values[name] += table.num_rows - table[name].null_count
        for entry in pc.value_counts(table[SOURCE_FILE].cast(pa.string())).to_pylist():
            by_file[entry["values"]] = by_file.get(entry["values"], 0) + entry["counts"]
    return ReadBack(by_file, totals, values)


def read_groups(path: Path, schema: pa.Schema, columns: Sequence[str]) -> Generator[pa.Table]:
    """The row groups of a file of this schema, texts as dictionaries."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns), use_threads=False)


def _ahead(items: Generator[_Item], is_last: Callable[[_Item], bool]) -> Iterator[_Item]:
    """``items``, the next one made in another thread while one is worked with.

    ``is_last`` may say of the first that no others follow: most tables are one row group, and no thread is begun.
    """
    with closing(items):
        item = next(items, None)
        if item is None:
            return
        if is_last(item):
            yield item
            yield from items
            return
        with ThreadPoolExecutor(1) as pool:
            while item is not None:
                following = pool.submit(next, items, None)
                yield item
                item = following.result()
