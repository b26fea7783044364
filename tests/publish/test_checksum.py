"""Checksums that numpy and PostgreSQL must agree on."""

from __future__ import annotations

import math
from datetime import date, datetime

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from datawarp.publish.checksum import Checksum, arrow_checksum, differences, sql_checksum

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


def asked(url: str, kind: str, values: list[object]) -> Checksum:
    """The checksum as the server has it."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        query = sql.SQL("SELECT {} FROM unnest(%s::{}[]) AS u(c)").format(sql_checksum("c", kind), sql.SQL(kind))
        cursor.execute(query, (values,))
        count, total = cursor.fetchone() or (0, 0)
    connection.close()
    return Checksum(count, int(total))


@pytest.mark.parametrize("kind", COLUMNS)
def test_numpy_and_the_server_agree(kind: str, database_url: str) -> None:
    arrow, values = COLUMNS[kind]
    array = pa.array(values, arrow)
    assert arrow_checksum(array) == asked(database_url, kind, values)
    assert arrow_checksum(array.slice(1, 3)) == asked(database_url, kind, values[1:4])


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts(database_url: str, texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    expected = asked(database_url, "text", texts)  # type: ignore[arg-type]
    assert arrow_checksum(array) == expected
    assert arrow_checksum(array.dictionary_encode()) == expected


def test_a_swapped_digit_is_noticed() -> None:
    ours, theirs = arrow_checksum(pa.array(["1203", "x"])), arrow_checksum(pa.array(["1230", "x"]))
    assert differences(["n"], [ours], [theirs]) == ["n: the 2 values differ"]
    assert differences(["n"], [ours], [ours]) == []
