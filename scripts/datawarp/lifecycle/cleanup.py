"""Orphans reported, and on request removed: files into the archive first, the database in one transaction.

Before anything leaves the database it is backed up; a unit that left the registry becomes an archived
unit, which `restore_<unit>` brings back. One whose rows its Parquet does not have stays as it is, and is named.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datawarp.acquire.index import forget, read_index
from datawarp.acquire.store import nothing_taken_in
from datawarp.errors import LifecycleError
from datawarp.lifecycle.archive import ArchivedUnit, carry_out, check_whole
from datawarp.lifecycle.entries import keep, plan, remove_empty_folders
from datawarp.lifecycle.orphans import GROUPS, WORDS, Findings, Orphan, find_orphans
from datawarp.lifecycle.rows import standing
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.warehouse.load.locks import lock_tables

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

NAMES_SHOWN = 10
_IN_DATABASE = ("source_without_table", "table_without_source", "records_without_source")
_DELETED = ("cache_of_finished_unit", "temporary_file")
_BY_HAND = ("left_by_restore",)
USED_AGAIN = "it is no orphan any more: something changed while cleanup was at work"


@dataclass
class CleanupReport:
    """What was found, and what was done about it (nothing without ``execute``).

    ``kept`` says why an orphan was left as it is.
    """

    findings: Findings
    verbose: bool = False
    executed: bool = False
    archived_to: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    backup: str | None = None
    catalogue_changed: bool = False

    def text(self) -> str:
        """The report for the terminal: counts and names by kind."""
        orphans = self.findings.orphans
        counts = Counter(o.kind for o in orphans)
        lines = [f"{len(orphans)} orphans" if orphans else "no orphans"]
        for kind in (k for k in WORDS if counts[k]):
            lines.append(f"{counts[kind]:6d} {WORDS[kind]}")
            named = [o for o in orphans if o.kind == kind]
            shown = named if self.verbose else named[:NAMES_SHOWN]
            lines += [f"         {o.name}" + (f": {o.detail}" if o.detail else "") for o in shown]
            if self.verbose:
                continue
            if len(named) > len(shown):
                lines.append(f"         and {len(named) - len(shown)} more (--config verbose=true)")
        lines += [f"not checked: {what}" for what in self.findings.not_checked]
        if self.executed:
            lines += [f"kept in the archive: {entry}" for entry in self.archived_to]
            lines += [f"left as it is: {name}: {why}" for name, why in self.kept.items()]
            lines += [f"the database before: {self.backup}"] if self.backup else []
        elif any(o.kind not in _BY_HAND for o in orphans):
            lines.append("nothing was changed; --config execute=true removes them, files into the archive first")
        return "\n".join(lines)


def cleanup(
    paths: Paths,
    registry: Registry,
    connection: Connection,
    clock: Callable[[], datetime],
    back_up: Callable[[], str],
    *,
    execute: bool = False,
    verbose: bool = False,
    skip: frozenset[str] = frozenset(),
) -> CleanupReport:
    """Find orphans apart from the groups in ``skip``; with ``execute`` remove them.

    ``back_up`` makes a backup of the database and says where; it is called before the first row goes.
    Raises :class:`LifecycleError` for an unknown group, or when a file cannot be kept; then the database is
    as it was.
    """
    unknown = skip - set(GROUPS.values())
    if unknown:
        raise LifecycleError(
            f"skip={','.join(sorted(unknown))} names no kind of orphan",
            where="--config",
            hint=f"one or more of {', '.join(sorted(set(GROUPS.values())))}, separated by commas",
        )
    report = CleanupReport(find_orphans(paths, registry, connection, clock(), skip), verbose)
    if execute and report.findings.orphans:
        _remove(paths, registry, connection, clock, back_up, skip, report)
    return report


def _remove(
    paths: Paths,
    registry: Registry,
    connection: Connection,
    clock: Callable[[], datetime],
    back_up: Callable[[], str],
    skip: frozenset[str],
    report: CleanupReport,
) -> None:
    if any(o.kind in {*_IN_DATABASE, "unit_not_in_registry"} for o in report.findings.orphans):
        report.backup = back_up()
    downloads = [Path(o.name).name for o in report.findings.orphans if o.kind == "download_unreferenced"]
    with nothing_taken_in(paths, downloads):
        orphans = _still_orphans(find_orphans(paths, registry, connection, clock(), skip), report)
        units = [o for o in orphans if o.kind == "unit_not_in_registry"]
        moved = [o for o in orphans if o.files and o not in units and o.kind not in _DELETED]
        files = [file for orphan in moved for file in orphan.files]
        if files:
            entry = plan(paths, files, "cleanup", f"orphans: {', '.join(sorted({o.kind for o in moved}))}", clock())
            keep(paths, entry)
            report.archived_to.append(entry.id)
        _forget_addresses(paths, orphans)
    in_database = [o for o in orphans if o.kind in _IN_DATABASE]
    for orphan in units:
        try:
            report.archived_to.append(_archive_unit(paths, connection, clock, orphan))
        except LifecycleError as problem:
            report.kept[orphan.name] = str(problem)
    report.kept |= {o.name: USED_AGAIN for o in _drop(connection, in_database)}
    for orphan in orphans:
        if orphan.kind in _DELETED:
            for file in orphan.files:
                file.unlink(missing_ok=True)
        if orphan.kind == "cache_of_finished_unit":
            shutil.rmtree(paths.typed_tables(orphan.name), ignore_errors=True)
        for folder in {f.parent for f in orphan.files}:
            _remove_folder(paths, folder)
    report.catalogue_changed = bool(files or units or in_database)
    report.executed = True


def _still_orphans(now: Findings, report: CleanupReport) -> list[Orphan]:
    """Those of the report's orphans that still are: the backup takes its time, and other jobs go on meanwhile."""
    current = {(o.kind, o.name): o for o in now.orphans}
    found = []
    for orphan in report.findings.orphans:
        if (orphan.kind, orphan.name) in current:
            found.append(current[orphan.kind, orphan.name])
        else:
            report.kept[orphan.name] = USED_AGAIN
    return found


