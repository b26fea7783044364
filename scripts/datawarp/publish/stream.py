"""Rows out of PostgreSQL as Arrow record batches, in bounded memory and close to the speed of COPY itself.

The server writes CSV (``COPY … TO STDOUT``) in one thread, Arrow reads it in another; a pipe between
them holds whichever is faster. In CSV an unquoted empty field is null and ``""`` an empty text, so the
two stay apart.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv

from datawarp.warehouse.driver import psycopg2, sql

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

_PIPE_BUFFER = 1 << 18
# A row must fit into one block. Small blocks keep the memory of the reader's threads small; hardly any row of a
# publication, and none that is not a book, is longer.
BLOCK = 2 << 20
LONGEST_ROW = 1 << 30


def record_batches(
    connection: Connection, query: sql.Composable, schema: pa.Schema, block: int = BLOCK
) -> Generator[pa.RecordBatch]:
    """The rows of ``query`` as record batches of ``schema``, a block of ``block`` bytes of CSV each.

    The same rows give the same batches. The connection is busy until the iterator ends; when its reader
    stops early, the server is told to stop as well. Raises what the server raised.
    """
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=_PIPE_BUFFER) as source:
        sender = _Sender(connection, query, writing)
        sender.start()
        try:
            yield from _parse(source, schema, block)
        except BaseException:
            sender.stop(source)
            raise
        sender.join()
    if sender.problem is not None:
        raise sender.problem


class _Sender(threading.Thread):
    """Writes what COPY gives into the pipe."""

    def __init__(self, connection: Connection, query: sql.Composable, pipe: int) -> None:
        super().__init__(daemon=True)
        self.problem: Exception | None = None
        self._connection = connection
        self._query = query
        self._pipe = pipe
        self._stopped = False

    def run(self) -> None:
        try:
            with open(self._pipe, "wb", buffering=_PIPE_BUFFER) as sink, self._connection.cursor() as cursor:
                copy = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(self._query)
                cursor.copy_expert(copy.as_string(cursor), sink)
        except Exception as problem:
            if not self._stopped:
                self.problem = problem

    def stop(self, source: Any) -> None:
        """Make the server and the thread end: nobody reads any more."""
        self._stopped = True
        with suppress(psycopg2.Error):
            self._connection.cancel()
        source.close()
        self.join()


def _parse(source: Any, schema: pa.Schema, block: int) -> Iterator[pa.RecordBatch]:
    """Record batches of the CSV in ``source``; no batches when it is empty."""
    first = source.peek(1)
    if not first:
        return
    reader = pyarrow.csv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names, block_size=block),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    yield from reader
