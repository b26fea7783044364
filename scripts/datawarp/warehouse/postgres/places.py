"""Where the server's data and programs are kept so that its user reaches them."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from datawarp.errors import WarehouseError
from datawarp.warehouse.binaries import copy_binaries
from datawarp.warehouse.postgres.account import Account, can
from datawarp.warehouse.postgres.record import read_record

_PRIVATE_PLACES = (Path("/var/lib"), Path("/var/tmp"))
_NETWORK_FILESYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "afs")


def home_of(state: Path, account: Account | None) -> Path:
    """The folder of the data: ``state`` itself, or a private one when ``account`` cannot reach that.

    Parents' permissions are never touched: they are the person's.
    """
    record = read_record(state)
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
    if account is None or can(account, "-x", state):
        return state
    shared = _shared_folder()
    if shared is not None:
        home = Path(tempfile.mkdtemp(prefix=f"{state.parent.parent.name[:32]}-", dir=shared))
        os.chown(home, account.uid, account.gid)
        return home
    raise WarehouseError(
        f"user {account.name}, who must run PostgreSQL for root, can reach neither {state} nor a folder under "
        + " or ".join(map(str, _PRIVATE_PLACES)),
        hint="run as an ordinary user, or set DATABASE_URL",
    )


def reachable_binaries(account: Account | None, binaries: Path) -> Path:
    """``binaries``, or a copy of the installation where ``account`` cannot reach them."""
    if account is None or can(account, "-x", binaries / "postgres"):
        return binaries
    shared = _shared_folder()
    if shared is not None:
        return copy_binaries(binaries, shared)
    raise WarehouseError(
        f"user {account.name}, who must run PostgreSQL for root, cannot reach {binaries}",
        hint="install DataWarp outside root's home, or set DATABASE_URL",
    )


def _shared_folder() -> Path | None:
    """A folder outside people's homes that all run folders of this machine share; None where none can be made."""
    for place in _PRIVATE_PLACES:
        if place.is_dir() and os.access(place, os.W_OK):
            shared = place / "datawarp"
            shared.mkdir(mode=0o755, exist_ok=True)
            return shared
    return None


def refuse_foreign_host(state: Path, home: Path) -> None:
    """Two machines must not run one data folder: the lock and the process table are each machine's own."""
    host = read_record(state).get("host", socket.gethostname())
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
