"""All checks, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from datawarp.files import write_json
from datawarp.registry.models import Frequency
from datawarp.registry.paths import Paths
from datawarp.registry.periods import Period
from datawarp.registry.registry import Registry
from datawarp.warehouse.connection import database_identity
from datawarp.warehouse.corrections import corrections_version, read_corrections
from datawarp.warehouse.validate import database, files
from datawarp.warehouse.validate.database import Standing
from datawarp.warehouse.validate.findings import Finding, Report

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

CHECKS = (
    *("tables", "references", "lineage", "row counts", "duplicates", "markers", "receipts", "parquet", "downloads"),
    *("stale", "registry", "corrections", "gaps"),
)

Gaps = Callable[[Iterable[Period], Frequency], list[Period]]
"""The periods that should lie between those given, at a publication's frequency."""


def validate(connection: Connection, paths: Paths, registry: Registry, gaps: Gaps, *, hashes: bool = True) -> Report:
    """Check everything against everything and write ``output/validation.json``; changes nothing else.

    Without ``hashes`` the bytes of downloads and Parquet are not read.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        loads = database.standing(cursor)
        findings = [
            *database.tables(cursor),
            *database.references(cursor),
            *database.rows(cursor, loads),
            *database.duplicates(loads),
        ]
        identity = database_identity(connection)
    findings += files.markers(paths, identity, loads)
    findings += files.manifests(paths, loads)
    findings += files.receipts(paths, loads, hashes=hashes)
    findings += files.downloads(paths, hashes=hashes)
    findings += _registry(registry, loads)
    findings += _corrections(paths, registry, loads)
    findings += _gaps(registry, loads, gaps)
    report = Report(identity, CHECKS, findings)
    write_json(paths.output / "validation.json", report.document())
    return report


def _registry(registry: Registry, loads: list[Standing]) -> Iterator[Finding]:
    known = {unit.name for unit in registry.units()}
    for unit in sorted({load.unit for load in loads} - known):
        yield Finding("registry", "warning", unit, "is in the database and not in the registry", "snakemake cleanup")


def _corrections(paths: Paths, registry: Registry, loads: list[Standing]) -> Iterator[Finding]:
    applied = {load.unit: load.corrections for load in loads}
    for unit in registry.units():
        if unit.name not in applied:
            continue
        wanted = corrections_version(read_corrections(paths.root, unit.publication, unit.when))
        if wanted != applied[unit.name]:
            yield Finding(
                "corrections",
                "warning",
                unit.name,
                "its corrections changed since it was loaded",
                "snakemake all",
            )


def _gaps(registry: Registry, loads: list[Standing], gaps: Gaps) -> Iterator[Finding]:
    """Periods missing between a publication's loaded ones, and between those of each of its sources."""
    of_publication: dict[str, dict[str, Period]] = defaultdict(dict)
    of_source: dict[str, dict[str, Period]] = defaultdict(dict)
    for load in loads:
        of_publication[load.publication][load.period.canonical] = load.period
        of_source[load.source][load.period.canonical] = load.period
    for code, publication in registry.publications.items():
        for period in gaps(of_publication[code].values(), publication.frequency):
            yield Finding(
                "gaps",
                "warning",
                code,
                f"nothing is loaded for {period.canonical}",
                "is it in the registry, and published?",
            )
    for source, publication_code in sorted({(load.source, load.publication) for load in loads}):
        own = of_source[source]
        order = sorted(of_publication[publication_code].values(), key=lambda p: p.order)
        first = min(own.values(), key=lambda p: p.order)
        last = max(own.values(), key=lambda p: p.order)
        for period in order:
            if first.order < period.order < last.order and period.canonical not in own:
                yield Finding(
                    "gaps",
                    "warning",
                    source,
                    f"{period.canonical} of {publication_code} has no such table",
                    f"snakemake drift --config pub={publication_code} to={period.code}",
                )
