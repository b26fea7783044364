"""Connections, migrations, and what a person reads when there is no database to talk to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from datawarp.errors import WarehouseError
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect, database_identity, safe_url, schema_version, upgrade
from datawarp.warehouse.migrations import HEAD
from datawarp.warehouse.server import Server


def test_head_is_the_newest_revision() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import datawarp.warehouse.migrations as migrations

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_many_jobs_may_migrate_one_empty_database_at_once(postgres: Server, tmp_path: Path) -> None:
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    admin.cursor().execute("CREATE DATABASE unmigrated")
    try:

        def identity(_: int) -> str:
            connection = connect(Paths(tmp_path), Settings(), environment={"DATABASE_URL": postgres.url("unmigrated")})
            try:
                return database_identity(connection)
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(identity, range(6)))) == 1
    finally:
        admin.cursor().execute("DROP DATABASE unmigrated WITH (FORCE)")
        admin.close()


def test_a_database_of_a_newer_datawarp_is_left_alone(database_url: str, tmp_path: Path) -> None:
    with psycopg2.connect(database_url) as connection:
        connection.cursor().execute("UPDATE datawarp.alembic_version SET version_num = '9999'")
    connection.commit()
    with pytest.raises(WarehouseError, match="does not know"):
        connect(Paths(tmp_path), Settings())
    assert schema_version(connection) == "9999"
    connection.rollback()
    connection.close()


def test_upgrade_of_a_current_schema_changes_nothing(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    before = database_identity(connection)
    upgrade(connection)
    assert database_identity(connection) == before
    connection.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://someone:geheim@127.0.0.1:1/db", "is the server running"),
        ("postgresql://someone:geheim@no-such-host.invalid/db", "check the host name"),
        ("mysql://someone:geheim@127.0.0.1/db", "PostgreSQL 15 or newer"),
        ("postgresql://someone:geheim@127.0.0.1:notaport/db", "what to do"),
        ("host=127.0.0.1 port=1 user=someone password=geheim", "is the server running"),
    ],
)
def test_a_database_out_of_reach_is_named_without_its_password(url: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError) as caught:
        connect(Paths(tmp_path), Settings(), environment={"DATABASE_URL": url})
    assert says in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_wrong_password_is_named(postgres: Server, tmp_path: Path) -> None:
    url = postgres.url().replace(postgres.password, "falsch")
    with pytest.raises(WarehouseError, match="check user and password") as caught:
        connect(Paths(tmp_path), Settings(), environment={"DATABASE_URL": url})
    assert "falsch" not in str(caught.value)


def test_a_full_server_is_named(postgres: Server, database_url: str, tmp_path: Path) -> None:
    with psycopg2.connect(postgres.url("postgres")) as admin:
        role = sql.Identifier("narrow")
        admin.cursor().execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x' CONNECTION LIMIT 0").format(role))
    try:
        url = database_url.replace(f"datawarp:{postgres.password}", "narrow:x")
        with pytest.raises(WarehouseError, match="too many connections"):
            connect(Paths(tmp_path), Settings(), environment={"DATABASE_URL": url})
    finally:
        with admin:
            admin.cursor().execute("DROP ROLE narrow")
        admin.close()


def test_sqlalchemy_spelling_of_the_address_works(database_url: str, tmp_path: Path) -> None:
    url = database_url.replace("postgresql://", "postgresql+psycopg2://")
    connection = connect(Paths(tmp_path), Settings(), environment={"DATABASE_URL": url})
    assert schema_version(connection) == HEAD
    connection.close()


def test_safe_url_hides_the_password_in_both_spellings() -> None:
    assert safe_url("postgresql://u:secret@h/d") == "postgresql://u:***@h/d"
    assert safe_url("host=h password=secret dbname=d") == "host=h password=*** dbname=d"
