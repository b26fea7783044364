"""One period's rows as a Parquet file: written in bounded memory, read back, and compared with the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datawarp.publish.checksum import Checksum, arrow_checksum

ROWS_PER_GROUP = 131_072
_BYTES_PER_GROUP = 64 << 20
_FEWEST_ROWS = 4096
SOURCE_FILE = "_source_file"


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, metadata: Mapping[str, str]) -> int:
    """Write ``batches`` to ``path`` and give the number of rows.

    Row groups hold up to 131,072 rows or about 64 MB; the same batches give the same bytes. Text columns
    that repeat themselves are dictionary-encoded.
    """
    described = schema.with_metadata(dict(metadata))
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for group in _row_groups(batches, schema):
            if writer is None:
                writer = _writer(path, described, group)
            writer.write_table(group.cast(described), row_group_size=ROWS_PER_GROUP)
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
    head = values.slice(0, 20_000)
    return bool(pc.count_distinct(head).as_py() * 4 <= len(head))


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """``batches`` cut into row groups; how many rows a group takes follows from the first batch alone."""
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0
    for batch in batches:
        if not batch.num_rows:
            continue
        if not size:
            per_row = max(1, batch.nbytes // batch.num_rows)
            size = max(_FEWEST_ROWS, min(ROWS_PER_GROUP, _BYTES_PER_GROUP // per_row))
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, size).unify_dictionaries()
            waiting = table.slice(size).to_batches()
            rows -= size
    if rows:
        yield pa.Table.from_batches(waiting, schema).unify_dictionaries()


def file_checksums(
    path: Path, columns: Sequence[str], also: Callable[[pa.Table], None]
) -> tuple[dict[str, int], list[Checksum]]:
    """Rows by source file and the checksum of each of ``columns``, read back from the file on disk.

    ``also`` is given each row group on the way, so that a large file is read back once.
    """
    sums = [Checksum() for _ in columns]
    by_file: dict[str, int] = {}
    for table in read_groups(path, [*columns, SOURCE_FILE]):
        also(table)
        for total, name in zip(sums, columns, strict=True):
            for chunk in table[name].chunks:
                total.add(arrow_checksum(chunk))
        for entry in pc.value_counts(table[SOURCE_FILE].cast(pa.string())).to_pylist():
            by_file[entry["values"]] = by_file.get(entry["values"], 0) + entry["counts"]
    return by_file, sums


def read_groups(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The row groups of a file, texts as dictionaries."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns), use_threads=False)
