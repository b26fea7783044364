"""What the database holds of sources at one moment: their partitions, and the columns that their tables have."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawarp.publish.partition import Partition, partitions
from datawarp.publish.schema import DatabaseColumn, in_order, table_columns

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there


@dataclass(frozen=True)
class Holding:
    """One source: its partitions, first period first, and its table's columns as its Parquet files have them."""

    partitions: tuple[Partition, ...]
    columns: tuple[DatabaseColumn, ...]

    def of(self, unit: str) -> Partition:
        """The partition of a unit, which must have one."""
        return next(partition for partition in self.partitions if partition.unit == unit)


def holdings(connection: Connection, sources: Collection[str]) -> dict[str, Holding]:
    """What the database holds of each of ``sources`` as the connection's transaction sees it."""
    held = partitions(connection, sources)
    columns = table_columns(connection, {found[0].table for found in held.values() if found})
    return {
        source: Holding(found, tuple(in_order(columns[found[0].table], [p.delivered for p in found]) if found else ()))
        for source, found in held.items()
    }
