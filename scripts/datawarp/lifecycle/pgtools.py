"""PostgreSQL's own programs, run against the warehouse without a password on any command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datawarp.errors import DatawarpError, LifecycleError
from datawarp.warehouse.binaries import find_binaries

# libpq's environment variables by the key of a connection address; the rest travels in PGOPTIONS or is ours.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


@dataclass(frozen=True)
class Tools:
    """The folder of one PostgreSQL's client programs, its major version and what they say of themselves."""

    folder: Path
    major: int
    version: str

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        url: str,
        *,
        database: str | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        """Run ``program`` with the address ``url`` (another ``database`` of its server) in its environment.

        Standard output goes to ``output`` or nowhere. Raises :class:`LifecycleError` with what the
        program said when it fails.
        """
        done = subprocess.run(
            [str(self.folder / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=connection_environment(url, database),
            check=False,
        )
        if done.returncode != 0:
            raise program_error(program, done.stderr.decode("utf-8", "replace"), self)


def program_error(program: str, said: str, tools: Tools) -> LifecycleError:
    """What a failed program means for the person who runs this."""
    hint = "read what it says above; what was there before is untouched"
    if "SSL" in said or "no encryption" in said:
        hint = (
            "the server demands TLS, which the programs in the Python wheel cannot do: install "
            f"postgresql-client-{tools.major}, or set PG_BIN_DIR to programs that can"
        )
    return LifecycleError(f"{program} failed: {said.strip()[-2000:]}", where=str(tools.folder / program), hint=hint)


def find_tools(server_version: int, environment: Mapping[str, str] = os.environ) -> Tools:
    """Programs for a server of ``server_version`` (as libpq numbers it, such as 180001).

    The same major version is taken where there is one, else the nearest newer; an older one cannot dump
    a newer server. Raises :class:`LifecycleError` when there is none.
    """
    major = server_version // 10000
    found: dict[int, Tools] = {}
    for folder in _folders(environment):
        tools = _tools_in(folder)
        if tools is not None:
            found.setdefault(tools.major, tools)
    usable = sorted(m for m in found if m >= major)
    if not usable:
        seen = ", ".join(str(m) for m in sorted(found)) or "none"
        raise LifecycleError(
            f"pg_dump of PostgreSQL {major} or newer is needed for this server; found: {seen}",
            hint=f"install postgresql-client-{major}, or set PG_BIN_DIR to the folder that holds its pg_dump",
        )
    return found[usable[0]]


def connection_environment(url: str, database: str | None = None) -> dict[str, str]:
    """This process's environment with libpq's variables set as the address ``url`` says."""
    from psycopg2.extensions import parse_dsn

    parts = {k: v for k, v in parse_dsn(url).items() if v is not None}
    if database is not None:
        parts["dbname"] = database
    said = {_VARIABLES[key]: str(value) for key, value in parts.items() if key in _VARIABLES}
    return {**os.environ, **said, "PGAPPNAME": "datawarp", "PGCONNECT_TIMEOUT": "15", "LC_ALL": "C"}


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("PG_BIN_DIR"):
        yield Path(environment["PG_BIN_DIR"])
    with suppress(DatawarpError):  # No server is installed here; the client programs alone may be.
        yield find_binaries({k: v for k, v in environment.items() if k != "PG_BIN_DIR"})
    on_path = shutil.which("pg_dump", path=environment.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _tools_in(folder: Path) -> Tools | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("pg_dump", "pg_restore", "psql")):
        return None
    try:
        said = subprocess.run(
            [str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\b(\d+)(?:\.\d+|\w*)\b", said)
    return Tools(folder, int(match[1]), said) if match else None
