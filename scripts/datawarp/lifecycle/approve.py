"""Carry out what a person decided in a unit's review: merge tables, take over words, promote a reference."""

from __future__ import annotations

import getpass
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datawarp.enrich.enrich import enrich
from datawarp.enrich.naming import table_name
from datawarp.enrich.reference import promoted
from datawarp.enrich.review import Review, ReviewItem, State, read_review, write_review
from datawarp.errors import EnrichError, LifecycleError
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import Manifest
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class is named so there

logger = logging.getLogger("datawarp")


@dataclass
class Outcome:
    """What an approval or a rejection did, in words for the person who asked for it."""

    unit: str
    decided: int = 0
    merged: dict[str, str] = field(default_factory=dict)
    redone: list[str] = field(default_factory=list)
    reference: str | None = None

    @property
    def lines(self) -> list[str]:
        """One line for each deed."""
        told = [f"{self.unit}: {self.decided} questions decided"]
        told += [f"  {old} is now part of {new}" for old, new in self.merged.items()]
        told += [f"  loaded and exported again: {', '.join(self.redone)}"] if self.redone else []
        told += [f"  {self.reference} is now the reference of the publication"] if self.reference else []
        return told


def approve(
    unit: Unit,
    paths: Paths,
    settings: Settings,
    find_unit: Callable[[str], Unit],
    who: str | None = None,
    note: str | None = None,
) -> Outcome:
    """Accept every open question of ``unit`` as its review file now proposes.

    Tables whose match is accepted move, with rows, history and Parquet, into the source they continue, in this
    unit and in the later ones that have continued them. The unit becomes its publication's reference when it has
    none. ``find_unit`` gives the other units by name. Raises :class:`LifecycleError`, before anything is changed,
    when a release would bring two tables to one source.
    """
    review = read_review(paths.review(unit.name))
    outcome = Outcome(unit.name)
    if review is not None and review.open():
        merges = {i.source: str(i.proposal) for i in review.open("match") if i.proposal != i.source}
        affected = _affected(unit, merges, paths)
        _refuse_collisions(unit, affected, merges, paths)
        outcome.decided = len(review.open())
        _decide(review, "approved", who, note, paths)
        enrich(unit, paths, settings)
        for name in affected:
            _rename(paths.enriched_manifest(name), merges)
        outcome.merged = merges
        outcome.redone = _redo([unit.name, *affected], paths, settings, find_unit)
        if outcome.redone:
            _close_sources(merges, paths, settings)
    elif not paths.enriched_manifest(unit.name).exists():
        raise EnrichError(
            "there is nothing to approve yet", where=unit.name, hint=f"run `snakemake {unit.publication}` first"
        )
    outcome.reference = _promote(unit, paths)
    return outcome


def reject(
    unit: Unit,
    paths: Paths,
    settings: Settings,
    find_unit: Callable[[str], Unit],
    who: str | None = None,
    note: str | None = None,
) -> Outcome:
    """Turn down every open question of ``unit``: tables in doubt stay sources of their own, words stay as they are."""
    review = read_review(paths.review(unit.name))
    if review is None or not review.open():
        raise EnrichError("nothing is in doubt", where=unit.name, hint="see `snakemake status`")
    outcome = Outcome(unit.name, decided=len(review.open()))
    _decide(review, "rejected", who, note, paths)
    enrich(unit, paths, settings)
    outcome.redone = _redo([unit.name], paths, settings, find_unit)
    return outcome


