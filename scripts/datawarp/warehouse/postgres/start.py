"""Making the data folder, and starting a server on it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datawarp.errors import WarehouseError
from datawarp.files import write_json
from datawarp.warehouse.binaries import find_binaries, major_version
from datawarp.warehouse.postgres.account import Account, account_for, run
from datawarp.warehouse.postgres.places import home_of, reachable_binaries, refuse_foreign_host
from datawarp.warehouse.postgres.processes import (
    admits,
    clear_pid_file,
    end_leftovers,
    is_alive,
    listening_port,
    postmaster,
)
from datawarp.warehouse.postgres.record import DATABASE, USER, Server, password_of, read_record

_START_SECONDS = 120
_PORT_ATTEMPTS = 5


def start(state: Path, settings: Mapping[str, str]) -> Server:
    """Make the data folder where there is none, and start the server; the caller holds the lock of ``state``."""
    account = account_for(state)
    home = home_of(state, account)
    refuse_foreign_host(state, home)
    password = password_of(state)
    binaries = reachable_binaries(account, find_binaries())
    record = {**read_record(state), "home": str(home), "host": socket.gethostname()}
    if account is not None:
        record["account"] = account.name
    write_json(state / "server.json", record)

    data = home / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, account, home, password)
    record["made"] = True
    write_json(state / "server.json", record)
    _check_version(binaries, account, data)

    pid = postmaster(data)
    if pid is not None:
        server = _wait_until_it_answers(state, home, pid, password)
        if server is not None:
            return server
    end_leftovers(data)
    clear_pid_file(data)
    return _start_on_a_port(state, record, binaries, account, home, password, settings)


def _initialise(binaries: Path, account: Account | None, home: Path, password: str) -> None:
    """A new data folder, made under another name: one that was cut off half-way is made again."""
    partial = home / "data.new"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(home / "data", ignore_errors=True)
    partial.mkdir(mode=0o700)
    handle, secret = tempfile.mkstemp(dir=home)
    try:
        os.write(handle, password.encode())
        os.close(handle)
        if account is not None:
            os.chown(partial, account.uid, account.gid)
            os.chown(secret, account.uid, account.gid)
        version = int(_binary_version(binaries, account))
        options = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else []
        # Thousands of rounds make a person's password hard to guess, and every connection slow; ours is random.
        options += ["--set", "scram_iterations=1"] if version >= 16 else []
        done = run(
            account,
            binaries / "initdb",
            [
                "-D",
                partial,
                "-U",
                USER,
                "-E",
                "UTF8",
                "-A",
                "scram-sha-256",
                "--pwfile",
                secret,
                "--locale=C",
                *options,
            ],
        )
    finally:
        Path(secret).unlink(missing_ok=True)
    if done.returncode != 0:
        raise WarehouseError(
            f"initdb could not make the embedded database: {done.stdout.strip()[-1500:]}",
            where=str(home),
            hint="is the disk full? Or set DATABASE_URL to a server of your own",
        )
    partial.rename(home / "data")


def _binary_version(binaries: Path, account: Account | None) -> str:
    return major_version(binaries, run(account, binaries / "postgres", ["--version"]).stdout)


def _check_version(binaries: Path, account: Account | None, data: Path) -> None:
    made_by, found = (data / "PG_VERSION").read_text().strip(), _binary_version(binaries, account)
    if made_by != found:
        raise WarehouseError(
            f"the embedded database was made by PostgreSQL {made_by}, and the programs found are PostgreSQL {found}",
            where=str(data),
            hint=f"set PG_BIN_DIR to a PostgreSQL {made_by}, or make a backup with that version and restore it",
        )


def _wait_until_it_answers(state: Path, home: Path, pid: int, password: str) -> Server | None:
    """A postmaster that runs but does not answer is starting or recovering; None when it ended meanwhile."""
    data = home / "data"
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up:
        if not is_alive(pid, data):
            return None
        port = listening_port(data)
        if port is not None:
            server = Server(port, password, home)
            if admits(server):
                _finish(state, server)
                return server
        time.sleep(0.2)
    raise WarehouseError(
        f"the embedded PostgreSQL (process {pid}) runs but has not answered for {_START_SECONDS} s",
        where=str(home / "server.log"),
        hint="read its log; ending that process is safe, the next run starts it again",
    )


def _start_on_a_port(
    state: Path,
    record: dict[str, Any],
    binaries: Path,
    account: Account | None,
    home: Path,
    password: str,
    settings: Mapping[str, str],
) -> Server:
    log = home / "server.log"
    if not log.exists():
        log.touch(0o600)
        if account is not None:
            os.chown(log, account.uid, account.gid)
    output = ""
    for attempt in range(_PORT_ATTEMPTS):
        port = _free_port(record.get("port") if attempt == 0 else None)
        options = " ".join(f"-c {name}='{value}'" for name, value in {**settings, "port": str(port)}.items())
        begins = log.stat().st_size
        done = run(
            account,
            binaries / "pg_ctl",
            ["-D", home / "data", "-l", log, "-w", "-t", str(_START_SECONDS), "-o", options, "start"],
        )
        if done.returncode == 0:
            server = Server(port, password, home)
            _finish(state, server)
            return server
        output = done.stdout + log.read_bytes()[begins:].decode("utf-8", "replace")
        if "could not create any TCP/IP sockets" not in output:
            break
    raise WarehouseError(
        f"the embedded PostgreSQL does not start: {output.strip()[-1500:]}",
        where=str(log),
        hint="is the disk full, or memory short? Otherwise set DATABASE_URL to a server of your own",
    )


def _free_port(wanted: Any) -> int:
    """``wanted`` when nobody listens there, so that people's bookmarks stay right, else a free one."""
    for port in (wanted, 0):
        if not isinstance(port, int):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise WarehouseError("no TCP port is free on 127.0.0.1")


def _finish(state: Path, server: Server) -> None:
    """Make the database once, and record where the server listens: from here on others find it."""
    from datawarp.warehouse.driver import psycopg2, sql

    try:
        connection = psycopg2.connect(server.url("postgres"), connect_timeout=30)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        finally:
            connection.close()
    except psycopg2.OperationalError as problem:
        raise WarehouseError(
            f"the embedded PostgreSQL started but does not let DataWarp in: {str(problem).strip()}",
            where=str(state),
            hint=f"was {state / 'password'} changed? Put it back, or set DATABASE_URL",
        ) from None
    write_json(state / "server.json", {**read_record(state), "port": server.port})
