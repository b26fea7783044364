"""A backup back into the warehouse: tried out in a scratch database, compared, and only then swapped in.

The swap is one transaction in the real database: its schemas are renamed to ``…_before_<stamp>`` and the
backup is restored beside them, so that readers see the old state or the new one. The old schemas go
only after the new ones have been compared with the backup's description once more.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import LifecycleError
from datawarp.lifecycle.backup import Backup, backups, check, read_sidecar
from datawarp.lifecycle.bucket import Bucket
from datawarp.lifecycle.dependents import Dependents, dependents, statements_for_grants, statements_for_views
from datawarp.lifecycle.fingerprint import SCHEMAS, TableFigures, differences, fingerprint
from datawarp.lifecycle.inventory import path_of
from datawarp.lifecycle.pgtools import Tools, connection_environment, find_tools, program_error
from datawarp.registry.paths import Paths
from datawarp.warehouse.connection import open_connection

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

SCRATCH_PREFIX = "datawarp_restore_"
BEFORE = "_before_"


@dataclass(frozen=True)
class RestoreBackupReport:
    """The backup that the warehouse now is, and what it held before (by table; empty for a new database).

    ``views`` of other schemas were pointed to the restored tables, and ``grants`` privileges given again.
    """

    used: Backup
    before: dict[str, TableFigures]
    views: tuple[str, ...] = ()
    grants: int = 0

    def text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"the warehouse is as it was at {self.used.created_at}: {self.used.rows} rows, compared table by table"
        ]
        for table in sorted({*self.before, *self.used.tables} if self.before else ()):
            old, new = self.before.get(table), self.used.tables.get(table)
            if old != new:
                lines.append(f"  {table}: {_rows(old)} before, {_rows(new)} now")
        lines += [f"  the view {view} shows the restored tables" for view in self.views]
        lines += [f"  {self.grants} privileges of others given again"] if self.grants else []
        lines.append("next: `snakemake adopt` (markers of units loaded since then are set right), then `snakemake all`")
        return "\n".join(lines)


def _rows(figures: TableFigures | None) -> str:
    return f"{figures.rows} rows" if figures else "not there"


def restore_backup(
    paths: Paths, url: str, clock: Callable[[], datetime], chosen: Path | None = None
) -> RestoreBackupReport:
    """Make the warehouse at ``url`` what ``chosen`` (a dump or its sidecar; the newest by default) holds.

    Views of other schemas and grants are carried over. Raises :class:`LifecycleError`, with the warehouse as it was,
    when the backup is damaged, cannot be restored, or does not come out as its description says, and when something
    built on the warehouse could not be carried over.
    """
    found = choose(paths, chosen)
    check(found)
    stamp = clock().strftime("%Y%m%d%H%M%S")
    connection = open_connection(url)
    try:
        tools = find_tools(max(connection.server_version, found.server_version))
        with connection.cursor() as cursor:
            built = dependents(cursor, SCHEMAS)
        connection.rollback()
        built.refuse_what_would_be_lost()
        before = fingerprint(connection)
        connection.rollback()
        _try_out(tools, url, connection, found, f"{SCRATCH_PREFIX}{stamp}")
        _swap(tools, url, connection, found, f"{BEFORE}{stamp}", _carrying_over(connection, built, found, before))
        _keep_or_undo(connection, found, f"{BEFORE}{stamp}", built)
    finally:
        connection.close()
    return RestoreBackupReport(found, before, tuple(v.label for v in built.views), len(built.grants))


def choose(paths: Paths, chosen: Path | None) -> Backup:
    """The backup meant by ``chosen``, or the newest whose bytes are right; raises :class:`LifecycleError`."""
    if chosen is not None:
        return read_sidecar(chosen.with_suffix(".json"))
    found, doubtful = backups(paths)
    for candidate in reversed(found):
        try:
            check(candidate)
        except LifecycleError as problem:
            doubtful[candidate.file] = problem.message
        else:
            return candidate
    told = "".join(f"\n  {name}: {why}" for name, why in doubtful.items())
    raise LifecycleError(
        f"there is no good backup on this disk{told}",
        where=str(paths.backups),
        hint="bring them back with `snakemake restore_backup --config from=s3://bucket/prefix`",
    )


def fetch_backup(paths: Paths, bucket: Bucket, chosen: Path | None) -> Path:
    """Bring a backup from the bucket, the newest or the one of ``chosen``'s name; returns where its dump is now."""
    wanted = chosen.with_suffix(".json").name if chosen is not None else None
    keys = [o.key for o in bucket.objects("backups/") if o.key.endswith(".json")]
    keys = sorted(k for k in keys if _is_sidecar(k) and (wanted is None or k.endswith(f"/{wanted}")))
    if not keys:
        raise LifecycleError(
            f"the bucket has no backup {wanted or ''}".rstrip(),
            where=f"{bucket.location}/backups",
            hint="`snakemake backup` and `snakemake sync` put one there",
        )
    sidecar = paths.root / path_of(keys[-1])
    bucket.fetch(keys[-1], sidecar, None)
    found = read_sidecar(sidecar)
    if not found.path.exists():
        bucket.fetch(f"backups/{sidecar.parent.name}/{found.file}", found.path, found.sha256)
    return found.path


def _is_sidecar(key: str) -> bool:
    """Whether an object's key is one that `sync` gives to a backup's description."""
    return re.fullmatch(r"backups/\d{4}-\d{2}-\d{2}/[^/]+\.json", key) is not None


