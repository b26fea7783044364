"""Carry out what a person decided in a unit's review: merge tables, take over words, promote a reference.

A decision is first written into a journal, with all that follows from it. Every step after that can be done again:
whoever finds a journal whose command was killed (:func:`finish_interrupted`) brings manifests and decisions to where
they belong; what is to be loaded again is then pending, and :func:`close_merged` removes the emptied sources.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from datawarp.enrich.decided import keep_decisions
from datawarp.enrich.decisions import Decisions
from datawarp.enrich.derive import take_meaning
from datawarp.enrich.enrich import enrich
from datawarp.enrich.naming import LONGEST_CODE, stem, table_name
from datawarp.enrich.reference import promoted
from datawarp.enrich.review import Review, ReviewItem, State, read_review, write_review
from datawarp.errors import EnrichError, LifecycleError
from datawarp.files import read_json, write_json
from datawarp.lifecycle.merged import close_sources
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import Enrichment, Manifest, Source
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

_CODE = re.compile(r"[a-z][a-z0-9_]*")


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


@dataclass
class _Journal:
    """A decision that is being carried out: the review as decided, and all units whose manifests it changes."""

    review: Review
    merges: dict[str, str]
    units: list[str]
    applied: bool = False  # whether manifests and decisions have it; what a person writes there later counts

    @classmethod
    def read(cls, path: Path) -> _Journal:
        record = read_json(path)
        return cls(Review.model_validate(record["review"]), dict(record["merges"]), record["units"], record["applied"])

    def write(self, path: Path) -> None:
        review = self.review.model_dump(mode="json", exclude_none=True)
        write_json(path, {"review": review, "merges": self.merges, "units": self.units, "applied": self.applied})


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
    none. An approval that was interrupted is finished. ``find_unit`` gives the other units by name. Raises
    :class:`LifecycleError`, before anything is changed, when a release would bring two tables to one source, or when
    a proposal is no code that a source can have.
    """
    outcome = _finish_own(unit, paths, settings, find_unit)
    review = read_review(paths.review(unit.name))
    if review is not None and _undecided(review):
        _carry_out(unit, review, "approved", outcome, paths, settings, find_unit, who, note)
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
    outcome = _finish_own(unit, paths, settings, find_unit)
    review = read_review(paths.review(unit.name))
    if review is not None and _undecided(review):
        _carry_out(unit, review, "rejected", outcome, paths, settings, find_unit, who, note)
    elif not outcome.decided:
        raise EnrichError("nothing is in doubt", where=unit.name, hint="see `snakemake status`")
    return outcome


def finish_interrupted(paths: Paths) -> list[str]:
    """Bring decisions and manifests to where killed commands would have; returns the units that need it.

    What these units have to load again is pending afterwards. Cheap where nothing was interrupted.
    """
    found = []
    for path in _journals(paths):
        journal = _Journal.read(path)
        if not journal.applied:
            _apply(journal, path, paths)
            found.append(journal.review.unit)
    return found


def close_merged(paths: Paths, settings: Settings) -> None:
    """End the decisions that :func:`finish_interrupted` took up, once their units have been loaded again."""
    for path in _journals(paths):
        _close(path, _Journal.read(path), paths, settings)


def _journals(paths: Paths) -> list[Path]:
    return sorted((paths.private / "approvals").glob("*.json"))


def _journal(paths: Paths, unit: str) -> Path:
    return paths.private / "approvals" / f"{unit}.json"


def _undecided(review: Review) -> list[ReviewItem]:
    """Open questions, and those that a person has marked in the file."""
    return [i for i in review.items if i.decided_by is None]


def _finish_own(unit: Unit, paths: Paths, settings: Settings, find_unit: Callable[[str], Unit]) -> Outcome:
    """Finish what an earlier command about ``unit`` left undone."""
    outcome = Outcome(unit.name)
    path = _journal(paths, unit.name)
    if path.exists():
        _follow(_Journal.read(path), path, outcome, paths, settings, find_unit)
    return outcome


def _carry_out(
    unit: Unit,
    review: Review,
    state: State,
    outcome: Outcome,
    paths: Paths,
    settings: Settings,
    find_unit: Callable[[str], Unit],
    who: str | None,
    note: str | None,
) -> None:
    items = _undecided(review)
    _decide(items, state, who, note)
    merges = {
        i.source: str(i.proposal)
        for i in items
        if i.kind == "match" and i.state == "approved" and i.proposal != i.source
    }
    _refuse_codes(unit, items, paths)
    affected = _affected(unit, merges, paths)
    _refuse_collisions(unit, affected, merges, paths)
    held = not paths.enriched_manifest(unit.name).exists()
    journal = _Journal(review, merges, [unit.name, *affected])
    path = _journal(paths, unit.name)
    journal.write(path)
    outcome.decided += len(items)
    _follow(journal, path, outcome, paths, settings, find_unit)
    if held:
        enrich(unit, paths, settings)


def _follow(
    journal: _Journal,
    path: Path,
    outcome: Outcome,
    paths: Paths,
    settings: Settings,
    find_unit: Callable[[str], Unit],
) -> None:
    """All that follows from a decision, each step one that can be done again."""
    if not journal.applied:
        _apply(journal, path, paths)
    outcome.decided = outcome.decided or len(journal.review.items)
    outcome.merged |= journal.merges
    outcome.redone = _redo(journal.units, paths, settings, find_unit)
    _close(path, journal, paths, settings)


