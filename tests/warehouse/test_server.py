"""The embedded server: found, made and mended by any number of processes at once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from datawarp.errors import WarehouseError
from datawarp.files import read_json, write_json
from datawarp.warehouse.binaries import find_binaries
from datawarp.warehouse.server import ensure_server, remove_server, running_server, stop_server

SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The folder of a server of this test alone, in a run folder with an awkward name."""
    folder = tmp_path / ("it's a 100% long name " + "x" * 100) / ".datawarp" / "postgres"
    yield folder
    remove_server(folder)


def postmaster(state: Path) -> int:
    home = Path(read_json(state / "server.json")["home"])
    return int((home / "data" / "postmaster.pid").read_text().split("\n")[0])


def pid_file(state: Path) -> Path:
    return Path(read_json(state / "server.json")["home"]) / "data" / "postmaster.pid"


def remember(state: Path) -> None:
    """Leave something behind that must survive."""
    with psycopg2.connect(ensure_server(state, SETTINGS).url()) as connection:
        connection.cursor().execute("CREATE TABLE public.kept AS SELECT 42 AS answer")
    connection.close()


def remembered(state: Path) -> int:
    connection = psycopg2.connect(ensure_server(state, SETTINGS).url())
    cursor = connection.cursor()
    cursor.execute("SELECT answer FROM public.kept")
    [(answer,)] = cursor.fetchall()
    connection.close()
    return int(answer)


def in_processes(state: Path, number: int) -> set[str]:
    """Ask for the server in several processes at once; the ports they were given."""
    code = (
        "import sys; from pathlib import Path; from datawarp.warehouse.server import ensure_server;"
        f"print(ensure_server(Path(sys.argv[1]), {SETTINGS!r}).port)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "scripts")}
    jobs = [
        subprocess.Popen([sys.executable, "-c", code, state], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(number)
    ]
    outputs = [job.communicate(timeout=120)[0].strip() for job in jobs]
    assert all(job.returncode == 0 for job in jobs)
    return set(outputs)


def test_eight_processes_at_once_get_one_server_that_outlives_them(state: Path) -> None:
    ports = in_processes(state, 8)
    assert len(ports) == 1
    server = running_server(state)
    assert server is not None
    assert {str(server.port)} == ports


def test_its_password_is_its_own_and_nobody_is_let_in_without(state: Path) -> None:
    server = ensure_server(state, SETTINGS)
    assert stat.S_IMODE((state / "password").stat().st_mode) == 0o600
    assert server.password not in repr(server)
    for url in (server.url().replace(server.password, "wrong"), server.url().replace(f":{server.password}", "")):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(url)
    with psycopg2.connect(server.url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datcollate, datlocprovider, datlocale FROM pg_database WHERE datname = 'datawarp'")
        assert cursor.fetchall() == [("C", "b", "C.UTF-8")]
    connection.close()


def test_killed_postmaster_and_backends(state: Path) -> None:
    remember(state)
    busy = psycopg2.connect(ensure_server(state, SETTINGS).url())
    busy.cursor().execute("SELECT 1")
    pid = postmaster(state)
    children = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    assert remembered(state) == 42
    assert postmaster(state) != pid
    assert not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
    for process in [psutil.Process(postmaster(state)), *psutil.Process(postmaster(state)).children()]:
        process.kill()
    assert len(in_processes(state, 4)) == 1
    assert remembered(state) == 42


@pytest.mark.parametrize("content", ["", "rubbish", "{own}\n/somewhere/else\n"])
def test_pid_files_that_are_not_its_own(state: Path, content: str) -> None:
    remember(state)
    stop_server(state)
    pid_file(state).write_text(content.format(own=os.getpid()))
    assert remembered(state) == 42
    assert psutil.pid_exists(os.getpid())


def test_a_zombie_is_not_a_server(state: Path) -> None:
    remember(state)
    stop_server(state)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(dead.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    pid_file(state).write_text(f"{dead.pid}\n{pid_file(state).parent}\n")
    assert remembered(state) == 42
    dead.wait()


def test_a_port_that_somebody_took_meanwhile(state: Path) -> None:
    import socket

    remember(state)
    port = ensure_server(state, SETTINGS).port
    stop_server(state)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert remembered(state) == 42
        assert ensure_server(state, SETTINGS).port != port


def test_a_data_folder_that_was_cut_off_in_the_making_is_made_again(state: Path) -> None:
    ensure_server(state, SETTINGS)
    stop_server(state)
    record = read_json(state / "server.json")
    home = Path(record["home"])
    (home / "data").rename(home / "data.new")
    (home / "data.new" / "PG_VERSION").unlink()
    write_json(state / "server.json", {k: v for k, v in record.items() if k in ("home", "account", "host")})
    assert ensure_server(state, SETTINGS).home == home


def test_a_relative_folder_is_the_same_server(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.mkdir(parents=True)
    monkeypatch.chdir(state.parent.parent)
    relative = state.relative_to(state.parent.parent)
    assert ensure_server(relative, SETTINGS).port == ensure_server(state, SETTINGS).port
    assert not Path("data").exists()


def test_stop_and_remove(state: Path) -> None:
    assert stop_server(state) is False
    ensure_server(state, SETTINGS)
    home = Path(read_json(state / "server.json")["home"])
    assert stop_server(state) is True
    assert running_server(state) is None
    assert stop_server(state) is False
    remove_server(state)
    assert not home.exists()
    assert not state.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become another user")
def test_as_root_it_runs_as_another_user_and_opens_nobodys_folders(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = closed / "run" / ".datawarp" / "postgres"
    try:
        ensure_server(state, SETTINGS)
        assert psutil.Process(postmaster(state)).uids().real != 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        home = Path(read_json(state / "server.json")["home"])
        assert not home.is_relative_to(closed)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    finally:
        remove_server(state)
    assert not home.exists()


def test_programs_are_named_when_they_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="PG_BIN_DIR names"):
        find_binaries({"PG_BIN_DIR": str(tmp_path)})
    assert find_binaries({"PG_BIN_DIR": str(find_binaries())}) == find_binaries()


def test_a_data_folder_of_another_version_is_told(state: Path) -> None:
    ensure_server(state, SETTINGS)
    stop_server(state)
    (pid_file(state).parent / "PG_VERSION").write_text("11\n")
    with pytest.raises(WarehouseError, match=r"made by PostgreSQL 11, and the programs found are PostgreSQL \d+"):
        ensure_server(state, SETTINGS)
