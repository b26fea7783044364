"""A unit back into use: its files from the archive or the bucket, its rows into the database.

Of an archived unit everything comes back as it was. Of a unit in use, what is missing or damaged on this
disk comes from the bucket; files that are whole stay, and a damaged one is kept in the archive. The
unit's archive record goes last, so a restore that is cut off is carried on by the next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datawarp.errors import DatawarpError, LifecycleError
from datawarp.files import sha256_bytes, sha256_file, write_bytes
from datawarp.lifecycle.archive import ArchivedUnit, read_record
from datawarp.lifecycle.bucket import Bucket
from datawarp.lifecycle.entries import KeptFile, index_path, inside, keep, plan, put_back, remove_empty_folders
from datawarp.lifecycle.inventory import key_of, path_of
from datawarp.lifecycle.rows import can_put_back, standing
from datawarp.lifecycle.rows import put_back as put_back_rows
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

RowsBack = Literal["there", "put back", "loaded"]


@dataclass
class RestoreReport:
    """What came back of a unit and from where; ``rows`` says how its rows got into the database."""

    unit: str
    from_archive: list[str] = field(default_factory=list)
    from_bucket: list[str] = field(default_factory=list)
    displaced: list[str] = field(default_factory=list)
    rows: RowsBack = "there"
    row_count: int = 0

    def text(self) -> str:
        """The report for the terminal."""
        how = {"there": "were in the database", "put back": "put back out of Parquet", "loaded": "loaded again"}
        lines = [
            f"{self.unit}: {len(self.from_archive)} files from the archive, {len(self.from_bucket)} from the bucket; "
            f"{self.row_count} rows {how[self.rows]}"
        ]
        lines += [f"  what was there is now in the archive: {path}" for path in self.displaced]
        return "\n".join(lines)


def restore(
    paths: Paths,
    unit: str,
    bucket: Bucket | None,
    connection: Connection,
    load: Callable[[], None],
    clock: Callable[[], datetime],
) -> RestoreReport:
    """Bring ``unit`` back; ``load`` loads it from its manifest where its rows cannot be put back.

    Without a ``bucket`` only the archive on this disk is looked at. Raises :class:`LifecycleError` when a
    file is nowhere or not what it was, or when the rows do not come out as the receipt says.
    """
    report = RestoreReport(unit)
    record = read_record(paths, unit) or _record_in_bucket(paths, unit, bucket)
    if record is None and bucket is None and not paths.export_receipt(unit).exists():
        raise LifecycleError(
            "the unit is neither archived nor in use on this disk",
            where=unit,
            hint="name the bucket with --config from=s3://bucket/prefix, or build it with `snakemake "
            f"{unit.rpartition('_')[0]}`",
        )
    if record is not None:
        for file in record.entry.files:
            _bring(paths, file, bucket, clock, report)
    elif bucket is not None:
        _bring_what_is_missing(paths, unit, bucket, clock, report)
    if bucket is not None:
        _bring_downloads(paths, unit, bucket, clock, report)
    _bring_rows(paths, unit, record, connection, load, report)
    if record is not None:
        paths.archived_record(unit).unlink(missing_ok=True)
        index_path(paths, record.entry).unlink(missing_ok=True)
        for folder in [index_path(paths, record.entry), *(paths.archive / f.kept for f in record.entry.files)]:
            remove_empty_folders(paths.archive, folder.parent)
    return report


@dataclass
class RestoreAllReport:
    """What came back of a whole installation: by unit, those that stay archived, and those that failed, with why."""

    restored: dict[str, RestoreReport] = field(default_factory=dict)
    archived: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"{len(self.restored)} units restored, {len(self.archived)} stay archived, {len(self.absent)} are not in "
            f"the bucket, {len(self.failed)} failed"
        ]
        lines += [report.text() for report in self.restored.values()]
        lines += [f"{unit}: not in the bucket; `snakemake all` builds it" for unit in self.absent]
        lines += [f"{unit}: failed: {why}" for unit, why in self.failed.items()]
        return "\n".join(lines)


def restore_all(
    paths: Paths,
    units: Iterable[str],
    bucket: Bucket,
    connection: Connection,
    load: Callable[[str], None],
    clock: Callable[[], datetime],
) -> RestoreAllReport:
    """Bring back all that the bucket has of ``units`` and this disk lacks; archived units stay archived.

    ``load`` loads a unit by its name. A unit's error is told in the report while the others go on.
    """
    report = RestoreAllReport()
    keys = {
        o.key
        for under in ("manifests/current/archived/", "parquet/current/", "downloads/index.json")
        for o in bucket.objects(under)
    }
    for key in sorted(k for k in keys if not k.startswith(("parquet/current/receipts/", "parquet/current/parquet/"))):
        try:
            target = paths.root / path_of(key)
        except ValueError as problem:
            report.failed[key] = f"an object that DataWarp did not make: {problem}"
            continue
        in_use = key.startswith("manifests/current/archived/") and paths.export_receipt(target.stem).exists()
        if not target.exists() and not in_use:
            bucket.fetch(key, target, None)
    for unit in units:
        if paths.archived_record(unit).exists():
            report.archived.append(unit)
        elif key_of(paths.relative(paths.export_receipt(unit))) not in keys:
            report.absent.append(unit)
        else:
            try:
                report.restored[unit] = restore(paths, unit, bucket, connection, partial(load, unit), clock)
            except DatawarpError as problem:
                report.failed[unit] = str(problem)
            except (OSError, ValueError, KeyError, TypeError) as problem:
                report.failed[unit] = f"{type(problem).__name__}: {problem}"
    return report


def _record_in_bucket(paths: Paths, unit: str, bucket: Bucket | None) -> ArchivedUnit | None:
    """The archive record that the bucket has of a unit which this disk knows nothing of."""
    if bucket is None or paths.export_receipt(unit).exists():
        return None
    file = paths.archived_record(unit)
    body = bucket.read(key_of(paths.relative(file)))
    if body is None:
        return None
    write_bytes(file, body)
    return read_record(paths, unit)


def _bring(
    paths: Paths, file: KeptFile, bucket: Bucket | None, clock: Callable[[], datetime], report: RestoreReport
) -> None:
    """One file of an archive entry back to where it was."""
    target = paths.root / file.path
    if target.exists():
        if sha256_file(target) == file.sha256:
            return
        _displace(paths, target, report, clock)
    if put_back(paths, file):
        report.from_archive.append(file.path)
        return
    if bucket is None:
        raise LifecycleError(
            "the file is not in the archive on this disk",
            where=file.kept,
            hint="if it was uploaded, name the bucket with --config from=s3://bucket/prefix",
        )
    bucket.fetch(file.kept, target, file.sha256)
    os.utime(target, ns=(file.mtime_ns, file.mtime_ns))
    report.from_bucket.append(file.path)


def _bring_what_is_missing(
    paths: Paths, unit: str, bucket: Bucket, clock: Callable[[], datetime], report: RestoreReport
) -> None:
    """The files of a unit in use, in the order of the stages, so that none is older than what it is made from."""
    for file in (
        paths.download_receipt(unit),
        paths.pending_manifest(unit),
        paths.enriched_manifest(unit),
        paths.loaded_marker(unit),
    ):
        _fetch_if_missing(paths, file, None, bucket, report)
    receipt = paths.export_receipt(unit)
    body = receipt.read_bytes() if receipt.exists() else bucket.read(key_of(paths.relative(receipt)))
    if body is None:
        raise LifecycleError(
            "the bucket has no export receipt of this unit",
            where=f"{bucket.location}/{key_of(paths.relative(receipt))}",
            hint=f"build it with `snakemake {unit.rpartition('_')[0]}`",
        )
    for source in _listed(body, receipt, "sources", "parquet"):
        parquet = paths.root / source["parquet"]
        if parquet.exists() and sha256_file(parquet) != source["sha256"]:
            _displace(paths, parquet, report, clock)
        _fetch_if_missing(paths, parquet, str(source["sha256"]), bucket, report)
    _fetch_if_missing(paths, receipt, sha256_bytes(body), bucket, report)


def _bring_downloads(
    paths: Paths, unit: str, bucket: Bucket, clock: Callable[[], datetime], report: RestoreReport
) -> None:
    """The retained downloads that the unit's receipt names, where they are missing or damaged."""
    receipt = paths.download_receipt(unit)
    _fetch_if_missing(paths, receipt, None, bucket, report, required=False)
    if not receipt.exists():
        return
    for file in _listed(receipt.read_bytes(), receipt, "files", "path"):
        original = paths.root / file["path"]
        if original.exists() and sha256_file(original) != file["sha256"]:
            _displace(paths, original, report, clock)
        _fetch_if_missing(paths, original, str(file["sha256"]), bucket, report, required=False)
        _fetch_if_missing(paths, original.parent / "metadata.json", None, bucket, report, required=False)


