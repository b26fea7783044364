"""Old releases out of use and into ``archive/``, so that every one of them can come back.

For each unit, in this order: the index of its archive entry, its record (from here on it is not
pending), the moves, the rows out of the database, the record again, complete. A run that is cut off
anywhere is finished by the next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import DatawarpError, LifecycleError
from datawarp.files import read_json, write_json
from datawarp.lifecycle.entries import (
    Entry,
    entry_from,
    entry_record,
    finish,
    index_path,
    plan,
    put_back,
    remove_empty_folders,
)
from datawarp.lifecycle.refresh import exported, made_files
from datawarp.lifecycle.retention import Decision, Holding, RetentionPolicy, decide, holding_of
from datawarp.lifecycle.rows import FileRows, Standing, purge_unit, record_policy, standing
from datawarp.registry.models import split_unit_name
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name


@dataclass(frozen=True)
class ArchivedUnit:
    """``manifests/archived/<publication>/<unit>.json``: that a unit is archived, and all its files.

    ``purged`` is None while its rows stay in the database, else what the database held of it.
    """

    unit: str
    entry: Entry
    purged: Standing | None = None
    complete: bool = False

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "unit": self.unit,
            "state": "archived",
            "complete": self.complete,
            "purged": asdict(self.purged) if self.purged else None,
            "entry": entry_record(self.entry),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ArchivedUnit:
        """The inverse of :meth:`record`; raises ``KeyError`` or ``TypeError``."""
        purged = record["purged"]
        if purged is not None:
            purged = Standing(tuple(FileRows(**f) for f in purged["files"]), tuple(purged["history"]))
        return cls(record["unit"], entry_from(record["entry"]), purged, record["complete"])


@dataclass
class ArchiveReport:
    """What `archive` did: units with the number of files, those protected or failed with the reason."""

    archived: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    purged_rows: int = 0
    protected: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    considered: int = 0

    def text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"{len(self.archived)} of {self.considered} units moved to the archive, "
            f"{self.purged_rows} rows out of the database, {len(self.failed)} failed"
        ]
        lines += [f"  archived: {unit} ({n} files)" for unit, n in self.archived.items()]
        lines += [f"  finished what an earlier run began: {unit}" for unit in self.finished]
        lines += [f"  kept: {unit}: {why}" for unit, why in self.protected.items()]
        lines += [f"  failed: {unit}: {why}" for unit, why in self.failed.items()]
        return "\n".join(lines)


def archive(
    paths: Paths,
    registry: Registry,
    connect: Callable[[], Connection],
    clock: Callable[[], datetime],
    policy: RetentionPolicy,
    *,
    older_than: timedelta | None = None,
    purge_db: bool = False,
) -> ArchiveReport:
    """Archive every unit that ``older_than``, or else the policy, says is due.

    ``connect`` opens the warehouse; it is called once. With ``purge_db``, or where the unit's rule says
    so, its rows leave the database in one transaction per unit. A unit that cannot be archived safely
    is named in the report and left as it is.
    """
    report = ArchiveReport()
    connection = connect()
    try:
        if policy.rules:
            record_policy(connection, policy, clock())
        for unit in unfinished(paths):
            with _failures(report, unit.unit):
                report.purged_rows += carry_out(paths, connection, unit)
                report.finished.append(unit.unit)
        holdings = _holdings(paths, registry, report)
        report.considered = len(holdings)
        for decision in decide(holdings, policy, clock().date(), older_than):
            _apply(paths, connection, clock, policy, decision, purge_db, report)
    finally:
        connection.close()
    return report


def read_record(paths: Paths, unit: str) -> ArchivedUnit | None:
    """The archive record of ``unit``, or None; raises :class:`LifecycleError` when it is damaged."""
    return _read(paths.archived_record(unit))


def reopen(unit: str, paths: Paths) -> None:
    """End that ``unit`` is archived because it is built anew; its archived files stay in their entry."""
    paths.archived_record(unit).unlink(missing_ok=True)


def unfinished(paths: Paths) -> Iterator[ArchivedUnit]:
    """Units whose way into the archive was cut off."""
    for path in sorted(paths.archived_record("x_y").parent.parent.glob("*/*.json")):
        found = _read(path)
        if found is not None and not found.complete:
            yield found


def gone_by_rule(paths: Paths, policy: RetentionPolicy, destination: str, now: datetime) -> set[str]:
    """Keys of the archived files that a rule with this ``destination`` no longer keeps on this disk."""
    keys: set[str] = set()
    for path in sorted(paths.archived_record("x_y").parent.parent.glob("*/*.json")):
        unit = _read(path)
        rule = policy.rule_for(split_unit_name(unit.unit)[0]) if unit is not None else None
        if unit is None or rule is None or rule.destination != destination or rule.delete_after is None:
            continue
        if now - datetime.fromisoformat(unit.entry.at) > timedelta(days=rule.delete_after):
            keys |= {f.kept for f in unit.entry.files}
    return keys


def reference_units(paths: Paths, registry: Registry) -> set[str]:
    """The units whose manifest later periods are matched to, by the registry or by promotion."""
    named = [p.reference_manifest for p in registry.publications.values() if p.reference_manifest]
    files = [Path(n) for n in named] + list(paths.reference_manifests.glob("*.yaml"))
    return {f.name.removesuffix(".yaml").removesuffix(".enriched") for f in files}


def _holdings(paths: Paths, registry: Registry, report: ArchiveReport) -> list[Holding]:
    references = reference_units(paths, registry)
    found: list[Holding] = []
    for receipt in sorted((paths.output / "receipts").glob("*/*.json")):
        unit = receipt.stem
        with _failures(report, unit):
            publication, period = split_unit_name(unit)
            codes = [str(s["code"]) for s in read_json(receipt)["sources"]]
            found.append(holding_of(unit, publication, period, codes, unit in references))
    return found


def _apply(
    paths: Paths,
    connection: Connection,
    clock: Callable[[], datetime],
    policy: RetentionPolicy,
    decision: Decision,
    purge_db: bool,
    report: ArchiveReport,
) -> None:
    holding = decision.holding
    if not decision.archive:
        if decision.reason.startswith("protected"):
            report.protected[holding.unit] = decision.reason
        return
    with _failures(report, holding.unit):
        rule = policy.rule_for(holding.publication)
        # Downloads and their receipt stay: what they hold may be another unit's too.
        files = [file for file in made_files(holding.unit, paths) if file.exists()]
        entry = plan(paths, files, "archive", decision.reason, clock(), holding.unit)
        purge = purge_db or bool(rule and rule.purge_db)
        unit = ArchivedUnit(holding.unit, entry, standing(connection, holding.unit) if purge else None)
        _check_finished(paths, holding.unit)
        check_whole(paths, unit)
        report.purged_rows += carry_out(paths, connection, unit)
        report.archived[holding.unit] = len(entry.files)


def _check_finished(paths: Paths, unit: str) -> None:
    """Refuse a unit whose files are not its newest state."""
    if paths.failure(unit).exists():
        raise LifecycleError(
            "its last job failed, so its files are not its newest state",
            hint=f"`snakemake {split_unit_name(unit)[0]}` finishes it; then archive again",
        )


def check_whole(paths: Paths, unit: ArchivedUnit) -> None:
    """Refuse a unit whose files could not bring it back: what is archived must be what would be restored.

    Raises :class:`LifecycleError` when its Parquet is not what its receipt says, is of an earlier load, or, where
    its rows are to leave the database, has not as many.
    """
    again = f"`snakemake {unit.unit}` builds it while it is in the registry"
    receipt, marker = paths.export_receipt(unit.unit), paths.loaded_marker(unit.unit)
    if not receipt.exists():
        raise LifecycleError("it was never exported: only the database has its rows", where=unit.unit, hint=again)
    if marker.exists() and marker.stat().st_mtime_ns > receipt.stat().st_mtime_ns:
        raise LifecycleError("it was loaded again after it was exported", where=paths.relative(receipt), hint=again)
    hashes = {f.path: f.sha256 for f in unit.entry.files}
    sources = exported(unit.unit, paths)
    for source in sources:
        found = hashes.get(source["parquet"])
        if found != source["sha256"]:
            raise LifecycleError(
                f"its Parquet has SHA-256 {found or '(no file)'}, and its receipt says {source['sha256']}",
                where=source["parquet"],
                hint=f"`snakemake refresh_{unit.unit}` builds it again while it is in the registry",
            )
    if unit.purged is not None:
        promised = {s["table"]: int(s["rows"]) for s in sources if int(s["rows"])}
        if unit.purged.by_table != promised:
            raise LifecycleError(
                f"the database holds {unit.purged.by_table or 'no rows'}, and its receipt says {promised}: its Parquet "
                "may not be all there is",
                hint="`snakemake validate` says what differs; nothing was moved",
            )


def carry_out(paths: Paths, connection: Connection, unit: ArchivedUnit) -> int:
    """The steps of one unit from wherever they stopped; returns the rows that left the database.

    Raises :class:`LifecycleError`, with the unit in use as it was, when a file or a row is no longer what was planned.
    """
    write_json(index_path(paths, unit.entry), entry_record(unit.entry))
    write_json(paths.archived_record(unit.unit), unit.record())
    try:
        finish(paths, unit.entry)
        purged = purge_unit(connection, unit.unit, unit.purged) if unit.purged is not None else 0
    except LifecycleError:
        _undo(paths, unit)
        raise
    write_json(paths.archived_record(unit.unit), replace(unit, complete=True).record())
    for folder in {(paths.root / f.path).parent for f in unit.entry.files}:
        remove_empty_folders(paths.root, folder)
    return purged


def _undo(paths: Paths, unit: ArchivedUnit) -> None:
    """Take back the way into the archive, unless a file is lost; an older file whose place is taken stays kept."""
    files = unit.entry.files
    if not all((paths.root / f.path).exists() or (paths.archive / f.kept).exists() for f in files):
        return
    for file in files:
        if not (paths.root / file.path).exists():
            put_back(paths, file)
            os.utime(paths.root / file.path, ns=(file.mtime_ns, file.mtime_ns))
    paths.archived_record(unit.unit).unlink()
    if not any((paths.archive / f.kept).exists() for f in files):
        index_path(paths, unit.entry).unlink()
        for kept in [index_path(paths, unit.entry), *(paths.archive / f.kept for f in files)]:
            remove_empty_folders(paths.archive, kept.parent)


def _read(path: Path) -> ArchivedUnit | None:
    try:
        return ArchivedUnit.from_record(read_json(path))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise LifecycleError(
            f"not an archive record: {problem!r}",
            where=str(path),
            hint="bring it back from the bucket (manifests/current/archived/…); the entry's index has the same list",
        ) from problem


@contextmanager
def _failures(report: ArchiveReport, unit: str) -> Iterator[None]:
    """Note a unit's error in the report and let the next unit go on."""
    try:
        yield
    except DatawarpError as problem:
        report.failed[unit] = str(problem)
    except (OSError, ValueError, KeyError) as problem:
        report.failed[unit] = f"{type(problem).__name__}: {problem}"
