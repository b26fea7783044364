"""What the warehouse holds of a source, period by period, and which periods are neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeVar

from datawarp.warehouse.driver import sql

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


@dataclass(frozen=True)
class Standing:
    """What the warehouse holds of a source for one unit: the load that stands."""

    unit: str
    period: str
    start: date
    end: date
    rows: int
    body_rows: int
    columns: list[dict[str, object]]
    checksum: str
    load_id: int
    contract: str
    table: str


class Dated(Protocol):
    """Anything of a unit that has a period."""

    @property
    def unit(self) -> str: ...

    @property
    def start(self) -> date: ...

    @property
    def end(self) -> date: ...


AnyDated = TypeVar("AnyDated", bound=Dated)


# What a line `h` of the history was last held to: a load that found the same content left the rows and their record
# alone, and is in the history with the manifest, contract and corrections that it compared.
LATEST_TERMS = sql.SQL("""CROSS JOIN LATERAL (
    SELECT manifest_sha256, contract_version, corrections_version FROM datawarp.tbl_load_history n
    WHERE n.unit = h.unit AND n.source_code = h.source_code AND n.history_id >= h.history_id
    AND n.content_checksum = h.content_checksum AND n.outcome <> 'removed'
    ORDER BY n.history_id DESC LIMIT 1) latest""")


def preceding(items: Iterable[AnyDated], start: date, end: date) -> AnyDated | None:
    """The one of the nearest earlier period; of units that share it, the last by name."""
    earlier = [i for i in items if (i.start, i.end) < (start, end)]
    return max(earlier, key=lambda i: (i.start, i.end, i.unit), default=None)


def following(items: Iterable[AnyDated], start: date, end: date) -> list[AnyDated]:
    """Those of the nearest later period: more than one when units share it."""
    later = [i for i in items if (i.start, i.end) > (start, end)]
    nearest = min(((i.start, i.end) for i in later), default=None)
    return sorted((i for i in later if (i.start, i.end) == nearest), key=lambda i: i.unit)


def standing_loads(cursor: Cursor, source_codes: Collection[str]) -> dict[str, list[Standing]]:
    """The loads of each of these sources that stand, in order of periods."""
    cursor.execute(
        "SELECT source_code, unit, canonical_period, period_start, period_end, rows_loaded, body_rows, columns, "
        "content_checksum, load_id, contract_version, table_name FROM datawarp.tbl_load_history "
        "WHERE source_code = ANY(%s) AND is_current ORDER BY period_start, period_end, unit",
        (list(source_codes),),
    )
    found: dict[str, list[Standing]] = {code: [] for code in source_codes}
    for code, *row in cursor.fetchall():
        found[code].append(Standing(*row))
    return found


def sources_of(cursor: Cursor, unit: str) -> dict[str, str]:
    """The sources that a unit has in the warehouse, with their tables."""
    cursor.execute(
        "SELECT source_code, table_name FROM datawarp.tbl_load_history WHERE unit = %s AND is_current", (unit,)
    )
    return dict(cursor.fetchall())


def known_sources(cursor: Cursor, publication: str, without_unit: str) -> set[str]:
    """The sources that other units of the publication have loaded."""
    cursor.execute(
        "SELECT DISTINCT source_code FROM datawarp.tbl_load_history "
        "WHERE publication = %s AND unit <> %s AND is_current",
        (publication, without_unit),
    )
    return {row[0] for row in cursor.fetchall()}
