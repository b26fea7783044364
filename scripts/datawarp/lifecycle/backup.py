"""Backups of the warehouse: dumped in one snapshot, hashed, described, and kept by generations.

``archive/backups/<date>/<name>.dump`` is pg_dump's custom format; ``<name>.json`` beside it says its hash
and what every table held at that moment. A dump without its sidecar is not a backup: the sidecar is
written last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from datawarp.errors import LifecycleError
from datawarp.files import read_json, replacing, sha256_file, write_json
from datawarp.lifecycle.entries import remove_empty_folders
from datawarp.lifecycle.fingerprint import SCHEMAS, TableFigures, fingerprint
from datawarp.lifecycle.pgtools import Tools, find_tools
from datawarp.lifecycle.retention import Generations
from datawarp.registry.paths import Paths
from datawarp.warehouse.connection import open_connection, schema_version


@dataclass(frozen=True)
class Backup:
    """A backup as its sidecar describes it; ``folder`` is where both files lie."""

    folder: Path
    file: str
    created_at: str
    sha256: str
    size_bytes: int
    server_version: int
    pg_dump: str
    schema_version: str | None
    tables: dict[str, TableFigures]

    @property
    def path(self) -> Path:
        """The dump."""
        return self.folder / self.file

    @property
    def sidecar(self) -> Path:
        """Its description."""
        return self.path.with_suffix(".json")

    @property
    def when(self) -> datetime:
        """The moment whose state it holds."""
        return datetime.fromisoformat(self.created_at)

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(t.rows for t in self.tables.values())


@dataclass
class BackupReport:
    """The new backup, those that retention removed, and those that cannot be trusted, with the reason."""

    made: Backup
    removed: list[str] = field(default_factory=list)
    doubtful: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The report for the terminal."""
        made = self.made
        lines = [f"{made.path}: {made.rows} rows in {len(made.tables)} tables, {made.size_bytes} bytes"]
        lines += [f"  removed by retention: {name}" for name in self.removed]
        lines += [f"  not to be trusted: {name}: {why}" for name, why in self.doubtful.items()]
        return "\n".join(lines)


def backup(paths: Paths, url: str, clock: Callable[[], datetime], keep: Generations) -> BackupReport:
    """Dump the warehouse at the libpq address ``url``, then remove what ``keep`` no longer holds.

    Raises :class:`LifecycleError` when it cannot be dumped; then nothing is removed.
    """
    made = _dump(paths, url, clock())
    report = BackupReport(made)
    trusted, report.doubtful = backups(paths)
    for old in superseded(trusted, keep):
        # The description goes first: a dump without one is never taken for a backup.
        old.sidecar.unlink()
        old.path.unlink()
        remove_empty_folders(paths.archive, old.folder)
        report.removed.append(old.file)
    return report


def backups(paths: Paths) -> tuple[list[Backup], dict[str, str]]:
    """The backups on this disk, oldest first, and by name those that cannot be trusted, with the reason.

    Sizes are compared, bytes are not read: :func:`check` does that.
    """
    found: list[Backup] = []
    doubtful: dict[str, str] = {}
    for sidecar in sorted(paths.backups.glob("*/*.json")):
        try:
            record = read_sidecar(sidecar)
            if record.path.stat().st_size != record.size_bytes:
                raise LifecycleError(f"{record.path.stat().st_size} bytes, {record.size_bytes} expected")
        except (LifecycleError, OSError) as problem:
            doubtful[sidecar.name] = str(problem)
        else:
            found.append(record)
    described = {b.path for b in found}
    for dump in sorted(paths.backups.glob("*/*.dump")):
        if dump not in described and dump.with_suffix(".json").name not in doubtful:
            doubtful[dump.name] = "it has no description: the backup was cut off"
    return sorted(found, key=lambda b: b.when), doubtful


