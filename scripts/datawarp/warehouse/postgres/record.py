"""What is on record about an embedded server: where it is kept, the port it listens on, its password."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datawarp.files import read_json

USER = "datawarp"
DATABASE = "datawarp"


@dataclass(frozen=True)
class Server:
    """A server that answered: where it listens and how to log in. The password is kept out of ``repr``."""

    port: int
    password: str = field(repr=False)
    home: Path

    def url(self, database: str = DATABASE) -> str:
        """A libpq address of one of its databases, password included: not for logs."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"


def read_record(state: Path) -> dict[str, Any]:
    """What the file of the folder ``state`` says of its server; nothing without a readable one."""
    try:
        record = read_json(state / "server.json")
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def recorded_server(state: Path, record: Mapping[str, Any]) -> Server | None:
    """The server as it is on record, running or not; None when the record is not complete."""
    try:
        return Server(
            port=int(record["port"]), password=(state / "password").read_text().strip(), home=Path(record["home"])
        )
    except (KeyError, ValueError, FileNotFoundError):
        return None


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Wait until no other process starts or stops the server of ``state``."""
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel when this process ends, however it ends
        yield


def password_of(state: Path) -> str:
    """The server's password, made once; only the file's owner may read it."""
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
