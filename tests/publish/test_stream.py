"""Rows out of the server as record batches."""

from __future__ import annotations

import threading
from datetime import date, datetime

import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import sql

from datawarp.publish.stream import record_batches

SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("s", pa.string()),
        ("f", pa.float64()),
        ("d", pa.date32()),
        ("t", pa.timestamp("us")),
        ("b", pa.bool_()),
    ]
)


def query(text: str) -> sql.Composable:
    return sql.SQL(text)


def test_every_kind_of_value_arrives_as_it_is(database_url: str) -> None:
    rows = [
        (1, 'a,"b"\r\nc', 1.5, date(999, 1, 2), datetime(2025, 8, 1, 10, 0, 0, 5), True),
        (None, "", float("inf"), None, None, False),
        (-(2**62), "\\N", 1e-300, date(9999, 12, 31), datetime(1899, 12, 30), None),
        (3, None, 0.1, None, None, None),
    ]
    connection = psycopg2.connect(database_url)
    values = "(%s::bigint, %s::text, %s::float8, %s::date, %s::timestamp, %s::bool)"
    with connection.cursor() as cursor:
        listed = ", ".join(cursor.mogrify(values, row).decode() for row in rows)
    table = pa.Table.from_batches(record_batches(connection, query(f"VALUES {listed}"), SCHEMA))
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    connection.close()


def test_no_rows_are_no_batches(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    empty = query("SELECT 1, '', 1.0, NULL, NULL, NULL WHERE false")
    assert list(record_batches(connection, empty, SCHEMA)) == []
    connection.close()


def test_what_the_server_says_is_raised_and_no_thread_stays(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    before = threading.active_count()
    failing = query("SELECT i, 'x', 1.0 / (i - 90000), NULL, NULL, NULL FROM generate_series(1, 200000) i")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        list(record_batches(connection, failing, SCHEMA, block=1 << 16))
    assert threading.active_count() <= before
    connection.close()


def test_a_reader_that_stops_early_stops_the_server(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    endless = query("SELECT generate_series(1, 2000000000), 'x', 1.0, NULL, NULL, NULL")
    batches = record_batches(connection, endless, SCHEMA, block=1 << 16)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_a_value_of_another_type_is_an_error_not_a_null(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    wrong = query("SELECT 'ab', 'x', 1.0, NULL, NULL, NULL FROM generate_series(1, 300000) i")
    with pytest.raises(pa.ArrowInvalid, match="ab"):
        list(record_batches(connection, wrong, SCHEMA, block=1 << 16))
    connection.close()