def read_sidecar(sidecar: Path) -> Backup:
    """The backup that ``sidecar`` describes; raises :class:`LifecycleError`."""
    try:
        record: dict[str, Any] = read_json(sidecar)
        if Path(record["file"]).name != record["file"]:
            raise ValueError(f"the dump {record['file']!r} does not lie beside it")
        tables = {name: TableFigures(**figures) for name, figures in record.pop("tables").items()}
        return Backup(folder=sidecar.parent, tables=tables, **record)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise LifecycleError(
            f"not the description of a backup: {problem!r}", where=str(sidecar), hint="use another backup"
        ) from problem


def check(found: Backup) -> None:
    """Read the dump's bytes; raises :class:`LifecycleError` when they are not what its sidecar says."""
    sha256 = sha256_file(found.path)
    if sha256 != found.sha256:
        raise LifecycleError(
            f"the backup is damaged: SHA-256 {sha256}, expected {found.sha256}",
            where=str(found.path),
            hint="use another one with --config backup=PATH, or bring it back from the bucket",
        )


def superseded(found: Iterable[Backup], keep: Generations) -> list[Backup]:
    """The backups that no generation holds: newest of each of so many days, ISO weeks and months.

    Days, weeks and months without a backup do not count. The newest backup is never among them.
    """
    ordered = sorted(found, key=lambda b: b.when, reverse=True)
    kept = {b.path for b in ordered[:1]}
    generations: tuple[tuple[Callable[[datetime], tuple[int, ...]], int], ...] = (
        (lambda t: (t.year, t.month, t.day), keep.daily),
        (lambda t: tuple(t.isocalendar()[:2]), keep.weekly),
        (lambda t: (t.year, t.month), keep.monthly),
    )
    for period_of, number in generations:
        newest: dict[tuple[int, ...], Backup] = {}
        for candidate in ordered:
            newest.setdefault(period_of(candidate.when), candidate)
        kept |= {b.path for b in list(newest.values())[:number]}
    return [b for b in reversed(ordered) if b.path not in kept]


def _dump(paths: Paths, url: str, now: datetime) -> Backup:
    folder = paths.backups / now.date().isoformat()
    name = f"datawarp-{now:%Y%m%dT%H%M%SZ}"
    target = folder / f"{name}.dump"
    if target.exists():
        raise LifecycleError("a backup of this very second is there already", where=str(target), hint="run it again")
    connection = open_connection(url)
    try:
        tools = find_tools(connection.server_version)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = str((cursor.fetchone() or ("",))[0])
        version = schema_version(connection)
        if version is None:
            raise LifecycleError(
                "there is nothing to back up: the database has no table of DataWarp",
                hint="is DATABASE_URL the database you mean? `snakemake all` makes the schema",
            )
        with replacing(target) as temporary:
            _pg_dump(tools, url, snapshot, temporary)
            # In the snapshot that was dumped: a load that commits meanwhile is in neither.
            tables = fingerprint(connection)
            sha256, size = sha256_file(temporary), temporary.stat().st_size
            tools.run("pg_restore", ["--list", str(temporary)], url)
    finally:
        connection.close()
    made = Backup(
        folder=folder,
        file=target.name,
        created_at=now.isoformat(timespec="seconds"),
        sha256=sha256,
        size_bytes=size,
        server_version=connection.server_version,
        pg_dump=tools.version,
        schema_version=version,
        tables=tables,
    )
    write_json(made.sidecar, {k: v for k, v in asdict(made).items() if k != "folder"})
    return made


def _pg_dump(tools: Tools, url: str, snapshot: str, target: Path) -> None:
    arguments = ["--format=custom", "--compress=6", "--no-owner", "--no-privileges", "--no-password"]
    arguments += [f"--snapshot={snapshot}", "--lock-wait-timeout=600000", f"--file={target}"]
    arguments += [f"--schema={name}" for name in SCHEMAS]
    tools.run("pg_dump", arguments, url)
