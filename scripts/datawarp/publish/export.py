"""The export stage: one Parquet file per source and period of a unit, verified against the database.

What a unit has is written aside first, and takes its place once all of it is verified; the receipt comes last. So a
job that fails leaves the old files, and one that is killed leaves each file old or new, and the unit due.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from datawarp.errors import PublishError
from datawarp.files import read_json, write_json
from datawarp.publish.metadata import write_metadata
from datawarp.publish.partition import Partition, partitions
from datawarp.publish.receipts import read_receipt, sources_locked, update_receipt, write_receipt
from datawarp.publish.schema import DatabaseColumn, arrow_schema, in_order, table_columns
from datawarp.publish.staged import Staged, stage
from datawarp.publish.versions import retire
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

logger = logging.getLogger("datawarp")


def export(unit: Unit, paths: Paths, settings: Settings) -> None:
    """Write the Parquet files, the receipt and the metadata pages of what ``unit`` has in the database.

    All files of a source keep one schema: where this unit's load brought a column or a wider type, the files of
    its other periods are brought to it too, and their receipts with them. Files of sources that the unit no longer
    has leave ``output/parquet``. Earlier versions stay under ``output/.versions``. Raises
    :class:`PublishError` when what is in Parquet is not what is in the database; then nothing is replaced.
    """
    with closing(connect(paths, settings)) as connection, _staging(unit, paths) as staging:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        codes = _loaded_sources(connection, unit)
        staged = [_Source(connection, code, paths, settings, staging).stage(unit) for code in codes]
        gone = _given_up(unit, codes, paths)
        with sources_locked([*codes, *gone], paths):
            exported = []
            for earlier in staged:
                source = _Source(connection, earlier.partition.source, paths, settings, staging)
                exported.append(source.publish(unit, earlier).exported)
            for code in gone:
                retire(paths.parquet(code, unit.when.canonical, unit.name), paths, settings.export.versions)
                paths.profile(code, unit.name).unlink(missing_ok=True)
                _Source(connection, code, paths, settings, staging).follow(unit)
            write_receipt(unit.name, unit.period, exported, paths)
    shutil.rmtree(paths.typed_tables(unit.name), ignore_errors=True)


@contextmanager
def _staging(unit: Unit, paths: Paths) -> Iterator[Path]:
    """An empty folder for the unit's files; a job that was killed may have left some there."""
    folder = paths.export_staging(unit.name)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _loaded_sources(connection: Connection, unit: Unit) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code FROM datawarp.tbl_load_history "
            "WHERE unit = %s AND is_current AND outcome <> 'removed' ORDER BY source_code COLLATE \"C\"",
            (unit.name,),
        )
        codes = [str(row[0]) for row in cursor.fetchall()]
    connection.rollback()
    if not codes:
        raise PublishError(
            f"the database holds nothing of {unit.name}, although it is marked as loaded",
            where=unit.name,
            hint="was the database changed or emptied? `snakemake validate` tells, and loading again mends it",
        )
    return codes


def _given_up(unit: Unit, codes: Sequence[str], paths: Paths) -> list[str]:
    """The sources that have a file of the unit, although it no longer has anything in them."""
    named = {entry.code for entry in read_receipt(paths.export_receipt(unit.name))}
    found = {
        path.parent.parent.name
        for path in (paths.output / "parquet").glob(f"*/period={unit.when.canonical}/{unit.name}.parquet")
    }
    return sorted((named | found) - set(codes))


@dataclass(frozen=True)
class _Source:
    """A source's files and its table."""

    connection: Connection
    code: str
    paths: Paths
    settings: Settings
    staging: Path

    def stage(self, unit: Unit) -> Staged:
        """Write the unit's file aside; no lock is needed."""
        held = partitions(self.connection, self.code)
        own, columns = self._own(unit, held), self._columns(held)
        return stage(self.connection, own, columns, self.staging, self.paths)

    def publish(self, unit: Unit, staged: Staged) -> Staged:
        """Put the unit's file in its place, bring those of other periods to its schema, and renew the page.

        Call it, and :meth:`follow`, with the source's lock held. The file is written anew when the table or the
        load's record changed meanwhile. Gives what was put in place.
        """
        self._finish_journal()
        held = partitions(self.connection, self.code)
        own, columns = self._own(unit, held), self._columns(held)
        if (own, tuple(columns)) != (staged.partition, staged.columns):
            staged = stage(self.connection, own, columns, self.staging, self.paths)
        staged.publish(self.paths, self.settings.export.versions)
        self._bring_to_schema(held, columns, but=unit.name)
        self._renew_page(unit)
        return staged

    def follow(self, unit: Unit) -> None:
        """After a file was retired: the other files and the page as they are without it."""
        self._finish_journal()
        held = partitions(self.connection, self.code)
        if held:
            self._bring_to_schema(held, self._columns(held))
        self._renew_page(unit)

    def _renew_page(self, unit: Unit) -> None:
        self.connection.rollback()
        write_metadata(self.connection, self.code, unit.settings, self.paths)
        self.connection.rollback()

    def _own(self, unit: Unit, held: Sequence[Partition]) -> Partition:
        return next(partition for partition in held if partition.unit == unit.name)

    def _columns(self, held: Sequence[Partition]) -> list[DatabaseColumn]:
        return in_order(table_columns(self.connection, held[0].table), [p.delivered for p in held])

    def _path(self, partition: Partition) -> Path:
        return self.paths.parquet(self.code, partition.period, partition.unit)

    def _bring_to_schema(
        self, held: Sequence[Partition], columns: Sequence[DatabaseColumn], but: str | None = None
    ) -> None:
        """Rewrite the files of other periods whose columns are not those of the table any more."""
        schema = arrow_schema(columns)
        behind = [p for p in held if p.unit != but and self._path(p).is_file() and not _has(self._path(p), schema)]
        if behind:
            # A job killed between a file and its receipt leaves the journal, and the next one makes up for it.
            write_json(self.paths.export_journal(self.code), {"units": [p.unit for p in behind]})
            for partition in behind:
                try:
                    staged = stage(self.connection, partition, columns, self.staging, self.paths)
                except PublishError as problem:
                    logger.warning("%s keeps its earlier columns: %s", partition.unit, problem)
                else:
                    staged.publish(self.paths, self.settings.export.versions)
            self._finish_journal()
        known = {self._path(p) for p in held}
        for path in self.paths.parquet_source(self.code).glob("period=*/*.parquet"):
            if path not in known and not _has(path, schema):
                logger.warning(
                    "%s keeps its earlier columns: the database does not hold its rows; `snakemake validate` tells "
                    "more",
                    self.paths.relative(path),
                )

    def _finish_journal(self) -> None:
        """Bring receipts into line with files that were rewritten, here or by a job that was killed."""
        journal = self.paths.export_journal(self.code)
        if not journal.is_file():
            return
        for unit in read_json(journal)["units"]:
            update_receipt(unit, self.code, self.paths)
        journal.unlink()


def _has(path: Path, schema: pa.Schema) -> bool:
    return bool(pq.read_schema(path).remove_metadata().equals(schema))
