"""``python -m datawarp.query "SELECT …"``: ask the warehouse, on machines without psql too.

The session is read-only. Tables need no schema before their name.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from datawarp.errors import DatawarpError
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows of a query; gives the exit status."""
    import psycopg2

    parser = argparse.ArgumentParser(prog="python -m datawarp.query", description=__doc__.splitlines()[0])
    parser.add_argument("sql", help="the query")
    parser.add_argument("--directory", type=Path, default=Path(), help="the run's folder (the current one)")
    parser.add_argument("--csv", action="store_true", help="print CSV, all rows")
    parser.add_argument("--limit", type=int, default=100, help="most rows printed without --csv (100)")
    given = parser.parse_args(arguments)
    try:
        with closing(connect(Paths(given.directory.absolute()), Settings(), migrate=False)) as connection:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("SET search_path = staging, datawarp")
            connection.commit()
            with closing(_executed(connection, given.sql)) as cursor:
                rows = iter(cursor) if given.csv else iter(cursor.fetchmany(given.limit + 1))
                first = next(rows, None)
                names = [column.name for column in cursor.description or ()]
                found = chain([] if first is None else [first], rows)
                if given.csv:
                    _print_csv(names, found)
                else:
                    _print_table(names, list(found), given.limit)
    except (DatawarpError, psycopg2.Error) as problem:
        print(str(problem).strip(), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _executed(connection: Any, sql: str) -> Any:
    """A cursor over the answer to ``sql``, which comes as it is asked for, so that a table of any size can be printed.

    What PostgreSQL opens no cursor for (``EXPLAIN``, ``SHOW``, a mistake) is executed as it is.
    """
    import psycopg2

    cursor = connection.cursor("query")
    try:
        cursor.execute(sql)
        return cursor
    except psycopg2.errors.SyntaxError:
        connection.rollback()
    cursor = connection.cursor()
    cursor.execute(sql)
    return cursor


def _print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], limit: int) -> None:
    shown = rows[:limit]
    print(as_table(names, shown))  # noqa: T201
    print(f"({len(shown)} rows{'; there are more: --limit or --csv' if len(rows) > limit else ''})")  # noqa: T201


def _print_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def as_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under their names, in columns; numbers to the right, nulls empty."""
    cells = [["" if value is None else " ".join(str(value).split()) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]
    right = [
        all(isinstance(row[i], int | float) for row in rows if row[i] is not None) and bool(rows)
        for i in range(len(names))
    ]
    lines = [list(names), ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
