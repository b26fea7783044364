"""Many units of one publication at once: they wait for each other and never deadlock."""

from __future__ import annotations

import os

import psycopg2
import pyarrow as pa
import pytest
from warehouse_of_tests import Warehouse

PERIODS = ("jan25", "feb25", "mar25", "apr25", "may25", "jun25", "jul25", "aug25")


def sources(at: int) -> dict[str, pa.Table]:
    """Three tables whose types and columns differ from period to period, so that loads must alter them."""
    n = 200
    numbers = [list(range(n)), [i / 2 for i in range(n)], [f"{i}x" for i in range(n)]][at % 3]
    table = pa.table({"org": [f"R{i}" for i in range(n)], "n": numbers, f"only_{at % 4}": [at] * n})
    return {"first": table, "second": table, "third": table}


def load_in_processes(warehouse: Warehouse) -> list[int]:
    """Load all prepared units at once, each in a process of its own; their exit statuses."""
    children = []
    for period in PERIODS:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                warehouse.load(warehouse.unit(period))
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


@pytest.mark.slow
def test_eight_units_at_once_end_as_one_after_the_other(warehouse: Warehouse) -> None:
    for at, period in enumerate(PERIODS):
        warehouse.load(warehouse.unit(period), **sources(at))
    expected = warehouse.content()
    for _ in range(4):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        for name in ("tbl_drift_events", "tbl_manifest_files", "tbl_source_mappings"):
            warehouse.query(f"DELETE FROM datawarp.{name}")
        assert load_in_processes(warehouse) == [0] * len(PERIODS)
        assert warehouse.content() == expected


def test_a_reader_of_the_old_rows_does_not_stop_a_replacement(warehouse: Warehouse) -> None:
    warehouse.load(warehouse.unit("jan25"), **sources(0))
    reader = psycopg2.connect(warehouse.url)
    cursor = reader.cursor()
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.execute("SELECT sum(n) FROM staging.tbl_adhd_first")
    [(before,)] = cursor.fetchall()
    warehouse.load(warehouse.unit("jan25"), **{name: table.slice(0, 150) for name, table in sources(0).items()})
    cursor.execute("SELECT sum(n) FROM staging.tbl_adhd_first")
    assert cursor.fetchall() == [(before,)]
    reader.close()
    assert len(warehouse.rows("first")) == 150
