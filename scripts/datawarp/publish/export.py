"""The export stage: one Parquet file per source and period of a unit, verified against the database.

What a unit has is written aside first, and takes its place once all of it is verified; the receipt comes last. So a
job that fails leaves the old files, and one that is killed leaves each file old or new, and the unit due.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from datawarp.errors import PublishError
from datawarp.files import read_json, side_by_side, write_json
from datawarp.publish.holding import Holding, holdings
from datawarp.publish.metadata import source_meanings, write_page
from datawarp.publish.partition import Partition
from datawarp.publish.receipts import Exported, read_receipt, sources_locked, update_receipt, write_receipt
from datawarp.publish.schema import arrow_schema
from datawarp.publish.staged import Staged, stage, stage_typed
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
        work = _Export(connection, unit, paths, settings, staging)
        staged = work.stage(codes)
        gone = _given_up(unit, codes, paths)
        with sources_locked([*codes, *gone], paths):
            exported = work.publish(staged, gone)
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
class _Export:
    """The files and tables of a unit's sources. What can be asked of the database for all of them is asked at once."""

    connection: Connection
    unit: Unit
    paths: Paths
    settings: Settings
    staging: Path

    def stage(self, codes: Sequence[str]) -> dict[str, Staged]:
        """Write the unit's files aside, by source; no lock is needed."""
        held = self._held(codes)
        wanted = [(held[code].of(self.unit.name), held[code].columns) for code in codes]
        staged = stage_typed(self.connection, wanted, self.staging, self.paths)
        return {code: staged.get(code) or self._stage_anew(code) for code in codes}

    def publish(self, staged: Mapping[str, Staged], gone: Sequence[str]) -> list[Exported]:
        """Put the unit's files in their places and take away those of sources that are ``gone``.

        The files of other periods are brought to the schema of their sources, and the pages renewed. Call it with the
        locks of all these sources held. Files are written anew when the table or the load's record changed meanwhile.
        """
        for code in [*staged, *gone]:
            self._finish_journal(code)
        held = self._held([*staged, *gone])
        meanings = source_meanings(self.connection, list(held))
        self.connection.rollback()
        exported = []
        for code, ready in staged.items():
            if (ready.partition, ready.columns) != (held[code].of(self.unit.name), held[code].columns):
                ready = self._stage_anew(code)
            ready.publish(self.paths, self.settings.export.versions)
            exported.append(ready.exported)
        for code in gone:
            period = self.unit.when.canonical
            retire(self.paths.parquet(code, period, self.unit.name), self.paths, self.settings.export.versions)
            self.paths.profile(code, self.unit.name).unlink(missing_ok=True)
        with side_by_side() as begin:
            for code, holding in held.items():
                self._bring_to_schema(code, holding)
                begin(write_page, code, holding.partitions, meanings[code], self.unit.settings, self.paths)
        return exported

    def _held(self, codes: Collection[str]) -> dict[str, Holding]:
        """What the database holds of sources now."""
        self.connection.rollback()
        return holdings(self.connection, codes)

    def _stage_anew(self, code: str) -> Staged:
        """Write the unit's file aside out of the database, as it is now."""
        held = self._held([code])[code]
        return stage(self.connection, held.of(self.unit.name), held.columns, self.staging, self.paths)

    def _path(self, partition: Partition) -> Path:
        return self.paths.parquet(partition.source, partition.period, partition.unit)

    def _behind(self, held: Holding) -> list[Partition]:
        """The partitions of other units whose files have other columns than the table."""
        schema = arrow_schema(held.columns)
        return [
            p
            for p in held.partitions
            if p.unit != self.unit.name and self._path(p).is_file() and not _has(self._path(p), schema)
        ]

    def _bring_to_schema(self, code: str, held: Holding) -> None:
        """Rewrite the files of other periods whose columns are not those of the table any more."""
        if not held.partitions:
            return
        if self._behind(held):
            held = self._held([code])[code]  # what was asked for all sources together may be seconds old
            behind = self._behind(held)
            # A job killed between a file and its receipt leaves the journal, and the next one makes up for it.
            write_json(self.paths.export_journal(code), {"units": [p.unit for p in behind]})
            for partition in behind:
                try:
                    staged = stage(self.connection, partition, held.columns, self.staging, self.paths)
                except PublishError as problem:
                    logger.warning("%s keeps its earlier columns: %s", partition.unit, problem)
                else:
                    staged.publish(self.paths, self.settings.export.versions)
            self._finish_journal(code)
            self.connection.rollback()
        schema, known = arrow_schema(held.columns), {self._path(p) for p in held.partitions}
        for path in self.paths.parquet_source(code).glob("period=*/*.parquet"):
            if path not in known and not _has(path, schema):
                logger.warning(
                    "%s keeps its earlier columns: the database does not hold its rows; `snakemake validate` tells "
                    "more",
                    self.paths.relative(path),
                )

    def _finish_journal(self, code: str) -> None:
        """Bring receipts into line with files that were rewritten, here or by a job that was killed."""
        journal = self.paths.export_journal(code)
        if not journal.is_file():
            return
        for unit in read_json(journal)["units"]:
            update_receipt(unit, code, self.paths)
        journal.unlink()


def _has(path: Path, schema: pa.Schema) -> bool:
    return bool(pq.read_schema(path).remove_metadata().equals(schema))
