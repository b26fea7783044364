"""The PostgreSQL that runs when ``DATABASE_URL`` is not set: found alive, or made, started and mended.

Everything about it is under ``.datawarp/postgres``: the password, the place of the data and the port.
Any number of processes may call :func:`ensure_server` at once; one does the work under a file lock and the
others find a server that answers. It outlives the job that started it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from datawarp.errors import WarehouseError
from datawarp.warehouse.binaries import find_binaries
from datawarp.warehouse.postgres.account import account_for, run
from datawarp.warehouse.postgres.places import reachable_binaries
from datawarp.warehouse.postgres.processes import answers, is_alive, postmaster
from datawarp.warehouse.postgres.record import Server, locked, read_record, recorded_server
from datawarp.warehouse.postgres.start import start

__all__ = ["SETTINGS", "Server", "ensure_server", "remove_server", "running_server", "server_on_record", "stop_server"]

# Durable (fsync and full_page_writes stay on). wal_level=minimal lets a COPY into a table made by the same
# transaction go to disk once, flushed at commit, instead of through the log. Each table that a load makes takes nine
# locks, and some releases have a thousand.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "64",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_locks_per_transaction": "512",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


def ensure_server(state: Path, settings: Mapping[str, str] = SETTINGS) -> Server:
    """The running server of the folder ``state`` (``paths.postgres``), started or made when need be.

    ``settings`` are PostgreSQL's own, used when this call is the one that starts it. Raises
    :class:`WarehouseError` when it cannot run, naming its log.
    """
    state = state.absolute()  # the programs run from another folder
    server = running_server(state)
    if server is not None:
        return server
    with locked(state):
        server = running_server(state)  # another process may have started it while this one waited
        return server if server is not None else start(state, settings)


def running_server(state: Path) -> Server | None:
    """The server of ``state`` when it answers to its password, else None; starts nothing."""
    server = server_on_record(state)
    if server is None or not answers(server):
        return None
    return server


def server_on_record(state: Path) -> Server | None:
    """The server of ``state`` where its record says that it listens, running or not; None without a record."""
    return recorded_server(state, read_record(state))


def stop_server(state: Path) -> bool:
    """Stop the server of ``state``, open connections included; False when none was running."""
    state = state.absolute()
    if not (state / "lock").exists():
        return False
    with locked(state):
        home = Path(read_record(state).get("home", state))
        data = home / "data"
        pid = postmaster(data)
        if pid is None:
            return False
        account = account_for(state)
        binaries = reachable_binaries(account, find_binaries())
        done = run(account, binaries / "pg_ctl", ["-D", data, "-m", "fast", "-w", "-t", "60", "stop"])
        if done.returncode != 0 and is_alive(pid, data):
            raise WarehouseError(f"the embedded PostgreSQL did not stop: {done.stdout}", where=str(home / "server.log"))
        return True


def remove_server(state: Path) -> None:
    """Stop the server of ``state`` and delete its data, wherever they are kept."""
    stop_server(state)
    home = Path(read_record(state).get("home", state))
    for folder in {home, state}:
        shutil.rmtree(folder, ignore_errors=True)
