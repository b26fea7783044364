"""What changed between two periods of a publication: in words, out of the record, and as a diff of manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawarp.errors import WarehouseError
from datawarp.manifest.diff import manifest_diff
from datawarp.manifest.document import read_manifest
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.warehouse.load.compare import compare, compare_releases
from datawarp.warehouse.load.drift import SEVERITIES, DriftEvent
from datawarp.warehouse.load.resemblance import likeness_of_values, snapshot
from datawarp.warehouse.load.standing import sources_of, standing_loads

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


@dataclass(frozen=True)
class SourceDrift:
    """What changed in one source."""

    source: str
    events: list[DriftEvent]


@dataclass(frozen=True)
class PublicationDrift:
    """What changed from one unit to another."""

    before: str
    after: str
    sources: list[SourceDrift]
    diff: str

    def told(self) -> str:
        """The changes in words, the severe ones first, then the diff of the manifests."""
        lines = [f"{self.before} → {self.after}"]
        for source in self.sources:
            lines.append(f"\n{source.source}")
            for event in sorted(source.events, key=lambda e: -SEVERITIES.index(e.severity)):
                lines.append(f"  {event.severity:<8} {event.message}")
        if not self.sources:
            lines.append("\nno source changed")
        if self.diff:
            lines += ["\nmanifests", self.diff.rstrip()]
        return "\n".join(lines)


def drift(connection: Connection, paths: Paths, before: Unit, after: Unit) -> PublicationDrift:
    """Compare two loaded units of one publication; raises :class:`WarehouseError` when one is not loaded."""
    with connection, connection.cursor() as cursor:
        first, second = _loaded(cursor, before), _loaded(cursor, after)
        came_and_went = dict(compare_releases(first, second, before.period))
        sources = []
        for code in sorted({*first, *second}):
            events = [came_and_went[code]] if code in came_and_went else _compared(cursor, code, before, after)
            events += _recorded(cursor, after, code)
            if events:
                sources.append(SourceDrift(code, events))
    return PublicationDrift(before.name, after.name, sources, _diff(paths, before, after))


def _loaded(cursor: Cursor, unit: Unit) -> dict[str, str]:
    sources = sources_of(cursor, unit.name)
    if not sources:
        raise WarehouseError(f"{unit.name} is not in the warehouse", hint=f"snakemake {unit.publication}")
    return sources


def _compared(cursor: Cursor, code: str, before: Unit, after: Unit) -> list[DriftEvent]:
    standing = {s.unit: s for s in standing_loads(cursor, [code])[code]}
    first, second = standing[before.name], standing[after.name]
    return compare(snapshot(first), snapshot(second), likeness_of_values(cursor, first, second))


def _recorded(cursor: Cursor, unit: Unit, code: str) -> list[DriftEvent]:
    """What the load of the later unit did to the table or left out."""
    cursor.execute(
        "SELECT kind, severity, message, column_name FROM datawarp.tbl_drift_events "
        "WHERE unit = %s AND subject = %s AND kind IN "
        "('type_widened', 'type_kept', 'column_left_out', 'source_left_out', 'unit_renamed') ORDER BY event_id",
        (unit.name, code),
    )
    return [DriftEvent(kind, severity, message, column) for kind, severity, message, column in cursor.fetchall()]


def _diff(paths: Paths, before: Unit, after: Unit) -> str:
    manifests = [paths.enriched_manifest(unit.name) for unit in (before, after)]
    if not all(path.is_file() for path in manifests):
        return ""
    return manifest_diff(*(read_manifest(path) for path in manifests))


def choose(registry: Registry, publication: str, before: str | None, after: str | None) -> tuple[Unit, Unit]:
    """The two units to compare: by period in either spelling, else the newest and the one before it."""
    units = sorted(registry.units(publication), key=lambda u: u.when.order)
    second = registry.unit(f"{publication}_{after}") if after else None
    if before:
        first = registry.unit(f"{publication}_{before}")
        return first, second or units[-1]
    second = second or units[-1]
    earlier = [u for u in units if u.when.order < second.when.order]
    if not earlier:
        raise WarehouseError(
            f"{second.name} is the first release of {publication}: there is none before it",
            hint=f"add to=PERIOD to the command, one of {', '.join(u.period for u in units[1:])}"
            if len(units) > 1
            else "add the next release to the registry when it is out, and run again",
        )
    return earlier[-1], second
