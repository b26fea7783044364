"""What the warehouse holds, as figures: rows and a checksum for each of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

SCHEMAS = ("datawarp", "staging")
_SUM = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {}.{} t"


@dataclass(frozen=True)
class TableFigures:
    """Rows of a table and the sum of the hashes of their printed forms, whatever their order."""

    rows: int
    checksum: str


def fingerprint(connection: Connection) -> dict[str, TableFigures]:
    """The figures of every table in the warehouse's schemas, by ``schema.table``.

    Runs in the caller's transaction, and so sees its snapshot.
    """
    from psycopg2 import sql

    found = {}
    with connection.cursor() as cursor:
        # How values print must not depend on the server's or the user's defaults.
        cursor.execute(
            "SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';"
            "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"
        )
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2", (list(SCHEMAS),)
        )
        for schema, table in cursor.fetchall():
            cursor.execute(sql.SQL(_SUM).format(sql.Identifier(schema), sql.Identifier(table)))
            row = cursor.fetchone()
            if row is not None:
                found[f"{schema}.{table}"] = TableFigures(int(row[0]), str(row[1]))
    return found


def differences(expected: Mapping[str, TableFigures], found: Mapping[str, TableFigures]) -> list[str]:
    """In words, where the two are not the same."""
    told = []
    for table in sorted({*expected, *found}):
        a, b = expected.get(table), found.get(table)
        if a is None:
            told.append(f"{table}: not expected, {b.rows if b else 0} rows")
        elif b is None:
            told.append(f"{table}: missing, {a.rows} rows expected")
        elif a.rows != b.rows:
            told.append(f"{table}: {b.rows} rows, {a.rows} expected")
        elif a != b:
            told.append(f"{table}: {a.rows} rows whose contents differ")
    return told
