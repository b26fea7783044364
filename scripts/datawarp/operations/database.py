"""Which database a run goes to, and whether the units' markers speak of that one.

``.datawarp/database.json`` keeps the address (as a hash: it holds a password) and the identity of the
database that the last run used. As long as the address is the same, nothing is asked of the server,
so that a call with nothing to do starts and needs none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from datawarp.errors import WarehouseError
from datawarp.files import read_json, sha256_bytes, write_json
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

_EMBEDDED = "embedded"


def open_database(paths: Paths, settings: Settings) -> str:
    """Start the database if it is the embedded one, migrate it, and note it; returns its identity."""
    from datawarp.warehouse.connection import connect, database_identity

    with closing(connect(paths, settings)) as connection:
        identity = database_identity(connection)
    write_json(_record(paths), {"address": _address(os.environ), "identity": identity})
    return identity


def check_markers(paths: Paths, settings: Settings) -> None:
    """Raise :class:`WarehouseError` that names the units whose markers speak of another database.

    A database that cannot be reached is left to the jobs that need it.
    """
    address = _address(os.environ)
    known = _known(paths)
    gone = address == _EMBEDDED and not paths.postgres.exists()
    if known is not None and known["address"] == address and not gone:
        return
    from datawarp.warehouse.markers import foreign_markers, marker_files

    if next(marker_files(paths), None) is None:
        return
    if gone:
        identity = "a new one, for there is none in .datawarp/postgres"
    else:
        from datawarp.warehouse.connection import connect, database_identity

        try:
            with closing(connect(paths, settings)) as connection:
                identity = database_identity(connection)
        except WarehouseError:
            return
    foreign = foreign_markers(paths, identity)
    if foreign:
        raise WarehouseError(foreign.told(identity))


def finish_refreshes(units: Sequence[str], run: str, paths: Paths, settings: Settings) -> None:
    """Record that the refreshes of ``units`` asked for by ``run`` are through."""
    from datawarp.operations.refresh import finish_refresh
    from datawarp.warehouse.connection import connect

    with closing(connect(paths, settings)) as connection:
        for unit in units:
            finish_refresh(unit, run, paths, connection)


def _record(paths: Paths) -> Any:
    return paths.private / "database.json"


def _known(paths: Paths) -> dict[str, str] | None:
    try:
        record = read_json(_record(paths))
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) and {"address", "identity"} <= record.keys() else None


def _address(environment: Mapping[str, str]) -> str:
    url = environment.get("DATABASE_URL", "").strip()
    return sha256_bytes(url.encode()) if url else _EMBEDDED