def _try_out(tools: Tools, url: str, connection: Connection, found: Backup, scratch: str) -> None:
    with _scratch_database(connection, scratch):
        arguments = ["--exit-on-error", "--no-owner", "--no-privileges", "--no-password", f"--dbname={scratch}"]
        tools.run("pg_restore", [*arguments, str(found.path)], url, database=scratch)
        from psycopg2.extensions import make_dsn

        restored = open_connection(make_dsn(url, dbname=scratch))
        try:
            wrong = differences(found.tables, fingerprint(restored))
        finally:
            restored.close()
    if wrong:
        raise LifecycleError(
            "the backup does not come out as its description says; the warehouse was not touched:\n  "
            + "\n  ".join(wrong),
            where=str(found.path),
            hint="use another backup with --config backup=PATH",
        )


@contextmanager
def _scratch_database(connection: Connection, name: str) -> Iterator[None]:
    """A database beside the real one for as long as the block runs."""
    import psycopg2
    from psycopg2 import sql

    connection.rollback()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            except psycopg2.errors.InsufficientPrivilege:
                raise LifecycleError(
                    "the database's user may not make the scratch database that a backup is tried out in",
                    hint="let an administrator run ALTER ROLE … CREATEDB for it",
                ) from None
            try:
                yield
            finally:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    finally:
        connection.autocommit = False


def _carrying_over(connection: Connection, built: Dependents, found: Backup, before: Mapping[str, TableFigures]) -> str:
    """SQL that points views to the restored tables and gives grants again."""
    with connection, connection.cursor() as cursor:
        statements = statements_for_grants(cursor, built, sorted(found.tables.keys() - before.keys()))
        return "\n".join([*statements, *statements_for_views(cursor, built.views), ""])


def _swap(tools: Tools, url: str, connection: Connection, found: Backup, suffix: str, afterwards: str) -> None:
    """Old schemas renamed and the backup restored in their place, then ``afterwards``, in one transaction of psql's.

    The word COMMIT is sent only when pg_restore has ended well: whatever dies before it, psql or this
    process included, leaves the old state.
    """
    environment = connection_environment(url)
    producer = [str(tools.folder / "pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(found.path)]
    consumer = [str(tools.folder / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null"]
    consumer += ["--set=ON_ERROR_STOP=1", "--file=-"]
    with tempfile.TemporaryFile() as said:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": said, "env": environment}
        with (
            subprocess.Popen(producer, stdin=subprocess.DEVNULL, **pipes) as sender,
            subprocess.Popen(consumer, stdin=subprocess.PIPE, **{**pipes, "stdout": None}) as receiver,
        ):
            assert sender.stdout is not None and receiver.stdin is not None
            with suppress(BrokenPipeError):  # psql has stopped at an error, which it has told
                receiver.stdin.write(b"BEGIN;\n" + _renaming(connection, suffix).encode())
                shutil.copyfileobj(sender.stdout, receiver.stdin)
                sender.stdout.close()
                if sender.wait() == 0:
                    receiver.stdin.write(afterwards.encode() + b"COMMIT;\n")
            with suppress(BrokenPipeError):
                receiver.stdin.close()
            sender.stdout.close()
        if sender.returncode or receiver.returncode:
            said.seek(0)
            program = "psql" if receiver.returncode else "pg_restore"
            raise program_error(program, said.read().decode("utf-8", "replace"), tools)


def _renaming(connection: Connection, suffix: str) -> str:
    """SQL that puts the warehouse's schemas aside, after whoever writes to their tables has finished."""
    from psycopg2 import sql

    statements = []
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2", (list(SCHEMAS),)
        )
        tables = [sql.Identifier(*row) for row in cursor.fetchall()]
        if tables:
            statements.append(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;").format(sql.SQL(", ").join(tables)))
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(SCHEMAS),))
        for (schema,) in cursor.fetchall():
            old, new = sql.Identifier(schema), sql.Identifier(schema + suffix)
            statements.append(sql.SQL("ALTER SCHEMA {} RENAME TO {};").format(old, new))
        return "\n".join(s.as_string(cursor) for s in statements) + "\n"


def _keep_or_undo(connection: Connection, found: Backup, suffix: str, built: Dependents) -> None:
    """Compare what is now the warehouse; drop the old schemas, or put them back and raise."""
    from psycopg2 import sql

    wrong = differences(found.tables, fingerprint(connection))
    connection.rollback()
    with connection, connection.cursor() as cursor:
        left = dependents(cursor, [schema + suffix for schema in SCHEMAS])
        wrong += [f"built on the warehouse meanwhile: {what}" for what in (*left.lost, *(v.label for v in left.views))]
        failed = f"{suffix}_failed"
        if wrong:
            for schema in SCHEMAS:
                _rename(cursor, schema, schema + failed)
                _rename(cursor, schema + suffix, schema)
            for statement in statements_for_views(cursor, built.views):
                cursor.execute(statement)
        for schema in SCHEMAS:
            gone = sql.Identifier(schema + (failed if wrong else suffix))
            cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(gone))
    if wrong:
        raise LifecycleError(
            "what was restored differs from the backup; the old state was put back:\n  " + "\n  ".join(wrong),
            where=str(found.path),
            hint="was something writing to the database? Stop it and run the command again",
        )


def _rename(cursor: Cursor, schema: str, to: str) -> None:
    """Rename a schema, if it is there."""
    from psycopg2 import sql

    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
    if cursor.fetchone():
        cursor.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(schema), sql.Identifier(to)))
