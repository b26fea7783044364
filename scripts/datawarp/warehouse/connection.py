"""Connections to the warehouse, on a schema that is up to date."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import UnreachableError, WarehouseError
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.migrations import HEAD

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

OLDEST_SERVER = 150000
_MIGRATION_LOCK = 0x44415441  # "DATA"
_SESSION = "SET TIME ZONE 'UTC'; SET extra_float_digits = 1; SET datestyle = 'ISO'; SET search_path = ''"
_SESSION_AND_VERSION = "; ".join((_SESSION, "SELECT version_num FROM datawarp.alembic_version"))


def connect(
    paths: Paths, settings: Settings, *, environment: Mapping[str, str] = os.environ, migrate: bool = True
) -> Connection:
    """A connection to the warehouse named by ``DATABASE_URL``, or to the embedded one, started when need be.

    The schema is migrated to this code's version unless ``migrate`` is False. The session is in UTC and prints
    doubles exactly. Raises :class:`WarehouseError`, which never holds a password.
    """
    connection = _opened(paths, environment)
    try:
        _check_server(connection)
        connection.autocommit = True
        if not (migrate and _begin_up_to_date(connection)):
            connection.autocommit = False
            if migrate:
                upgrade(connection)
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(paths: Paths, environment: Mapping[str, str]) -> Connection:
    """A plain connection to the warehouse. An embedded server that is on record is not asked whether it runs first."""
    if not environment.get("DATABASE_URL", "").strip():
        from datawarp.warehouse.server import server_on_record

        server = server_on_record(paths.postgres)
        if server is not None:
            with suppress(UnreachableError):
                return open_connection(server.url())
    return open_connection(database_url(paths, environment))


def _begin_up_to_date(connection: Connection) -> bool:
    """Set up the session where the schema is of this code's version, which takes one way to the server and back."""
    from datawarp.warehouse.driver import errors

    try:
        with connection.cursor() as cursor:
            cursor.execute(_SESSION_AND_VERSION)
            if _only(cursor) == HEAD:
                return True
            cursor.execute("RESET ALL")  # migrations are run as any other program would run them
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return False
    return False


def database_url(paths: Paths, environment: Mapping[str, str] = os.environ) -> str:
    """The libpq address of the warehouse, password included: never for a log."""
    url = environment.get("DATABASE_URL", "").strip()
    if not url:
        from datawarp.warehouse.server import ensure_server

        return ensure_server(paths.postgres).url()
    url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)  # SQLAlchemy's spelling
    if "://" in url and not re.match(r"postgres(?:ql)?://", url):
        raise WarehouseError(
            f"DATABASE_URL should begin with postgresql://, and begins with {url.split('://')[0]}://",
            hint="DataWarp's warehouse is PostgreSQL 15 or newer",
        )
    return url


def open_connection(url: str) -> Connection:
    """A plain connection; a failure is told without the password."""
    from datawarp.warehouse.driver import psycopg2

    try:
        return psycopg2.connect(url, connect_timeout=15, application_name="datawarp")
    except psycopg2.OperationalError as problem:
        raise unreachable(url, problem) from None
    except psycopg2.ProgrammingError as problem:
        text = _without_password(str(problem).strip(), url)
        raise WarehouseError(
            f"DATABASE_URL is not an address that PostgreSQL understands: {text}",
            hint="postgresql://user:password@host:5432/database, special characters percent-encoded",
        ) from None


def unreachable(url: str, problem: Exception) -> UnreachableError:
    """What a failed connection means for the person who runs this."""
    text = _without_password(str(problem).strip(), url)
    hints = (
        ("password authentication failed", "check user and password in DATABASE_URL"),
        ("does not exist", "create that database or role, or correct DATABASE_URL"),
        ("too many clients", "the server has no free connections: run with fewer --cores, or raise max_connections"),
        ("remaining connection slots", "the server has no free connections: run with fewer --cores"),
        ("starting up", "the server is starting or recovering: run again in a moment"),
        ("shutting down", "the server is stopping: run again when it is back"),
        ("Connection refused", "is the server running, and are host and port right?"),
        ("could not translate host name", "check the host name in DATABASE_URL"),
        ("timeout expired", "the server did not answer: check host, port and firewall"),
    )
    hint = next((advice for words, advice in hints if words in text), "check DATABASE_URL and that the server runs")
    return UnreachableError(
        f"the database cannot be reached: {text}", hint=f"{hint}; what is done stays, and the next run goes on"
    )


def safe_url(url: str) -> str:
    """``url`` as it may be shown: without its password."""
    return re.sub(r"(password=)\S+", r"\1***", re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", url))


def _without_password(text: str, url: str) -> str:
    found = re.search(r"://[^:/@]*:([^@]*)@", url) or re.search(r"password=(\S+)", url)
    return safe_url(text.replace(found[1], "***") if found and found[1] else text)


def _check_server(connection: Connection) -> None:
    if connection.server_version < OLDEST_SERVER:
        raise WarehouseError(
            f"PostgreSQL 15 or newer is needed, and the server is {connection.server_version // 10000}",
            hint="point DATABASE_URL at a newer server, or unset it to use the embedded one",
        )


def schema_version(connection: Connection) -> str | None:
    """The revision of the database's schema; None for a database without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('datawarp.alembic_version')")
        if _only(cursor) is None:
            return None
        cursor.execute("SELECT version_num FROM datawarp.alembic_version")
        row = cursor.fetchone()
        return str(row[0]) if row else None


def upgrade(connection: Connection) -> None:
    """Bring the schema to this code's version; does nothing, and imports nothing, when it is there."""
    version = schema_version(connection)
    connection.rollback()
    if version == HEAD:
        return
    from datawarp.warehouse.driver import psycopg2

    try:
        with connection.cursor() as cursor:
            # One job migrates, the others wait here and find it done.
            cursor.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
            connection.commit()
        try:
            if schema_version(connection) != HEAD:
                connection.rollback()
                _run_alembic(connection)
        finally:
            connection.rollback()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", (_MIGRATION_LOCK,))
            connection.commit()
    except psycopg2.errors.InsufficientPrivilege as problem:
        raise WarehouseError(
            f"the database's user may not make DataWarp's schemas: {str(problem).strip()}",
            hint="grant it CREATE on the database, or let its owner run `snakemake status` once",
        ) from None


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS datawarp")
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = create_engine("postgresql+psycopg2://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.connect() as bound:
            config.attributes["connection"] = bound
            command.upgrade(config, "head")
            bound.commit()
    except CommandError as problem:
        raise WarehouseError(
            f"the database's schema is of a version that this DataWarp does not know: {problem}",
            hint="update DataWarp to the version that last wrote to this database",
        ) from None


def database_identity(connection: Connection) -> str:
    """The UUID of this database, which markers and receipts name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT database_id::text FROM datawarp.tbl_identity")
        return str(_only(cursor))


def _only(cursor: Any) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