def _fetch_if_missing(
    paths: Paths, file: Path, sha256: str | None, bucket: Bucket, report: RestoreReport, required: bool = True
) -> None:
    if file.exists():
        return
    key = key_of(paths.relative(file))
    if bucket.head(key) is None:
        if required:
            raise LifecycleError(
                "the file is neither on this disk nor in the bucket",
                where=f"{bucket.location}/{key}",
                hint="see `snakemake sync --config verify=true`; what is there can be built again with `snakemake all`",
            )
        return
    bucket.fetch(key, file, sha256)
    report.from_bucket.append(paths.relative(file))


def _displace(paths: Paths, file: Path, report: RestoreReport, clock: Callable[[], datetime]) -> None:
    """Keep a file that is not what it should be in the archive, out of the way."""
    keep(paths, plan(paths, [file], "restore", f"replaced by the restore of {report.unit}", clock(), report.unit))
    report.displaced.append(paths.relative(file))


def _bring_rows(
    paths: Paths,
    unit: str,
    record: ArchivedUnit | None,
    connection: Connection,
    load: Callable[[], None],
    report: RestoreReport,
) -> None:
    """The rows that the unit's receipt promises; without a receipt those that it had when it was archived."""
    receipt = paths.export_receipt(unit)
    before = record.purged if record else None
    found = standing(connection, unit).by_table
    parquet: dict[str, Path] = {}
    if receipt.exists():
        sources = _listed(receipt.read_bytes(), receipt, "sources", "parquet")
        parquet = {str(s["code"]): paths.root / s["parquet"] for s in sources}
        expected = {str(s["table"]): int(s["rows"]) for s in sources if int(s["rows"])}
    elif record is not None:
        expected = before.by_table if before is not None else found
    else:
        raise LifecycleError(
            "the unit has no export receipt, so nothing says what its rows were",
            where=paths.relative(receipt),
            hint=f"`snakemake {unit.rpartition('_')[0]}` builds it",
        )
    report.row_count = sum(expected.values())
    if found == expected:
        return
    in_parquet = before is not None and not found and {f.source_code for f in before.files} <= parquet.keys()
    if before is not None and in_parquet and can_put_back(connection, before):
        put_back_rows(connection, unit, before, parquet)
        report.rows = "put back"
    else:
        load()
        if receipt.exists():
            # The marker is new; the receipt and the Parquet still describe the same rows.
            os.utime(receipt)
        report.rows = "loaded"
    found = standing(connection, unit).by_table
    if found != expected:
        raise LifecycleError(
            f"the database now holds {found}, and there were {expected}",
            where=unit,
            hint=f"`snakemake refresh_{unit} --config replay=true` builds the unit again from its retained downloads",
        )


def _listed(body: bytes, file: Path, key: str, place: str) -> list[dict[str, Any]]:
    """The entries ``key`` of a receipt, whose paths (``place``) stay below the root."""
    try:
        entries = list(json.loads(body)[key])
        for entry in entries:
            inside(entry[place])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise LifecycleError(
            f"the receipt cannot be read: {problem!r}",
            where=str(file),
            hint="move it away and run the restore again with --config from=s3://bucket/prefix",
        ) from problem
    return entries
