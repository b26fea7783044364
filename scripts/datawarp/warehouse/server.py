"""The PostgreSQL that runs when ``DATABASE_URL`` is not set: found alive, or made, started and mended.

Everything about it is under ``.datawarp/postgres``: the password, the place of the data and the port.
Any number of processes may call :func:`ensure_server` at once; one does the work under a file lock and the
others find a server that answers. It outlives the job that started it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datawarp.errors import WarehouseError
from datawarp.files import read_json, write_json
from datawarp.warehouse.binaries import copy_binaries, find_binaries, major_version

USER = "datawarp"
DATABASE = "datawarp"

# Durable (fsync and full_page_writes stay on). wal_level=minimal lets a COPY into a table made by the same
# transaction go to disk once, flushed at commit, instead of through the log.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "64",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
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

_PRIVATE_PLACES = (Path("/var/lib"), Path("/var/tmp"))
_START_SECONDS = 120
_PORT_ATTEMPTS = 5
_NETWORK_FILESYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "afs")


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Server:
    """A server that answered: where it listens and how to log in. The password is kept out of ``repr``."""

    port: int
    password: str = field(repr=False)
    home: Path

    def url(self, database: str = DATABASE) -> str:
        """A libpq address of one of its databases, password included: not for logs."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"


def ensure_server(state: Path, settings: Mapping[str, str] = SETTINGS) -> Server:
    """The running server of the folder ``state`` (``paths.postgres``), started or made when need be.

    ``settings`` are PostgreSQL's own, used when this call is the one that starts it. Raises
    :class:`WarehouseError` when it cannot run, naming its log.
    """
    state = state.absolute()  # the programs run from another folder
    server = running_server(state)
    if server is not None:
        return server
    with _locked(state):
        server = running_server(state)  # another process may have started it while this one waited
        return server if server is not None else _start(state, settings)


def running_server(state: Path) -> Server | None:
    """The server of ``state`` when it answers to its password, else None; starts nothing."""
    record = _read_record(state)
    server = _server(state, record)
    if server is None or not _answers(server):
        return None
    return server


def stop_server(state: Path) -> bool:
    """Stop the server of ``state``, open connections included; False when none was running."""
    state = state.absolute()
    if not (state / "lock").exists():
        return False
    with _locked(state):
        home = Path(_read_record(state).get("home", state))
        data = home / "data"
        pid = _postmaster(data)
        if pid is None:
            return False
        account = _account(state)
        binaries = _reachable_binaries(account, find_binaries())
        done = _run(account, binaries / "pg_ctl", ["-D", data, "-m", "fast", "-w", "-t", "60", "stop"])
        if done.returncode != 0 and _alive(pid, data):
            raise WarehouseError(f"the embedded PostgreSQL did not stop: {done.stdout}", where=str(home / "server.log"))
        return True


def remove_server(state: Path) -> None:
    """Stop the server of ``state`` and delete its data, wherever they are kept."""
    stop_server(state)
    home = Path(_read_record(state).get("home", state))
    for folder in {home, state}:
        shutil.rmtree(folder, ignore_errors=True)


# --- what is on record -------------------------------------------------------------------------


def _read_record(state: Path) -> dict[str, Any]:
    try:
        record = read_json(state / "server.json")
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _server(state: Path, record: Mapping[str, Any]) -> Server | None:
    try:
        return Server(
            port=int(record["port"]), password=(state / "password").read_text().strip(), home=Path(record["home"])
        )
    except (KeyError, ValueError, FileNotFoundError):
        return None


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel when this process ends, however it ends
        yield


def _password(state: Path) -> str:
    file = state / "password"
    if not file.exists():
        partial = state / "password.new"
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w") as f:
            f.write(secrets.token_urlsafe(24))
            f.flush()
            os.fsync(f.fileno())
        partial.rename(file)
    return file.read_text().strip()


# --- who and where -----------------------------------------------------------------------------


def _account(state: Path) -> Account | None:
    """The user to become, or None to stay: PostgreSQL refuses to run as root."""
    import pwd

    if os.geteuid() != 0:
        return None
    recorded = _read_record(state).get("account")
    for name in filter(None, (recorded, "postgres", "nobody")):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise WarehouseError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as",
        hint="run as an ordinary user, or set DATABASE_URL",
    )


def _run(
    account: Account | None, program: str | Path, arguments: Sequence[str | Path]
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL as ``account``, in a session of its own; its output is in ``stdout``."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C", "TZ": "UTC"}
    as_user: dict[str, Any] = {}
    if account is not None:
        as_user = {"user": account.uid, "group": account.gid, "extra_groups": []}
        environment["HOME"] = "/"
    # A file, not a pipe: the postmaster keeps the descriptor open, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in (program, *arguments)],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            **as_user,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _can(account: Account | None, flag: str, path: Path) -> bool:
    return _run(account, "/bin/sh", ["-c", f'test {flag} "$1"', "sh", path]).returncode == 0


