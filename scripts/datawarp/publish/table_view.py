"""A table as the preview page shows it: the typed rows that go to the warehouse, markers in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datawarp.errors import DatawarpError
from datawarp.manifest.models import Column, FileEntry, Layout, Source
from datawarp.manifest.tables import open_table
from datawarp.publish.grid_view import printed
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_ROWS, TAIL_ROWS = 25, 8
MOST_COLUMNS = 45
MARKER = "_marker"
LONGEST_TEXT = 120


@dataclass
class ValueView:
    """One value: its text, a marker printed in its place, or null."""

    text: str = ""
    marker: str = ""
    is_null: bool = False
    is_number: bool = False


@dataclass
class ColumnView:
    """One column of the table that came out, and the sheet column it is from."""

    name: str
    type: str
    letter: str = ""
    header: str = ""
    unit: str = ""
    markers: list[tuple[str, int]] = field(default_factory=list)
    meaning: str = ""


@dataclass
class TableView:
    """A table: its identity, its layout in words, and some of its rows (``left_out`` in the middle)."""

    source: Source
    entry: FileEntry
    layout: Layout
    columns: list[ColumnView]
    more_columns: int
    head: list[list[ValueView]]
    tail: list[list[ValueView]]
    left_out: int
    rows: int
    problem: str | None = None

    @property
    def shown_rows(self) -> list[int]:
        """The sheet rows of the values shown, each once: a table stored long has several rows of one."""
        return list(dict.fromkeys(int(row[0].text) for row in [*self.head, *self.tail]))

    @property
    def shares(self) -> list[tuple[str, str, int]]:
        """Where the rows of the sheet went: role, words, rows."""
        account, header = self.layout.account, self.layout.header_rows
        if account is None:
            return []
        above = sum(o.rows[1] - o.rows[0] + 1 for o in self.layout.excluded if header and o.rows[1] < header[0])
        above = min(above, account.excluded)
        parts = (
            ("title", "above", above),
            ("header", "header", account.header),
            ("body", "body", account.body),
            ("", "blank", account.blank),
            ("footnote", "footnotes", account.footnotes),
            ("excluded", "left out", account.excluded - above),
            ("notes", "other tables", account.other_tables),
        )
        return [part for part in parts if part[2]]

    @property
    def account(self) -> str:
        """The row account in words."""
        if self.layout.account is None:
            return ""
        sum_ = " + ".join(f"{rows:,} {words}" for _, words, rows in self.shares)
        return f"{self.layout.account.sheet_rows:,} rows on the sheet = {sum_}"


def table_view(source: Source, entry: FileEntry, unit: str, paths: Paths, settings: Settings) -> TableView:
    """The rows of ``entry`` as the load takes them, from the typed tables or the retained download."""
    if entry.layout is None:
        raise ValueError(f"{entry.id} has no layout")
    view = TableView(source, entry, entry.layout, _columns(entry.columns), 0, [], [], 0, entry.layout.n_rows)
    if not source.enabled:
        return view
    try:
        _schema, batches = open_table(paths, unit, entry, settings)
        head: pa.Table | None = None
        last: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            head = _table([batch]).slice(0, HEAD_ROWS) if head is None else head
            last = [*last[-1:], batch]
            rows += batch.num_rows
    except (DatawarpError, OSError) as problem:
        view.problem = str(problem)
        return view
    view.rows = rows
    if head is None:
        return view
    tail_rows = min(TAIL_ROWS, max(0, rows - head.num_rows))
    end = _table(last)
    tail = end.slice(max(0, end.num_rows - tail_rows), tail_rows)
    names = [n for n in head.schema.names if not _is_marker(n, head.schema.names) and n != "_source_row"]
    # What makes a long table's rows differ comes first on the page.
    if "_wide_label" in names:
        names.sort(key=lambda name: name not in {"reported_period", "_wide_label", "value"})
    view.more_columns = max(0, len(names) - MOST_COLUMNS)
    names = names[:MOST_COLUMNS]
    known = {c.name: c for c in view.columns}
    view.columns = [known.get(n, ColumnView(n, _type_name(head.schema.field(n).type))) for n in names]
    view.head, view.tail = _values(head, names), _values(tail, names)
    view.left_out = rows - head.num_rows - tail_rows
    return view


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches(batches)


def _is_marker(name: str, names: list[str]) -> bool:
    return name.endswith(MARKER) and name.removesuffix(MARKER) in names


def _type_name(kind: Any) -> str:
    return {"int64": "integer", "double": "numeric", "string": "text", "date32[day]": "date", "bool": "boolean"}.get(
        str(kind), "timestamp"
    )


def _columns(columns: list[Column]) -> list[ColumnView]:
    return [
        ColumnView(
            c.name,
            c.type,
            c.column,
            c.original_name,
            c.unit or "",
            sorted(c.markers.items(), key=lambda m: -m[1])[:6],
            c.description or "",
        )
        for c in columns
    ]


def _values(table: pa.Table, names: list[str]) -> list[list[ValueView]]:
    """Rows of values, the sheet row first."""
    columns: dict[str, list[Any]] = {n: table[n].to_pylist() for n in names}
    markers = {n: table[n + MARKER].to_pylist() for n in names if n + MARKER in table.schema.names}
    rows = []
    for i, row in enumerate(table["_source_row"].to_pylist()):
        views = [ValueView(str(row))]
        for name in names:
            marker = markers[name][i] if name in markers else None
            views.append(_value_view(columns[name][i], marker))
        rows.append(views)
    return rows


def _value_view(value: Any, marker: str | None) -> ValueView:
    if value is None:
        return ValueView(marker=marker or "", is_null=marker is None)
    text = printed(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return ValueView(
        text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…", marker or "", is_number=is_number
    )
