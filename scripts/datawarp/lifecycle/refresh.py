"""What a refresh keeps of a unit before its files are made anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from datawarp.files import read_json
from datawarp.lifecycle.entries import Entry, copy, plan
from datawarp.registry.paths import Paths


def archive_unit(unit: str, paths: Paths, reason: str, now: datetime) -> Entry | None:
    """Copy ``unit``'s receipts, manifests and Parquet into the archive; ``None`` when it has none.

    The files stay where they are, so that readers see the old data until the new are in.
    """
    files = [path for path in (paths.download_receipt(unit), *made_files(unit, paths)) if path.is_file()]
    if not files:
        return None
    entry = plan(paths, files, "refresh", reason, now, unit)
    copy(paths, entry)
    return entry


def made_files(unit: str, paths: Paths) -> list[Path]:
    """What is made of ``unit``'s downloads: manifests, marker, review, receipt, Parquet; whether there or not."""
    named = [paths.root / source["parquet"] for source in exported(unit, paths) if source.get("parquet")]
    return [
        paths.pending_manifest(unit),
        paths.enriched_manifest(unit),
        paths.loaded_marker(unit),
        paths.review(unit),
        paths.export_receipt(unit),
        *named,
    ]


def row_counts(unit: str, paths: Paths) -> dict[str, int]:
    """Rows per table as ``unit`` was last exported."""
    counts: dict[str, int] = {}
    for source in exported(unit, paths):
        counts[source["table"]] = counts.get(source["table"], 0) + int(source["rows"])
    return counts


def exported(unit: str, paths: Paths) -> list[Mapping[str, str]]:
    """The sources in ``unit``'s export receipt; none when it was never exported."""
    try:
        return list(read_json(paths.export_receipt(unit))["sources"])
    except (FileNotFoundError, ValueError, KeyError):
        return []