def _home(state: Path, account: Account | None) -> Path:
    """The folder of the data: ``state`` itself, or a private one when ``account`` cannot reach that.

    Parents' permissions are never touched: they are the person's.
    """
    record = _read_record(state)
    recorded = record.get("home")
    if recorded is not None and Path(recorded).is_dir() and not record.get("made"):
        return Path(recorded)  # the process that was making it was cut off
    if recorded is not None and record.get("made"):
        if not Path(recorded, "data", "PG_VERSION").exists() and Path(recorded) != state:
            raise WarehouseError(
                f"the embedded database was kept in {recorded}, which is gone",
                where=str(state / "server.json"),
                hint=f"put it back, or remove {state} to begin anew and run `snakemake adopt`",
            )
        return Path(recorded)
    if account is None or _can(account, "-x", state):
        return state
    for place in _PRIVATE_PLACES:
        if place.is_dir() and os.access(place, os.W_OK):
            shared = place / "datawarp"
            shared.mkdir(mode=0o755, exist_ok=True)
            home = Path(tempfile.mkdtemp(prefix=f"{state.parent.parent.name[:32]}-", dir=shared))
            os.chown(home, account.uid, account.gid)
            return home
    raise WarehouseError(
        f"user {account.name}, who must run PostgreSQL for root, can reach neither {state} nor a folder under "
        + " or ".join(map(str, _PRIVATE_PLACES)),
        hint="run as an ordinary user, or set DATABASE_URL",
    )


def _reachable_binaries(account: Account | None, binaries: Path) -> Path:
    if account is None or _can(account, "-x", binaries / "postgres"):
        return binaries
    for place in _PRIVATE_PLACES:
        if place.is_dir() and os.access(place, os.W_OK):
            shared = place / "datawarp"
            shared.mkdir(mode=0o755, exist_ok=True)
            return copy_binaries(binaries, shared)
    raise WarehouseError(
        f"user {account.name}, who must run PostgreSQL for root, cannot reach {binaries}",
        hint="install DataWarp outside root's home, or set DATABASE_URL",
    )


def _refuse_foreign_host(state: Path, home: Path) -> None:
    """Two machines must not run one data folder: the lock and the process table are each machine's own."""
    host = _read_record(state).get("host", socket.gethostname())
    if host == socket.gethostname() or not (home / "data" / "postmaster.pid").exists():
        return
    if _filesystem(home) in _NETWORK_FILESYSTEMS:
        raise WarehouseError(
            f"the embedded PostgreSQL of this folder runs on {host}, and this is {socket.gethostname()}",
            where=str(state),
            hint=f"set DATABASE_URL for runs over several machines; if {host} is gone for good, remove "
            f"{home / 'data' / 'postmaster.pid'}",
        )


def _filesystem(path: Path) -> str:
    import psutil

    mounts = [m for m in psutil.disk_partitions(all=True) if path.resolve().is_relative_to(m.mountpoint)]
    return max(mounts, key=lambda m: len(m.mountpoint)).fstype if mounts else ""


# --- alive or not ------------------------------------------------------------------------------


def _answers(server: Server) -> bool:
    """Whether it lets us in. A password of our own making: no other server at that port would."""
    import psycopg2

    try:
        psycopg2.connect(server.url(), connect_timeout=5).close()
    except psycopg2.OperationalError as problem:
        # Refusing for want of slots or rights is still an answer of this very server.
        return "too many clients" in str(problem) or "remaining connection slots" in str(problem)
    return True


def _postmaster(data: Path) -> int | None:
    """The pid of the postmaster that serves ``data``, or None."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if _alive(pid, data) else None


def _alive(pid: int, data: Path) -> bool:
    """Exists, is no zombie, and has ``data`` as its working folder, as every PostgreSQL process has."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).resolve() == data.resolve()
    except (psutil.Error, OSError):
        return False


def _end_leftovers(data: Path) -> None:
    """End the backends of a postmaster that was killed: with two generations on one folder, data are lost."""
    import psutil

    left = [p for p in psutil.process_iter() if "postgres" in p.name() and _alive(p.pid, data)]
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


def _clear_pid_file(data: Path) -> None:
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


# --- make and start ----------------------------------------------------------------------------


def _start(state: Path, settings: Mapping[str, str]) -> Server:
    account = _account(state)
    home = _home(state, account)
    _refuse_foreign_host(state, home)
    password = _password(state)
    binaries = _reachable_binaries(account, find_binaries())
    record = {**_read_record(state), "home": str(home), "host": socket.gethostname()}
    if account is not None:
        record["account"] = account.name
    write_json(state / "server.json", record)

    data = home / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, account, home, password)
    record["made"] = True
    write_json(state / "server.json", record)
    _check_version(binaries, account, data)

    pid = _postmaster(data)
    if pid is not None:
        server = _wait_until_it_answers(state, home, pid, password)
        if server is not None:
            return server
    _end_leftovers(data)
    _clear_pid_file(data)
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
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if int(_binary_version(binaries, account)) < 17:  # the builtin provider came with 17
            locale = ["--locale=C"]
        done = _run(
            account,
            binaries / "initdb",
            ["-D", partial, "-U", USER, "-E", "UTF8", "-A", "scram-sha-256", "--pwfile", secret, *locale],
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
    return major_version(binaries, _run(account, binaries / "postgres", ["--version"]).stdout)


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
        if not _alive(pid, data):
            return None
        port = _listening_port(data)
        if port is not None:
            server = Server(port, password, home)
            if _admits(server):
                _finish(state, server)
                return server
        time.sleep(0.2)
    raise WarehouseError(
        f"the embedded PostgreSQL (process {pid}) runs but has not answered for {_START_SECONDS} s",
        where=str(home / "server.log"),
        hint="read its log; ending that process is safe, the next run starts it again",
    )


def _listening_port(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n")[3])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _admits(server: Server) -> bool:
    import psycopg2

    try:
        psycopg2.connect(server.url("postgres"), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


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
        done = _run(
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
    import psycopg2
    from psycopg2 import sql

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
    write_json(state / "server.json", {**_read_record(state), "port": server.port})
