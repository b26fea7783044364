"""Fixtures for every room: a PostgreSQL database of one's own, and the shared real releases."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from datawarp.warehouse.connection import open_connection, upgrade
from datawarp.warehouse.server import SETTINGS, Server, ensure_server, remove_server

# A test's database need not survive a power cut.
TEST_SETTINGS = {**SETTINGS, "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Server]:
    """One embedded server for the whole session, shared by its workers; the last one to leave ends it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    state = shared / "postgres"
    with _counted(shared, +1):
        server = ensure_server(state, TEST_SETTINGS)
        _make_template(server)
    yield server
    with _counted(shared, -1) as left:
        if left == 0:
            remove_server(state)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, ``master`` without xdist."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@contextmanager
def _counted(folder: Path, change: int) -> Iterator[int]:
    """The number of sessions that use the server, after ``change``, under a lock."""
    with open(folder / "postgres.users", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        users = int(file.read() or 0) + change
        yield users
        file.seek(0)
        file.truncate()
        file.write(str(users))
        file.flush()


def _make_template(server: Server) -> None:
    connection = psycopg2.connect(server.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {TEMPLATE}")
            migrated = open_connection(server.url(TEMPLATE))
            upgrade(migrated)
            migrated.close()
    connection.close()


def _give_identity(url: str) -> None:
    """A copy of the template would share its identity, and no two databases do."""
    with closing(psycopg2.connect(url)) as fresh, fresh, fresh.cursor() as cursor:
        cursor.execute("UPDATE datawarp.tbl_identity SET database_id = gen_random_uuid()")


@pytest.fixture
def database_url(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a migrated, empty database of this test alone; also set as ``DATABASE_URL``."""
    name = f"test_{uuid4().hex}"
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    url = postgres.url(name)
    monkeypatch.setenv("DATABASE_URL", url)
    _give_identity(url)
    yield url
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    connection.close()


@pytest.fixture(scope="session")
def new_database(postgres: Server) -> Iterator[Callable[[str | None], str]]:
    """Makes databases: migrated and empty, or as a copy of another one with its identity."""
    made: list[str] = []

    def execute(statement: str) -> None:
        with closing(psycopg2.connect(postgres.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def make(template: str | None = None) -> str:
        name = f"made_{uuid4().hex}"
        source = template.rpartition("/")[2] if template else TEMPLATE
        execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
        made.append(name)
        if not template:
            _give_identity(postgres.url(name))
        return postgres.url(name)

    yield make
    for name in made:
        execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real releases beside the checkout (or ``DATAWARP_SHARED``); skips where there is none."""
    folder = Path(os.environ.get("DATAWARP_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "nhs").is_dir():
        pytest.skip(f"no real releases in {folder}")
    return folder
