"""The operating system's user that the server runs as, and programs run in its name."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datawarp.errors import WarehouseError
from datawarp.warehouse.postgres.record import read_record


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as."""

    name: str
    uid: int
    gid: int


def account_for(state: Path) -> Account | None:
    """The user to become, or None to stay: PostgreSQL refuses to run as root."""
    import pwd

    if os.geteuid() != 0:
        return None
    recorded = read_record(state).get("account")
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


def run(
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


def can(account: Account | None, flag: str, path: Path) -> bool:
    """Whether ``account`` passes the shell's ``test FLAG PATH``: ``-x`` for reaching a folder or running a program."""
    return run(account, "/bin/sh", ["-c", f'test {flag} "$1"', "sh", path]).returncode == 0
