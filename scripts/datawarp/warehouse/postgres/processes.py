"""The server's processes: alive or not, answering or not, and what a killed one leaves behind."""

from __future__ import annotations

import signal
from pathlib import Path

from datawarp.errors import WarehouseError
from datawarp.warehouse.postgres.record import Server


def answers(server: Server) -> bool:
    """Whether it lets us in. A password of our own making: no other server at that port would."""
    from datawarp.warehouse.driver import psycopg2

    try:
        psycopg2.connect(server.url(), connect_timeout=5).close()
    except psycopg2.OperationalError as problem:
        # Refusing for want of slots or rights is still an answer of this very server.
        return "too many clients" in str(problem) or "remaining connection slots" in str(problem)
    return True


def admits(server: Server) -> bool:
    """Whether it takes connections, its own database made or not."""
    from datawarp.warehouse.driver import psycopg2

    try:
        psycopg2.connect(server.url("postgres"), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def postmaster(data: Path) -> int | None:
    """The pid of the postmaster that serves ``data``, or None."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if is_alive(pid, data) else None


def listening_port(data: Path) -> int | None:
    """The port that the postmaster of ``data`` says it listens on, or None."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n")[3])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def is_alive(pid: int, data: Path) -> bool:
    """Exists, is no zombie, and has ``data`` as its working folder, as every PostgreSQL process has."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).resolve() == data.resolve()
    except (psutil.Error, OSError):
        return False


def end_leftovers(data: Path) -> None:
    """End the backends of a postmaster that was killed: with two generations on one folder, data are lost."""
    import psutil

    left = [p for p in psutil.process_iter() if "postgres" in p.name() and is_alive(p.pid, data)]
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in left:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        _, left = psutil.wait_procs(left, timeout=10)
        if not left:
            return
    raise WarehouseError(f"processes of a PostgreSQL that died do not end: {[p.pid for p in left]}", where=str(data))


def clear_pid_file(data: Path) -> None:
    """Remove a pid file that PostgreSQL itself would take for a running server: empty, foreign or a zombie's."""
    import psutil

    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:
        file.unlink()
        return
    if psutil.pid_exists(pid):
        file.unlink()
