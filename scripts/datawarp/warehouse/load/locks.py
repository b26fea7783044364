"""Who may write what: advisory locks of the transaction, always taken in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


def lock_unit(cursor: Cursor, unit: str) -> None:
    """Wait until no other load works on this unit. Taken before any table's lock."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_key("unit", unit),))


def lock_tables(cursor: Cursor, tables: Iterable[str]) -> None:
    """Wait until no other load writes one of these staging tables, made already or not.

    In ascending order of keys for everyone, so that no circle of waiting can form. Released by commit or
    rollback, and by the end of the backend.
    """
    keys = sorted({_key("table", table) for table in tables})
    cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", (keys,))


def lock_publication(cursor: Cursor, publication: str) -> None:
    """Wait until no other load compares the releases of this publication.

    Taken last, when all other work is done: who holds it waits for nobody.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_key("publication", publication),))


def _key(kind: str, name: str) -> int:
    digest = hashlib.sha256(f"datawarp:{kind}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
