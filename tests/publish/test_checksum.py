"""Checksums that numpy and PostgreSQL must agree on."""

from __future__ import annotations

import math
from datetime import date, datetime

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from datawarp.publish.checksum import arrow_checksum, differences, exact_sum, places, sql_checksum, sql_place

COLUMNS = {
    "bigint": (pa.int64(), [0, 1, -1, 2**63 - 1, -(2**63), None]),
    "double precision": (pa.float64(), [0.0, -0.0, 0.25, -1e300, 5e-324, math.nan, math.inf, -math.inf, None]),
    "date": (pa.date32(), [date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31), None]),
    "timestamp without time zone": (
        pa.timestamp("us"),
        [datetime(1899, 12, 31, 1, 2, 3, 4), datetime(2025, 8, 1), None],
    ),
    "boolean": (pa.bool_(), [True, False, True, None]),
    "text": (pa.string(), ["", "a", "elevenbytes", "twelve bytes", "thirteen byte", "£ 漢 😀", "x" * 1000, None]),
}
FILE = 7_000_001


def place_of(length: int) -> np.ndarray:
    return places(pa.array(range(1, length + 1), pa.int32()), FILE)


def asked(url: str, kind: str, values: list[object]) -> int:
    """The checksum as the server has it; the values are in rows 1, 2, 3 of one file."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        query = sql.SQL("SELECT {} FROM unnest(%s::{}[]) WITH ORDINALITY AS u(c, n), (SELECT {}) AS f(file)").format(
            sql_checksum("c", kind, sql_place("n", "file")), sql.SQL(kind), sql.Literal(FILE)
        )
        cursor.execute(query, (values,))
        (total,) = cursor.fetchone() or (0,)
    connection.close()
    return int(total)


@pytest.mark.parametrize("kind", COLUMNS)
def test_numpy_and_the_server_agree(kind: str, database_url: str) -> None:
    arrow, values = COLUMNS[kind]
    array = pa.array(values, arrow)
    assert arrow_checksum(array, place_of(len(array))) == asked(database_url, kind, values)
    part = array.slice(1, 3)
    assert arrow_checksum(part, place_of(len(part))) == asked(database_url, kind, values[1:4])
    nothing = pa.nulls(3, arrow)
    assert arrow_checksum(nothing, place_of(3)) == asked(database_url, kind, [None] * 3) == 0


def test_places_are_the_server_s(database_url: str) -> None:
    rows, labels = [1, 1, 2**31 - 1, 6], ["Aug-24", "Sep-24", None, ""]
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        query = sql.SQL("SELECT {}, {} FROM unnest(%s::int[], %s::text[]) AS u(n, label), (SELECT {}) AS f(file)")
        short, long = sql_place("n", "file"), sql_place("n", "file", "label")
        cursor.execute(query.format(short, long, sql.Literal(FILE)), (rows, labels))
        found = cursor.fetchall()
    connection.close()
    numbers = pa.array(rows, pa.int32())
    assert places(numbers, FILE).tolist() == [row[0] for row in found]
    assert places(numbers, FILE, pa.array(labels)).tolist() == [row[1] for row in found]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts(database_url: str, texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    expected = asked(database_url, "text", texts)  # type: ignore[arg-type]
    assert arrow_checksum(array, place_of(len(texts))) == expected
    assert arrow_checksum(array.dictionary_encode(), place_of(len(texts))) == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_whole_numbers(database_url: str, numbers: list[int]) -> None:
    array = pa.array(numbers, pa.int64())
    assert arrow_checksum(array, place_of(len(numbers))) == asked(database_url, "bigint", numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [["1203", "x"], ["x", "1230"], ["1230", None]])
def test_a_swapped_digit_a_swapped_place_and_a_lost_value_are_noticed(values: list[str | None]) -> None:
    ours, theirs = (arrow_checksum(pa.array(v, pa.string()), place_of(2)) for v in (values, ["1230", "x"]))
    assert differences(["n"], [ours], [theirs], lambda name: (2, 2)) == ["n: the 2 values differ"]
    assert differences(["n"], [ours], [ours], lambda name: (2, 2)) == []
    assert differences(["n"], [ours], [theirs], lambda name: (1, 2)) == ["n: 1 values in Parquet, 2 in the database"]


def test_sums_do_not_overflow() -> None:
    assert exact_sum(np.array([2**63 - 1] * 3 + [-(2**63)])) == 3 * (2**63 - 1) - 2**63
