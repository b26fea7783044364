"""The one schema that all Parquet files of a source share: its table's columns, then the lineage."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

SCHEMA = "staging"
MARKER = "_marker"

# Columns that the warehouse adds to every table; Parquet has its own lineage columns instead.
INTERNAL = frozenset(
    {"_period", "_period_start", "_period_end", "_source_row", "_manifest_file_id", "_load_id", "_loaded_at"}
)

_ARROW_TYPES: dict[str, pa.DataType] = {
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "text": pa.string(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "boolean": pa.bool_(),
}

LINEAGE = pa.schema(
    [
        pa.field("_period", pa.string(), nullable=False),
        pa.field("_period_start", pa.date32(), nullable=False),
        pa.field("_period_end", pa.date32(), nullable=False),
        pa.field("_source_row", pa.int32()),
        pa.field("_source_file", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True)
class DatabaseColumn:
    """One column of a table with its PostgreSQL type as ``format_type`` prints it."""

    name: str
    kind: str

    @property
    def is_known(self) -> bool:
        """Whether it is of a type that DataWarp's own columns have."""
        return self.kind in _ARROW_TYPES

    @property
    def arrow(self) -> pa.DataType:
        """Its type in Arrow; a type that DataWarp never creates travels as text."""
        return _ARROW_TYPES.get(self.kind, pa.string())


def table_columns(connection: Connection, tables: Collection[str]) -> dict[str, list[DatabaseColumn]]:
    """The columns of these tables in ``staging`` apart from the warehouse's own; none of one that there is not."""
    found: dict[str, list[DatabaseColumn]] = {table: [] for table in tables}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = %s::regnamespace "
            "AND c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
            (SCHEMA, list(found)),
        )
        for table, name, kind in cursor.fetchall():
            if name not in INTERNAL:
                found[table].append(DatabaseColumn(name, kind))
    return found


def in_order(columns: Iterable[DatabaseColumn], seen: Sequence[Sequence[str]]) -> list[DatabaseColumn]:
    """``columns`` in an order that does not depend on which period was loaded first.

    ``seen`` holds the names of the columns of each period's own tables in sheet order, first period first: a
    column stands where it first appeared, later ones follow, each with its marker column behind it.
    Columns that no period names come last, as the table has them.
    """
    waiting = {column.name: column for column in columns}
    ordered: list[DatabaseColumn] = []
    for names in [*seen, list(waiting)]:
        for name in names:
            for wanted in (name, name + MARKER):
                if wanted in waiting:
                    ordered.append(waiting.pop(wanted))
    return ordered


def arrow_schema(columns: Sequence[DatabaseColumn]) -> pa.Schema:
    """The Parquet schema of a table with ``columns``."""
    return pa.schema([pa.field(c.name, c.arrow) for c in columns] + list(LINEAGE))


_PANDAS_TYPES = {"int64": "Int64", "int32": "Int32", "bool": "boolean"}


def pandas_metadata(schema: pa.Schema) -> str:
    """What pandas reads to give whole numbers and booleans their nullable types.

    Without it a column with nulls would come back as doubles, and large whole numbers rounded.
    """
    columns = [
        {
            "name": field.name,
            "field_name": field.name,
            "pandas_type": str(field.type),
            "numpy_type": _PANDAS_TYPES[str(field.type)],
            "metadata": None,
        }
        for field in schema
        if str(field.type) in _PANDAS_TYPES
    ]
    return json.dumps({"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"})