def _decide(items: Sequence[ReviewItem], state: State, who: str | None, note: str | None) -> None:
    """Mark the items as decided; ``who`` is the user of this process when nobody is named."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    who = who or getpass.getuser()
    for item in items:
        item.state = state if item.state == "open" else item.state
        item.decided_by, item.decided_at, item.note = who, now, note or item.note


def _affected(unit: Unit, merges: dict[str, str], paths: Paths) -> list[str]:
    """Other units of the publication that have a source which is to be merged into another."""
    found = []
    for path in sorted(paths.enriched_manifest(unit.name).parent.glob("[!.]*.enriched.yaml")):
        name = path.name.removesuffix(".enriched.yaml")
        if merges and name != unit.name and any(s.code in merges for s in read_manifest(path).sources):
            found.append(name)
    return found


def _refuse_codes(unit: Unit, items: Sequence[ReviewItem], paths: Paths) -> None:
    """Raise for a proposal that no source of the publication has or can have."""
    for item in items:
        if item.kind != "match" or item.state != "approved":
            continue
        code = item.proposal
        if code == item.source or (isinstance(code, str) and _CODE.fullmatch(code) and _fits(code, unit)):
            continue
        raise LifecycleError(
            f"{code!r} cannot be the code of a source of {unit.publication}",
            where=paths.relative(paths.review(unit.name)),
            hint=f"lower-case letters, digits and _, at most {LONGEST_CODE}, beginning with {unit.publication}",
        )


def _fits(code: str, unit: Unit) -> bool:
    return len(code) <= LONGEST_CODE and (
        code == stem(unit.publication) or code.startswith(f"{stem(unit.publication)}_")
    )


def _refuse_collisions(unit: Unit, affected: list[str], merges: dict[str, str], paths: Paths) -> None:
    twice = next((new for new in merges.values() if list(merges.values()).count(new) > 1), None)
    if twice is not None:
        raise LifecycleError(
            f"two tables of the release would become part of {twice}",
            where=unit.name,
            hint=f"give one item of {paths.relative(paths.review(unit.name))} the state rejected",
        )
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


def _apply(journal: _Journal, place: Path, paths: Paths) -> None:
    """Write the decision into decisions, review and manifests; a manifest that says it already stays as it is."""
    keep_decisions(paths, journal.review)
    write_review(paths.review(journal.review.unit), journal.review)
    for name in journal.units:
        path = paths.enriched_manifest(name)
        if path.exists():
            manifest = read_manifest(path)
            before = manifest.model_copy(deep=True)
            _merge(manifest, journal, paths)
            if name == journal.review.unit:
                _take_words(manifest, journal.review)
            if manifest != before:
                write_manifest(path, manifest)
    journal.applied = True
    journal.write(place)


def _merge(manifest: Manifest, journal: _Journal, paths: Paths) -> None:
    for source in manifest.sources:
        old = source.code
        if old in journal.merges:
            source.code = journal.merges[old]
            source.table = table_name(source.code)
            reasons = source.enrichment.reasons if source.enrichment else []
            source.enrichment = Enrichment(
                method="person", confidence=1.0, reasons=[f"a person made {old} part of {source.code}", *reasons]
            )
            known = _known(source.code, journal, paths)
            if known is not None:
                take_meaning(source, known)


def _known(code: str, journal: _Journal, paths: Paths) -> Source | None:
    """The source ``code`` as the release has it that the question named."""
    for item in journal.review.items:
        if item.continues is not None and item.continues.source == code:
            path = paths.enriched_manifest(item.continues.unit)
            sources = read_manifest(path).enabled if path.exists() else []
            return next((s for s in sources if s.code == code), None)
    return None


def _take_words(manifest: Manifest, review: Review) -> None:
    """A person's words, and no more questions about what is decided."""
    meanings = {
        (i.source, i.column, str(i.field)): i.proposal
        for i in review.items
        if i.kind == "meaning" and i.state == "approved"
    }
    decisions = Decisions(meanings=meanings)
    asked = {i.source for i in review.open()}
    apart = {i.source for i in review.items if i.kind == "match" and (i.state == "rejected" or i.proposal == i.source)}
    for source in manifest.enabled:
        decisions.apply(source)
        how = source.enrichment
        if how is not None:
            how.needs_review = how.needs_review and source.code in asked
            if source.code in apart and how.method != "person":
                source.enrichment = Enrichment(method="person", confidence=1.0, reasons=["a person decided so"])


def _redo(names: Sequence[str], paths: Paths, settings: Settings, find_unit: Callable[[str], Unit]) -> list[str]:
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


def _close(path: Path, journal: _Journal, paths: Paths, settings: Settings) -> None:
    """Remove the sources that the merges emptied, and then the journal, unless a unit is still to be loaded."""
    for name in journal.units:
        manifest, marker = paths.enriched_manifest(name), paths.loaded_marker(name)
        if marker.exists() and manifest.exists() and manifest.stat().st_mtime > marker.stat().st_mtime:
            return
    if journal.merges and any(paths.loaded_marker(name).exists() for name in journal.units):
        close_sources(journal.merges, paths, settings)
    path.unlink(missing_ok=True)


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