def _forget_addresses(paths: Paths, orphans: Sequence[Orphan]) -> None:
    """Take out of the download index what no unit uses, and what speaks of bytes that have just left the store."""
    unused = {o.name for o in orphans if o.kind == "address_without_unit"}
    gone = {Path(o.name).name for o in orphans if o.kind == "download_unreferenced"}
    if unused or gone:
        forget(paths, unused | {url for url, entry in read_index(paths).items() if entry.sha256 in gone})


def _remove_folder(paths: Paths, folder: Path) -> None:
    """Remove an emptied folder; the lock file of a store folder goes with it."""
    if folder.is_dir() and {p.name for p in folder.iterdir()} <= {".lock"}:
        (folder / ".lock").unlink(missing_ok=True)
        remove_empty_folders(paths.root, folder)


def _archive_unit(paths: Paths, connection: Connection, clock: Callable[[], datetime], orphan: Orphan) -> str:
    """A unit that left the registry becomes an archived unit without rows in the database.

    Raises :class:`LifecycleError`, with everything where it was, when its files could not bring its rows back.
    """
    entry = plan(paths, orphan.files, "cleanup", "it left the registry", clock(), orphan.name)
    unit = ArchivedUnit(orphan.name, entry, standing(connection, orphan.name))
    if unit.purged is not None and unit.purged.files:
        check_whole(paths, unit)
    carry_out(paths, connection, unit)
    return entry.id


def _drop(connection: Connection, orphans: Sequence[Orphan]) -> list[Orphan]:
    """Remove sources, tables and records in one transaction; foreign keys and the trigger do the rest.

    Each is looked at once more under the locks that a load takes. Returns those that were left because something
    uses them now.
    """
    from psycopg2 import sql

    left = []
    with connection, connection.cursor() as cursor:
        lock_tables(cursor, _tables_of(cursor, orphans))
        for orphan in orphans:
            if not _is_unused(cursor, orphan):
                left.append(orphan)
            elif orphan.kind == "table_without_source":
                table = sql.Identifier("staging", orphan.name.removeprefix("staging."))
                cursor.execute(sql.SQL("DROP TABLE {}").format(table))
            else:
                cursor.execute("DELETE FROM datawarp.tbl_data_sources WHERE source_code = %s", (orphan.name,))
                cursor.execute("DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = %s", (orphan.name,))
    return left


def _tables_of(cursor: Cursor, orphans: Sequence[Orphan]) -> set[str]:
    """The staging tables, there or not, that these orphans are or belong to."""
    cursor.execute(
        "SELECT table_name FROM datawarp.tbl_data_sources WHERE source_code = ANY(%s)",
        ([o.name for o in orphans if o.kind == "source_without_table"],),
    )
    tables = {str(row[0]) for row in cursor.fetchall()}
    return tables | {o.name.removeprefix("staging.") for o in orphans if o.kind == "table_without_source"}


def _is_unused(cursor: Cursor, orphan: Orphan) -> bool:
    """Whether it is still what it was found to be; a source's record is held until the transaction ends."""
    if orphan.kind == "table_without_source":
        table = orphan.name.removeprefix("staging.")
        return not _finds(cursor, "SELECT 1 FROM datawarp.tbl_data_sources WHERE table_name = %s", table)
    # A load that is about to use the record holds it; what that load did is seen by the statements after this one.
    cursor.execute("SELECT FROM datawarp.tbl_canonical_sources WHERE source_code = %s FOR UPDATE", (orphan.name,))
    if orphan.kind == "records_without_source":
        return not _finds(cursor, "SELECT 1 FROM datawarp.tbl_data_sources WHERE source_code = %s", orphan.name)
    return not _finds(
        cursor,
        "SELECT 1 FROM datawarp.tbl_data_sources WHERE source_code = %s "
        "AND to_regclass(format('staging.%%I', table_name)) IS NOT NULL",
        orphan.name,
    )


def _finds(cursor: Cursor, query: str, name: str) -> bool:
    cursor.execute(query, (name,))
    return cursor.fetchone() is not None
