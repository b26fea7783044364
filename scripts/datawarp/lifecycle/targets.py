"""What the lifecycle's targets do, with the options that a person types after ``--config``.

Each function has its rule's name. It opens what its work needs (bucket, database, clock), writes the
report to the terminal and the log, and raises when part of the work failed.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from datawarp.errors import DatawarpError, LifecycleError
from datawarp.lifecycle.bucket import Bucket, credentials_from, open_bucket, parse_location
from datawarp.lifecycle.retention import RetentionPolicy, parse_span, read_policy
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings

logger = logging.getLogger("datawarp")
POLICY = "config/retention.yaml"
COMMANDS = frozenset({"restore_backup", "restore_all"})


class Options(BaseModel):
    """Base of the options of one target; other keys of the configuration are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class ArchiveOptions(Options):
    """Options of `archive`."""

    older_than: str | None = Field(
        default=None, description="Archive periods that ended longer ago: 90d, 12w, 6m, 2y. Overrules the rules."
    )
    purge_db: bool = Field(default=False, description="Take the rows of archived units out of the database as well.")


class SyncOptions(Options):
    """Options of `sync`."""

    to: str | None = Field(default=None, description="s3://bucket or s3://bucket/prefix.")
    delete_local: bool = Field(default=False, description="Remove archived files from this disk once verified.")
    verify: bool = Field(default=False, description="Compare every byte on both sides; change nothing.")


class RestoreOptions(Options):
    """Options of `restore_<unit>`."""

    source: str | None = Field(default=None, alias="from", description="s3://bucket or s3://bucket/prefix.")


class RestoreBackupOptions(RestoreOptions):
    """Options of `restore_backup`."""

    backup: str | None = Field(default=None, description="The dump to restore; the newest good one by default.")


class CleanupOptions(Options):
    """Options of `cleanup`."""

    execute: bool = Field(default=False, description="Remove what was found; without it, only report.")
    verbose: bool = Field(default=False, description="Name every orphan.")
    skip: str = Field(default="", description="Kinds to leave alone, separated by commas: parquet,tables.")


class _Report(Protocol):
    def text(self) -> str: ...


OptionsType = TypeVar("OptionsType", bound=Options)


def now() -> datetime:
    """The clock of the targets."""
    return datetime.now(UTC)


def archive(paths: Paths, settings: Settings, registry: Registry, config: Mapping[str, Any], project: str) -> None:
    """`snakemake archive`: old releases to ``archive/``, the catalogue without them."""
    from datawarp.lifecycle import archive as work
    from datawarp.warehouse.connection import connect

    options, policy = read_options(ArchiveOptions, config), find_policy(paths, project)
    older_than = parse_span(options.older_than) if options.older_than else None
    if older_than is None and not policy.rules:
        raise LifecycleError(
            "nothing says what is old",
            hint="say --config older_than=90d, or write rules into config/retention.yaml",
        )
    report = work.archive(
        paths,
        registry,
        lambda: connect(paths, settings),
        now,
        policy,
        older_than=older_than,
        purge_db=options.purge_db,
    )
    if report.archived or report.finished:
        _catalogue(paths, settings, registry)
    tell(report)
    _let_go(paths, policy)
    if report.failed:
        raise LifecycleError(
            f"{len(report.failed)} units could not be archived: {', '.join(report.failed)}",
            hint="each has its reason above; the others are archived",
        )


def cleanup(paths: Paths, settings: Settings, registry: Registry, config: Mapping[str, Any], project: str) -> None:
    """`snakemake cleanup`: orphans reported, with ``execute=true`` removed, the catalogue without them."""
    from datawarp.lifecycle import cleanup as work
    from datawarp.lifecycle.backup import backup as back_up
    from datawarp.warehouse.connection import connect, database_url

    options, policy = read_options(CleanupOptions, config), find_policy(paths, project)

    def backed_up() -> str:
        return paths.relative(back_up(paths, database_url(paths), now, policy.backups).made.path)

    with closing(connect(paths, settings)) as connection:
        report = work.cleanup(
            paths,
            registry,
            connection,
            now,
            backed_up,
            execute=options.execute,
            verbose=options.verbose,
            skip=frozenset(s.strip() for s in options.skip.split(",") if s.strip()),
        )
    if report.catalogue_changed:
        _catalogue(paths, settings, registry)
    tell(report)


