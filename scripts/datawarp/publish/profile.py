"""What a Parquet file holds, column by column: counted from its rows, in bounded memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datawarp.files import read_json, write_bytes
from datawarp.publish.parquet import read_groups
from datawarp.publish.schema import LINEAGE, MARKER

# Beyond these the page says "more than"; they keep a profile small whatever the file.
MOST_DISTINCT = 10_000
MOST_VALUES = 12
MOST_MARKERS = 50


@dataclass
class ColumnProfile:
    """One column of one file.

    ``distinct`` is None when there are more than 10,000 different values. ``low`` and ``high`` are the least and
    greatest value as text, for numbers, dates and times; ``values`` all values of a text column that has few.
    ``markers`` counts the printed texts of a marker column.
    """

    type: str
    nulls: int = 0
    distinct: int | None = 0
    low: str | None = None
    high: str | None = None
    values: list[str] | None = None
    markers: dict[str, int] = field(default_factory=dict)


@dataclass
class FileProfile:
    """One Parquet file: rows, and its columns apart from the lineage."""

    rows: int
    columns: dict[str, ColumnProfile]


def file_profile(path: Path, cache: Path) -> FileProfile:
    """The profile of ``path``, out of ``cache`` when that was made of the file as it is now."""
    stamp = path.stat()
    key = [stamp.st_size, stamp.st_mtime_ns]
    try:
        kept = read_json(cache)
        if kept["file"] == key:
            columns = {name: ColumnProfile(**column) for name, column in kept["columns"].items()}
            return FileProfile(kept["rows"], columns)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        kept = None  # made by nobody yet, cut off, or of an older form: count again
    schema = pq.read_schema(path)
    counts = FileCounter(schema)
    for table in read_groups(path, schema, counts.names):
        counts.add(table)
    keep_profile(path, cache, counts.profile())
    return counts.profile()


def keep_profile(path: Path, cache: Path, profile: FileProfile) -> None:
    """Write the profile of ``path`` to ``cache``."""
    stamp = path.stat()
    columns = {name: vars(column) for name, column in profile.columns.items()}
    kept = {"file": [stamp.st_size, stamp.st_mtime_ns], "rows": profile.rows, "columns": columns}
    write_bytes(cache, json.dumps(kept, ensure_ascii=False).encode(), flushed=False)


class FileCounter:
    """Counts a file's columns apart from the lineage, row group by row group."""

    def __init__(self, schema: pa.Schema) -> None:
        self.names = [name for name in schema.names if name not in LINEAGE.names]
        self._counters = [_Counter(schema.field(name)) for name in self.names]
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Take in a row group that has all the columns, texts as dictionaries."""
        self._rows += table.num_rows
        for name, counter in zip(self.names, self._counters, strict=True):
            counter.add(table[name])

    def profile(self) -> FileProfile:
        """What was counted so far."""
        columns = {name: counter.profile() for name, counter in zip(self.names, self._counters, strict=True)}
        return FileProfile(self._rows, columns)


class _Counter:
    """Counts one column, row group by row group."""

    def __init__(self, schema: pa.Field) -> None:
        self._name = schema.name
        self._type = schema.type
        self._is_text = pa.types.is_string(schema.type)
        self._nulls = 0
        self._seen: set[Any] | None = set()
        self._markers: Counter[str] = Counter()
        self._low: Any = None
        self._high: Any = None

    def add(self, column: pa.ChunkedArray) -> None:
        self._nulls += column.null_count
        if self._name.endswith(MARKER) and self._is_text:
            counts = pc.value_counts(column.cast(pa.string()).drop_null())
            self._markers.update({entry["values"]: entry["counts"] for entry in counts.to_pylist()})
        if self._seen is not None:
            values = column.unique()
            if len(values) - 1 <= MOST_DISTINCT:  # one may be null
                self._seen.update(values.to_pylist())
                self._seen.discard(None)
            if max(len(values) - 1, len(self._seen)) > MOST_DISTINCT:
                self._seen = None
        if not self._is_text and not pa.types.is_boolean(self._type) and column.null_count < len(column):
            ends = pc.min_max(column)
            low, high = ends["min"].as_py(), ends["max"].as_py()
            self._low = low if self._low is None else min(self._low, low)
            self._high = high if self._high is None else max(self._high, high)

    def profile(self) -> ColumnProfile:
        few = self._seen is not None and len(self._seen) <= MOST_VALUES and self._is_text
        return ColumnProfile(
            type=str(self._type),
            nulls=self._nulls,
            distinct=None if self._seen is None else len(self._seen),
            low=None if self._low is None else str(self._low),
            high=None if self._high is None else str(self._high),
            values=sorted(self._seen or ()) if few and not self._markers else None,
            markers=dict(sorted(self._markers.items(), key=lambda m: (-m[1], m[0]))[:MOST_MARKERS]),
        )


def marker_totals(profiles: Sequence[FileProfile]) -> dict[str, Counter[str]]:
    """Printed markers of all files by the column that they stand in for, counted."""
    totals: dict[str, Counter[str]] = {}
    for profile in profiles:
        for name, column in profile.columns.items():
            if column.markers:
                totals.setdefault(name.removesuffix(MARKER), Counter()).update(column.markers)
    return totals
