"""Checks of markers, receipts, Parquet and retained downloads against the database and each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datawarp.files import read_json, sha256_file
from datawarp.registry.paths import Paths
from datawarp.warehouse.load.marker import LoadedMarker, read_marker
from datawarp.warehouse.markers import MEND, marker_files
from datawarp.warehouse.validate.database import Standing
from datawarp.warehouse.validate.findings import Finding

_RELOAD = f"{MEND}, then snakemake all"


def markers(paths: Paths, identity: str, loads: list[Standing]) -> Iterator[Finding]:
    """What ``.loaded`` promises against what stands in the database."""
    held: dict[str, dict[str, Standing]] = defaultdict(dict)
    for load in loads:
        held[load.unit][load.source] = load
    seen = set()
    for path in marker_files(paths):
        unit = path.stem
        seen.add(unit)
        try:
            marker = read_marker(path)
        except ValueError:
            yield Finding("markers", "severe", unit, "its .loaded cannot be read", _RELOAD)
            continue
        yield from _marker(marker, identity, held.get(unit, {}))
    for unit in sorted(set(held) - seen):
        if not paths.archived_record(unit).exists():  # its marker is in the archive, its rows may stay
            yield Finding("markers", "warning", unit, "is in the database and has no .loaded", MEND)


def manifests(paths: Paths, loads: list[Standing]) -> Iterator[Finding]:
    """Enriched manifests that are not those that were loaded."""
    loaded = {load.unit: load.manifest for load in loads}
    for unit, sha256 in sorted(loaded.items()):
        path = paths.enriched_manifest(unit)
        if path.is_file() and sha256_file(path) != sha256:
            yield Finding("stale", "warning", unit, "its manifest changed since it was loaded", _RELOAD)


def _marker(marker: LoadedMarker, identity: str, held: Mapping[str, Standing]) -> Iterator[Finding]:
    if marker.database != identity:
        yield Finding("markers", "severe", marker.unit, f"was loaded into the database {marker.database}", _RELOAD)
        return
    for source in marker.sources:
        load = held.get(source.code)
        if load is None:
            yield Finding("markers", "severe", marker.unit, f"{source.code} is not in the database", _RELOAD)
        elif (load.rows, load.checksum) != (source.rows, source.checksum):
            yield Finding(
                "markers",
                "severe",
                marker.unit,
                f"{source.code}: the marker says {source.rows:,} rows, the database {load.rows:,}"
                + ("" if load.rows != source.rows else " of other content"),
                _RELOAD,
            )


def receipts(paths: Paths, loads: list[Standing], *, hashes: bool) -> Iterator[Finding]:
    """Export receipts against the database, and the Parquet files against both."""
    held = {(load.unit, load.source): load for load in loads}
    named: set[Path] = set()
    for path in sorted((paths.output / "receipts").glob("*/*.json")):
        unit = path.stem
        again = f"snakemake refresh_{unit}"
        try:
            entries = read_json(path)["sources"]
        except (ValueError, KeyError, TypeError):
            yield Finding("receipts", "severe", unit, "its export receipt cannot be read", again)
            continue
        for entry in entries:
            parquet = paths.root / entry["parquet"]
            named.add(parquet)
            yield from _partition(unit, entry, parquet, held.get((unit, entry["code"])), again, hashes)
        missing = {source for u, source in held if u == unit} - {entry["code"] for entry in entries}
        for source in sorted(missing):
            yield Finding("receipts", "severe", unit, f"{source} is in the database and was not exported", again)
        yield from _stale(paths, unit, path, again)
    yield from _strays(paths, named)


def _partition(
    unit: str, entry: Mapping[str, Any], parquet: Path, load: Standing | None, again: str, hashes: bool
) -> Iterator[Finding]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    code = entry["code"]
    if load is None:
        yield Finding("receipts", "warning", unit, f"{code} was exported and is not in the database", again)
    elif load.rows != entry["rows"]:
        yield Finding(
            "row counts",
            "severe",
            unit,
            f"{code}: {load.rows:,} rows in the database, {entry['rows']:,} exported",
            again,
        )
    if not parquet.is_file():
        yield Finding("parquet", "severe", unit, f"{entry['parquet']} is gone", again)
        return
    if hashes and sha256_file(parquet) != entry["sha256"]:
        yield Finding("parquet", "severe", unit, f"{entry['parquet']} is not the file that was exported", again)
        return
    try:
        rows = pq.read_metadata(parquet).num_rows
    except (pa.ArrowInvalid, OSError) as problem:
        yield Finding("parquet", "severe", unit, f"{entry['parquet']} cannot be read: {problem}", again)
        return
    if rows != entry["rows"]:
        yield Finding(
            "row counts",
            "severe",
            unit,
            f"{entry['parquet']} has {rows:,} rows, its receipt says {entry['rows']:,}",
            again,
        )


def _stale(paths: Paths, unit: str, receipt: Path, again: str) -> Iterator[Finding]:
    marker = paths.loaded_marker(unit)
    if marker.exists() and marker.stat().st_mtime > receipt.stat().st_mtime:
        yield Finding("stale", "warning", unit, "was loaded again after its export", "snakemake all")


def _strays(paths: Paths, named: set[Path]) -> Iterator[Finding]:
    for path in sorted((paths.output / "parquet").glob("*/period=*/*.parquet")):
        if path not in named:
            yield Finding("stale", "warning", paths.relative(path), "is named by no receipt", "snakemake cleanup")


def downloads(paths: Paths, *, hashes: bool) -> Iterator[Finding]:
    """Retained downloads against their receipts."""
    checked: dict[str, Finding | None] = {}
    for path in sorted((paths.root / "downloads" / "receipts").glob("*/*.json")):
        unit = path.stem
        try:
            files = read_json(path)["files"]
        except (ValueError, KeyError, TypeError):
            yield Finding(
                "downloads", "severe", unit, "its download receipt cannot be read", f"snakemake refresh_{unit}"
            )
            continue
        for file in files:
            key = file["sha256"]
            if key not in checked:
                checked[key] = _download(paths, unit, file, hashes)
            finding = checked[key]
            if finding is not None:
                yield finding


def _download(paths: Paths, unit: str, file: Mapping[str, Any], hashes: bool) -> Finding | None:
    original = paths.root / file["path"]
    if not original.is_file():
        return Finding(
            "downloads",
            "warning",
            unit,
            f"{file['filename']} is no longer kept ({file['path']})",
            f"snakemake refresh_{unit}",
        )
    if hashes and sha256_file(original) != file["sha256"]:
        return Finding(
            "downloads",
            "severe",
            unit,
            f"{file['filename']} is not what was downloaded ({file['path']})",
            f"snakemake refresh_{unit}",
        )
    return None