def sync(paths: Paths, config: Mapping[str, Any], project: str) -> None:
    """`snakemake sync`: copies in the bucket, or with ``verify=true`` a comparison with them."""
    from datawarp.lifecycle import sync as work

    options, policy = read_options(SyncOptions, config), find_policy(paths, project)
    bucket = require_bucket(options.to, policy, "to")
    if options.verify:
        checked = work.verify(paths, bucket, now)
        tell(checked)
        if checked.findings:
            raise LifecycleError(
                f"{len(checked.findings)} objects or files are not what they should be",
                where=bucket.location,
                hint="`snakemake sync` mends objects from good files, `restore_<unit>` files from good objects",
            )
        return
    _sync_and_tell(paths, bucket, policy, (lambda _: True) if options.delete_local else None)


def backup(paths: Paths, project: str) -> None:
    """`snakemake backup`: a dump of the warehouse, older ones kept by generations."""
    from datawarp.lifecycle import backup as work
    from datawarp.warehouse.connection import database_url

    tell(work.backup(paths, database_url(paths), now, find_policy(paths, project).backups))


def restore_backup(paths: Paths, config: Mapping[str, Any], project: str) -> None:
    """`snakemake restore_backup`: the warehouse as a backup has it."""
    from datawarp.lifecycle import restore_backup as work
    from datawarp.warehouse.connection import database_url

    options = read_options(RestoreBackupOptions, config)
    chosen = Path(options.backup) if options.backup else None
    if options.source:
        chosen = work.fetch_backup(paths, require_bucket(options.source, RetentionPolicy(), "from"), chosen)
    tell(work.restore_backup(paths, database_url(paths), now, chosen))


def restore(
    unit: str, paths: Paths, settings: Settings, registry: Registry, config: Mapping[str, Any], project: str
) -> None:
    """`snakemake restore_<unit>`: the unit's files and rows as they were."""
    from datawarp.lifecycle import restore as work
    from datawarp.warehouse.connection import connect

    options, policy = read_options(RestoreOptions, config), find_policy(paths, project)
    named = options.source or policy.bucket.location
    bucket = require_bucket(named, policy, "from") if named else None

    def load() -> None:
        from datawarp.warehouse.load import load as load_unit

        load_unit(registry.unit(unit), paths, settings)

    with closing(connect(paths, settings)) as connection:
        tell(work.restore(paths, unit, bucket, connection, load, now))
    _catalogue(paths, settings, registry)


def restore_all(paths: Paths, settings: Settings, registry: Registry, config: Mapping[str, Any], project: str) -> None:
    """`snakemake restore_all`: everything that the bucket has of the registry's units and this disk lacks."""
    from datawarp.lifecycle import restore as work
    from datawarp.warehouse.connection import connect

    options, policy = read_options(RestoreOptions, config), find_policy(paths, project)
    bucket = require_bucket(options.source, policy, "from")

    def load(unit: str) -> None:
        from datawarp.warehouse.load import load as load_unit

        load_unit(registry.unit(unit), paths, settings)

    with closing(connect(paths, settings)) as connection:
        report = work.restore_all(paths, [u.name for u in registry.units()], bucket, connection, load, now)
    _catalogue(paths, settings, registry)
    tell(report)
    if report.failed:
        raise LifecycleError(
            f"{len(report.failed)} units could not be restored: {', '.join(report.failed)}",
            where=bucket.location,
            hint="each has its reason above; the others are back",
        )


