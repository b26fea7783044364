"""Loads and backends killed at moments spread over a load: the old state or the new one, and one more run mends it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pyarrow as pa
import pytest
from warehouse_of_tests import Warehouse

from datawarp.registry.models import Unit

MOMENTS = 20
ROWS = 8_000


def table(period: int) -> pa.Table:
    """Integers in the first period; halves, and a new column, in the second."""
    numbers = pa.array(range(ROWS))
    if period == 0:
        return pa.table({"org": [f"R{i}" for i in range(ROWS)], "n": numbers})
    return pa.table(
        {"org": [f"R{i}" for i in range(ROWS)], "n": pa.array([i / 2 for i in range(ROWS)]), "new": ["x"] * ROWS}
    )


class Job:
    """A load in a process of its own: a fork, so that it begins at once."""

    def __init__(self, warehouse: Warehouse, unit: Unit) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                warehouse.load(unit)
                status = 0
            finally:
                os._exit(status)

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def prepared(warehouse: Warehouse) -> tuple[Warehouse, Unit, dict[str, object], dict[str, object], float]:
    """One period loaded and a second one waiting: the states before and after it, and how long its load takes."""
    warehouse.load(warehouse.unit("jun25"), x=table(0), y=table(0).slice(0, 100))
    before = warehouse.content()
    unit = warehouse.prepare(warehouse.unit("jul25"), x=table(1), y=table(1).slice(0, 100))
    began = time.monotonic()
    assert Job(warehouse, unit).wait() == 0
    took = time.monotonic() - began
    after = warehouse.content()
    assert before != after
    undo(warehouse, unit)
    assert warehouse.load(warehouse.unit("jun25")).sources
    return warehouse, unit, before, after, took


def undo(warehouse: Warehouse, unit: Unit) -> None:
    """Back to one period, by loading it into tables made anew."""
    warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
    for name in ("tbl_drift_events", "tbl_manifest_files", "tbl_source_mappings"):
        warehouse.query(f"DELETE FROM datawarp.{name}")
    warehouse.paths.loaded_marker(unit.name).unlink(missing_ok=True)
    warehouse.load(warehouse.unit("jun25"))


def check(warehouse: Warehouse, unit: Unit, before: dict[str, object], after: dict[str, object]) -> str:
    """The state is one of the two, and the marker promises no more than it; then one more run ends in the new one."""
    state = warehouse.content()
    assert state in (before, after)
    if warehouse.paths.loaded_marker(unit.name).exists():
        assert state == after
    warehouse.load(unit)
    assert warehouse.content() == after
    assert not list(warehouse.paths.loaded_marker(unit.name).parent.glob("*.tmp"))
    return "new" if state == after else "old"


@pytest.mark.slow
def test_a_load_killed_at_any_moment_leaves_the_old_state_or_the_new(prepared) -> None:  # type: ignore[no-untyped-def]
    warehouse, unit, before, after, took = prepared
    for moment in range(MOMENTS):
        job = Job(warehouse, unit)
        time.sleep(took * 1.1 * moment / MOMENTS)
        job.kill()
        job.wait()
        check(warehouse, unit, before, after)
        undo(warehouse, unit)


@pytest.mark.slow
def test_a_backend_terminated_at_any_moment_costs_nothing(prepared) -> None:  # type: ignore[no-untyped-def]
    warehouse, unit, before, after, took = prepared
    for moment in range(MOMENTS):
        job = Job(warehouse, unit)
        time.sleep(took * 1.1 * moment / MOMENTS)
        admin = psycopg2.connect(warehouse.url)
        admin.autocommit = True
        admin.cursor().execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        admin.close()
        assert job.wait() in (0, 1)
        check(warehouse, unit, before, after)
        undo(warehouse, unit)


def test_a_load_outlasts_a_database_that_takes_no_connections_for_a_moment(warehouse: Warehouse) -> None:
    """What a job sees of a server that restarts: its connection ends, and new ones are refused until it is back."""
    warehouse.load(warehouse.unit("jun25"), x=table(0))
    unit = warehouse.prepare(warehouse.unit("jul25"), x=table(1))
    name = urlsplit(warehouse.url).path.strip("/")
    with closing(psycopg2.connect(warehouse.url)) as held, closing(psycopg2.connect(_beside(warehouse.url))) as admin:
        admin.autocommit = True
        held.cursor().execute("LOCK TABLE datawarp.tbl_load_history IN ACCESS EXCLUSIVE MODE")
        job = Job(warehouse, unit)
        with admin.cursor() as cursor:
            _until_one_waits(cursor, name)
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
            time.sleep(1)
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert job.wait() == 0
    assert warehouse.paths.loaded_marker(unit.name).exists()


def _beside(url: str) -> str:
    return urlsplit(url)._replace(path="/postgres").geturl()


def _until_one_waits(cursor: Any, name: str) -> None:
    for _ in range(300):
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", (name,))
        if cursor.fetchone():
            return
        time.sleep(0.05)
    raise AssertionError("the load never came to the locked table")
