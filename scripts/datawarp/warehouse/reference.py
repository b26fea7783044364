"""``docs/reference/warehouse.md``: the tables as the database itself describes them.

    python -m datawarp.reference

fills the part of the page between its two markers; a test fails when page and schema part.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

PAGE = Path("docs/reference/warehouse.md")
BEGIN, END = "<!-- tables: generated from the schema -->", "<!-- end of tables -->"


def tables(connection: Connection) -> str:
    """Every table of schema ``datawarp`` with its columns, as Markdown, out of the comments of the schema."""
    lines: list[str] = []
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
            "WHERE relnamespace = 'datawarp'::regnamespace AND relkind = 'r' AND relname LIKE 'tbl\\_%' ORDER BY 1"
        )
        for table, comment in cursor.fetchall():
            lines += [f"### {table}", "", comment, "", "| column | type | |", "|---|---|---|"]
            cursor.execute(
                "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute "
                "WHERE attrelid = format('datawarp.%%I', %s::text)::regclass AND attnum > 0 AND NOT attisdropped "
                "ORDER BY attnum",
                (table,),
            )
            lines += [f"| `{name}` | {kind} | {words} |" for name, kind, words in cursor.fetchall()]
            lines.append("")
    return "\n".join(lines).rstrip()


def filled(page: str, generated: str) -> str:
    """The page with its generated part replaced."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n\n{generated}\n\n{END}{tail}"