def adopt(paths: Paths, settings: Settings, registry: Registry) -> None:
    """`snakemake adopt`: an existing installation taken over."""
    from datawarp.lifecycle import adopt as work
    from datawarp.warehouse.connection import connect

    with closing(connect(paths, settings)) as connection:
        tell(work.adopt(paths, registry, connection, now))


def restored_units(arguments: Sequence[str], paths: Paths, registry: Registry) -> list[str]:
    """The units that the words of a command line ask to restore, by their names in the registry.

    A unit that has left the registry can be restored while its archive record is there. Raises
    :class:`RegistryError` for a name that is neither.
    """
    found = []
    for word in arguments:
        match = re.fullmatch(r"restore_([a-z][a-z0-9_]*_[a-z0-9-]+)", word)
        if match and paths.archived_record(match[1]).exists():
            found.append(match[1])
        elif match and word not in COMMANDS:
            found.append(registry.unit(match[1]).name)
    return found


def read_options(kind: type[OptionsType], config: Mapping[str, Any]) -> OptionsType:
    """The options of a target out of Snakemake's ``config``; raises :class:`LifecycleError`."""
    try:
        return kind.model_validate(dict(config))
    except ValidationError as problem:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})" for e in problem.errors())
        raise LifecycleError(told, where="--config", hint="docs/reference/lifecycle.md lists the options") from None


def find_policy(paths: Paths, project: str) -> RetentionPolicy:
    """``config/retention.yaml`` of the run's folder, else that of the project."""
    own = paths.root / POLICY
    return read_policy(own if own.exists() else Path(project) / POLICY)


def require_bucket(
    location: str | None, policy: RetentionPolicy, option: str, environment: Mapping[str, str] = os.environ
) -> Bucket:
    """The bucket that an option or the policy names; raises :class:`LifecycleError` without one."""
    where = location or policy.bucket.location
    if not where:
        raise LifecycleError(
            "no bucket is named",
            hint=f"say --config {option}=s3://bucket/prefix, or write bucket.location into {POLICY}",
        )
    parse_location(where)
    return open_bucket(where, credentials_from(environment))


def tell(report: _Report) -> None:
    """Show a report on the terminal and keep it in the log."""
    logger.info("%s", report.text())
    sys.stdout.write(report.text() + "\n")
    sys.stdout.flush()


def _sync_and_tell(paths: Paths, bucket: Bucket, policy: RetentionPolicy, may_go: Callable[[str], bool] | None) -> None:
    """Sync; then the archived files whose keys ``may_go`` leave this disk."""
    from datawarp.lifecycle import sync as work

    report = work.sync(paths, bucket, now, may_go=may_go, transition=policy.bucket.transition)
    tell(report)
    if not report.complete:
        raise LifecycleError(
            f"{len(report.failed) + report.not_tried} files are not in the bucket as they should be",
            where=bucket.location,
            hint="each has its reason above; run the command again when it is mended, the rest is done",
        )


def _let_go(paths: Paths, policy: RetentionPolicy) -> None:
    """Upload what rules send to a bucket, and remove what they no longer keep on this disk."""
    from datawarp.lifecycle.archive import gone_by_rule

    for destination in dict.fromkeys(r.destination for r in policy.rules if r.destination != "archive"):
        due = gone_by_rule(paths, policy, destination, now())
        _sync_and_tell(paths, require_bucket(destination, policy, "to"), policy, due.__contains__)


def _catalogue(paths: Paths, settings: Settings, registry: Registry) -> None:
    """The catalogue of what is in use now; one that cannot be made undoes nothing."""
    from datawarp.publish.catalogue import catalogue

    try:
        catalogue(paths, settings, registry)
    except DatawarpError as problem:
        logger.warning("the catalogue could not be made: %s", problem)
        sys.stderr.write(f"the catalogue could not be made: {problem}\n")
