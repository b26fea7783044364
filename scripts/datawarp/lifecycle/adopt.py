"""An installation taken over: old layouts brought to the new one, markers made to say what is there.

The database is believed for rows, the files for themselves, the old state file for nothing: where it
disagrees, that is told. Files that leave their place go to the archive. Run twice, the second changes
nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import DatawarpError, RegistryError
from datawarp.files import read_json, replacing, sha256_file
from datawarp.lifecycle.entries import keep, plan, remove_empty_folders
from datawarp.lifecycle.legacy import LegacyManifest, flat_parquet, legacy_manifests, read_state
from datawarp.manifest.document import read_manifest
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.warehouse import markers
from datawarp.warehouse.connection import database_identity

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name


@dataclass
class AdoptReport:
    """What was taken over. ``disagreements`` say, per unit or file, what contradicts what and what follows."""

    manifests: list[str] = field(default_factory=list)
    markers_written: list[str] = field(default_factory=list)
    agreeing: int = 0
    to_load: dict[str, str] = field(default_factory=dict)
    to_export: dict[str, str] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"{len(self.markers_written)} markers written, {self.agreeing} agreed; {len(self.to_load)} units will be "
            f"loaded and {len(self.to_export)} exported by the next `snakemake all`"
        ]
        lines += [f"  manifest taken over: {name}" for name in self.manifests]
        lines += [f"  marker written: {unit}" for unit in self.markers_written]
        lines += [f"  to be loaded: {unit}: {why}" for unit, why in self.to_load.items()]
        lines += [f"  to be exported: {unit}: {why}" for unit, why in self.to_export.items()]
        lines += [f"  moved to the archive, replaced by output/parquet: {name}" for name in self.replaced]
        lines += [f"  disagreement: {what}" for what in self.disagreements]
        lines += [f"  not understood: {what}" for what in self.not_understood]
        return "\n".join(lines)


def adopt(paths: Paths, registry: Registry, connection: Connection, clock: Callable[[], datetime]) -> AdoptReport:
    """Take over what is in ``paths`` and in the database behind ``connection``.

    Only files and markers change. Units without data in the database become pending; nobody's Parquet
    is taken away before a new one is there.
    """
    report = AdoptReport()
    units = {u.name: u for u in registry.units()}
    for manifest in legacy_manifests(paths.root):
        _take_manifest(paths, registry, manifest, clock, report)
    in_use = [u for u in units.values() if not paths.archived_record(u.name).exists()]
    outcomes = markers.adopt(connection, paths, database_identity(connection), in_use)
    connection.rollback()
    for outcome in outcomes:
        _follow(paths, outcome, clock, report)
    _flat_parquet(paths, clock, report)
    _state_file(paths, registry, outcomes, report)
    return report


def _take_manifest(
    paths: Paths, registry: Registry, old: LegacyManifest, clock: Callable[[], datetime], report: AdoptReport
) -> None:
    """A manifest of the old layout to its new place, if it is one that a load can be made from."""
    name = paths.relative(old.path)
    try:
        unit = registry.unit(old.unit)
        found = read_manifest(old.path)
        if (found.manifest.publication, found.manifest.period) != (unit.publication, unit.period):
            raise RegistryError(f"it is of {found.manifest.publication}_{found.manifest.period}, not of {unit.name}")
    except DatawarpError as problem:
        report.not_understood.append(f"{name}: {problem.message}; it stays there, and its unit is built anew")
        return
    target = paths.enriched_manifest(unit.name)
    if target.exists() and sha256_file(target) != sha256_file(old.path):
        report.disagreements.append(f"{name} differs from {paths.relative(target)}, which counts")
    elif not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(old.path, temporary)
        shutil.copystat(old.path, target)
        report.manifests.append(name)
    keep(paths, plan(paths, [old.path], "adopt", "an old layout's manifest, taken over", clock(), unit.name))
    remove_empty_folders(paths.root, old.path.parent)


def _follow(paths: Paths, outcome: markers.Adopted, clock: Callable[[], datetime], report: AdoptReport) -> None:
    """Make the export receipt of a unit go with its marker, so that `all` does what is left and no more."""
    marker, receipt = paths.loaded_marker(outcome.unit), paths.export_receipt(outcome.unit)
    if not marker.exists():
        passes_for_done = receipt.exists()
        if passes_for_done:
            # With its receipt a unit passes for done, whatever else is missing; its Parquet stays readable.
            keep(paths, plan(paths, [receipt], "adopt", outcome.reason, clock(), outcome.unit))
        if passes_for_done or outcome.outcome == "removed" or paths.enriched_manifest(outcome.unit).exists():
            report.to_load[outcome.unit] = outcome.reason.removeprefix("not loaded: ")
        return
    if outcome.outcome == "written":
        report.markers_written.append(outcome.unit)
    else:
        report.agreeing += 1
    if not receipt.exists():
        report.to_export[outcome.unit] = "it has no export receipt"
        return
    wrong = _receipt_differs(paths, receipt, marker)
    if wrong:
        report.to_export[outcome.unit] = wrong
        report.disagreements.append(f"{outcome.unit}: {wrong}")
        keep(paths, plan(paths, [receipt], "adopt", wrong, clock(), outcome.unit))
    elif outcome.outcome == "written":
        # The marker is new but says what the receipt was made from: it must not look newer.
        made = min(receipt.stat().st_mtime_ns, marker.stat().st_mtime_ns)
        os.utime(marker, ns=(made, made))


def _receipt_differs(paths: Paths, receipt: Path, marker: Path) -> str | None:
    """Why an export receipt is not of the rows that the marker speaks of, or not of the Parquet that is there."""
    try:
        exported = {s["code"]: s for s in read_json(receipt)["sources"]}
        loaded = {s["code"]: int(s["rows"]) for s in read_json(marker)["sources"]}
        if {code: int(s["rows"]) for code, s in exported.items()} != loaded:
            return f"its receipt has {_counts(exported)}, the database {_counts(loaded)}"
        for source in exported.values():
            parquet = paths.root / source["parquet"]
            if not parquet.exists():
                return f"{source['parquet']} is missing"
            if sha256_file(parquet) != source["sha256"]:
                return f"{source['parquet']} is not the file that its receipt names"
    except (ValueError, KeyError, TypeError) as problem:
        return f"its receipt cannot be read: {problem!r}"
    return None


def _counts(sources: Mapping[str, Any]) -> str:
    rows = {code: s["rows"] if isinstance(s, dict) else s for code, s in sources.items()}
    return ", ".join(f"{n} rows of {code}" for code, n in sorted(rows.items())) or "nothing"


def _flat_parquet(paths: Paths, clock: Callable[[], datetime], report: AdoptReport) -> None:
    """Old Parquet files go once ``output/parquet/<source>/`` holds as many rows; until then people may read them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for old in flat_parquet(paths.output):
        new = sorted(paths.parquet_source(old.stem).glob("*/*.parquet"))
        if not new:
            report.not_understood.append(
                f"{paths.relative(old)}: no source of that name is exported yet; it stays, adopt again after `all`"
            )
            continue
        try:
            rows = pq.read_metadata(old).num_rows
        except (pa.ArrowInvalid, OSError) as problem:
            report.not_understood.append(f"{paths.relative(old)}: not Parquet: {problem}")
            continue
        exported = sum(pq.read_metadata(p).num_rows for p in new)
        if rows == exported:
            keep(paths, plan(paths, [old], "adopt", "replaced by output/parquet", clock()))
            report.replaced.append(paths.relative(old))
        else:
            report.disagreements.append(
                f"{paths.relative(old)} has {rows} rows, output/parquet/{old.stem} has {exported}; it stays"
            )


def _state_file(paths: Paths, registry: Registry, outcomes: Iterable[markers.Adopted], report: AdoptReport) -> None:
    """The old state file against what is there."""
    state = read_state(paths.root / "state" / "state.json")
    report.not_understood += state.not_understood
    seen = {o.unit for o in outcomes}
    for (publication, period), done in sorted(state.done.items()):
        unit = _named(registry, f"{publication}_{period}")
        if unit is None:
            report.disagreements.append(f"state.json names {publication}/{period}, which the registry does not have")
            continue
        loaded = unit.name in seen and paths.loaded_marker(unit.name).exists()
        if done and not loaded and not paths.archived_record(unit.name).exists():
            report.disagreements.append(f"state.json says that {unit.name} is complete; the database does not hold it")
        elif loaded and not done:
            report.disagreements.append(f"state.json says that {unit.name} is not complete; the database holds it")


def _named(registry: Registry, name: str) -> Unit | None:
    try:
        return registry.unit(name)
    except RegistryError:
        return None