def _decide(review: Review, state: State, who: str | None, note: str | None, paths: Paths) -> list[ReviewItem]:
    """Write the decision into the review; ``who`` is the user of this process when nobody is named."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    who = who or getpass.getuser()
    items = review.open()
    for item in items:
        item.state, item.decided_by, item.decided_at = state, who, now
        item.note = note or item.note
    write_review(paths.review(review.unit), review)
    return items


def _affected(unit: Unit, merges: dict[str, str], paths: Paths) -> list[str]:
    """Other units of the publication that have a source which is to be merged into another."""
    found = []
    for path in sorted(paths.enriched_manifest(unit.name).parent.glob("*.enriched.yaml")):
        name = path.name.removesuffix(".enriched.yaml")
        if merges and name != unit.name and any(s.code in merges for s in read_manifest(path).sources):
            found.append(name)
    return found


def _refuse_collisions(unit: Unit, affected: list[str], merges: dict[str, str], paths: Paths) -> None:
    for name in [unit.name, *affected]:
        path = paths.enriched_manifest(name)
        codes = [s.code for s in read_manifest(path).enabled] if path.exists() else []
        for old, new in merges.items():
            if old in codes and new in codes:
                raise LifecycleError(
                    f"{old} cannot become part of {new}: the release has a table in each of them",
                    where=name,
                    hint=f"set the item's proposal to {old!r} to keep it apart, or run `snakemake reject_{unit.name}`",
                )


def _rename(path: Path, merges: dict[str, str]) -> None:
    manifest = read_manifest(path)
    for source in manifest.sources:
        if source.code in merges:
            old, source.code = source.code, merges[source.code]
            source.table = table_name(source.code)
            if source.enrichment:
                source.enrichment.reasons.insert(0, f"a person made {old} part of {source.code}")
    write_manifest(path, manifest)


def _redo(names: list[str], paths: Paths, settings: Settings, find_unit: Callable[[str], Unit]) -> list[str]:
    """Load and export again what had been loaded: rows leave their old source and arrive in the new one."""
    loaded = [name for name in names if paths.loaded_marker(name).exists()]
    if not loaded:
        return []
    from datawarp.publish.export import export
    from datawarp.warehouse.load import load

    units = sorted((find_unit(name) for name in loaded), key=lambda u: u.when.order)
    for unit in units:
        load(unit, paths, settings)
    for unit in units:
        export(unit, paths, settings)
    return [u.name for u in units]


def _close_sources(merges: dict[str, str], paths: Paths, settings: Settings) -> None:
    """Give the history of emptied sources to those they became part of, and remove them."""
    from datawarp.warehouse.connection import connect

    with closing(connect(paths, settings)) as connection, connection, connection.cursor() as cursor:
        for old, new in merges.items():
            if _is_empty(cursor, old):
                cursor.execute(
                    "UPDATE datawarp.tbl_load_history SET source_code = %s WHERE source_code = %s AND NOT is_current",
                    (new, old),
                )
                cursor.execute("DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = %s", (old,))
                logger.info("%s is empty and was removed; its history is now that of %s", old, new)
    for old in merges:
        folder = paths.parquet_source(old)
        if folder.is_dir() and not any(folder.rglob("*.parquet")):
            shutil.rmtree(folder)
        if not folder.exists():
            paths.source_metadata(old).unlink(missing_ok=True)


def _is_empty(cursor: Cursor, code: str) -> bool:
    cursor.execute(
        "SELECT NOT EXISTS (SELECT FROM datawarp.tbl_load_history "
        "WHERE source_code = %s AND is_current AND outcome <> 'removed')",
        (code,),
    )
    row = cursor.fetchone()
    return bool(row and row[0])


def _promote(unit: Unit, paths: Paths) -> str | None:
    """Make the unit the reference of its publication, unless it has one; returns the file's name."""
    if unit.settings.reference_manifest or promoted(unit.publication, paths):
        return None
    target = paths.reference_manifests / f"{unit.name}.enriched.yaml"
    write_manifest(target, _as_reference(read_manifest(paths.enriched_manifest(unit.name))))
    return paths.relative(target)


def _as_reference(manifest: Manifest) -> Manifest:
    """``manifest`` without what concerns its own release alone."""
    kept = [s for s in manifest.sources if s.enabled]
    return manifest.model_copy(update={"sources": kept})
