"""The reference pages say what the schema and the code have."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2

from datawarp.warehouse.load.drift import BETWEEN_PERIODS
from datawarp.warehouse.reference import PAGE, filled, tables

ROOT = Path(__file__).parents[2]


def test_every_table_and_column_is_described(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    page = (ROOT / PAGE).read_text()
    generated = tables(connection)
    assert "None" not in re.findall(r"\| (\w+) \|$", generated, re.M)
    assert page == filled(page, generated), "run python -m datawarp.reference"
    connection.close()


def test_every_kind_of_drift_is_described() -> None:
    described = set(re.findall(r"^\| `(\w+)` \| \w+", (ROOT / "docs/reference/drift.md").read_text(), re.M))
    sources = [path.read_text() for path in (ROOT / "scripts/datawarp/warehouse").rglob("*.py")]
    written = {kind for text in sources for kind in re.findall(r'DriftEvent\(\s*"(\w+)"', text)}
    assert written | set(BETWEEN_PERIODS) == described
