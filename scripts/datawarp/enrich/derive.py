"""An enriched manifest from a draft and from what its publication already is: a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from datawarp.enrich.decisions import Decisions, table_key
from datawarp.enrich.describe import describe_source
from datawarp.enrich.dictionary import Dictionary
from datawarp.enrich.display import display_names
from datawarp.enrich.features import TableFeatures, tables
from datawarp.enrich.matching import Match, assign
from datawarp.enrich.naming import name_sources, table_name
from datawarp.enrich.neighbours import Neighbours
from datawarp.enrich.reference import Reference
from datawarp.manifest.models import Column, Enrichment, FileEntry, Manifest, Source

FIRST = "the first release of this publication"


@dataclass
class Derived:
    """An enriched manifest; ``doubts`` are tables that perhaps continue a source, ``fresh`` sources that no
    reference describes, ``news`` what changed."""

    manifest: Manifest
    doubts: list[tuple[str, Match]] = field(default_factory=list)
    fresh: list[Source] = field(default_factory=list)
    news: list[str] = field(default_factory=list)


@dataclass
class _Found:
    """What was decided about one table of the draft."""

    code: str
    match: Match
    known: Source | None = None
    origin: str = ""
    by_person: bool = False
    doubt: Match | None = None


def derive(
    draft: Manifest,
    stages: Iterable[Reference],
    publication_name: str,
    dictionary: Dictionary,
    decisions: Decisions | None = None,
    neighbours: Callable[[], Neighbours] = Neighbours,
) -> Derived:
    """``draft`` enriched: each table continues a source of ``stages`` or is a source of its own.

    A person's ``decisions`` come first. ``neighbours`` tells, once there are sources to be named, what the other
    publications have. Physical column names, types and layouts are those of the draft.
    """
    decisions = decisions or Decisions()
    found = tables(draft)
    codes = {t.position: code for t in found if (code := decisions.code(table_key(t))) is not None}
    settled: dict[int, _Found] = {}
    unsettled: dict[int, Match] = {}
    seen: list[Reference] = []
    news: list[str] = []
    for stage in stages:
        if not stage.tables and not stage.previous:
            continue
        seen.append(stage)
        settled |= _decided(found, stage, codes, settled)
        left = [t for t in found if t.position not in settled and t.position not in codes]
        used = {s.code for s in settled.values()}
        outcome = assign(left, [r for r in stage.tables if r.source not in used], found, stage.tables)
        for match in outcome.matches:
            position = match.table.position
            match.origin = stage.origins[match.reference.source] if match.reference else ""
            if match.reference and (table_key(match.table), match.reference.source) in decisions.refused:
                match.verdict = "new"
                match.reasons.insert(0, f"a person decided that it is not {match.reference.source}")
            elif match.verdict == "doubt" and match.reference and _asked(match, decisions):
                match.verdict = "new"
                match.reasons.insert(0, f"{match.origin} asks whether {match.reference.source} continues it")
            if match.verdict == "same" and match.reference:
                code = match.reference.source
                before = unsettled.pop(position, None)
                doubt = before if stage.later and before and before.verdict == "doubt" else None
                if doubt is not None and doubt.reference and doubt.reference.source == code:
                    doubt = None
                settled[position] = _Found(code, match, stage.sources[code], stage.origins[code], doubt=doubt)
            elif position not in unsettled or (match.verdict == "doubt" and unsettled[position].verdict == "new"):
                unsettled[position] = match
        if stage.previous:
            news = _news(outcome.news, stage)
            if len(settled) == len(found):
                break  # before the next stage is read
    for table in found:  # a person named a source that no release has
        if table.position in codes and table.position not in settled:
            settled[table.position] = _Found(codes[table.position], _by_person(table), by_person=True)
    left = [t for t in found if t.position not in settled]
    known = {code for stage in seen for code in stage.sources}
    disabled = {s.code for s in draft.sources if not s.enabled}
    others = neighbours() if left else Neighbours()
    taken = {*others.taken, *known, *disabled, *(f.code for f in settled.values())}
    names = name_sources(draft.manifest.publication, publication_name, left, taken, others.publications)
    for table, code in zip(left, names, strict=True):
        match = unsettled.get(table.position) or Match(
            table, "new", reasons=["no earlier table is left that it could be" if seen else FIRST]
        )
        settled[table.position] = _Found(code, match)

    fresh_names = (
        display_names(found, publication_name, dictionary) if any(f.known is None for f in settled.values()) else []
    )
    sources = _sources(draft, settled, fresh_names)
    for source in sources:
        if source.enabled:
            describe_source(source, dictionary, publication_name)
            decisions.apply(source)
    head = draft.manifest.model_copy(deep=True, update={"state": "enriched"})
    asked = [(f.code, f.doubt or f.match) for _, f in sorted(settled.items())]
    doubts = [(code, match) for code, match in asked if match.verdict == "doubt"]
    fresh = [s for s in sources if s.enabled and s.enrichment and s.enrichment.method == "rules"]
    return Derived(Manifest(manifest=head, sources=sources), doubts, fresh, news)


def _decided(
    found: Sequence[TableFeatures], stage: Reference, codes: dict[int, str], settled: dict[int, _Found]
) -> dict[int, _Found]:
    """The tables that a person has given to a source that ``stage`` has."""
    return {
        t.position: _Found(code, _by_person(t), stage.sources[code], stage.origins[code], by_person=True)
        for t in found
        if t.position not in settled and (code := codes.get(t.position)) in stage.sources and code is not None
    }


def _asked(match: Match, decisions: Decisions) -> bool:
    return match.reference is not None and (table_key(match.table), match.reference.source) in decisions.asked


def _by_person(table: TableFeatures) -> Match:
    return Match(table, "same", reasons=["a person decided so"])


def _news(told: Sequence[tuple[str, str]], stage: Reference) -> list[str]:
    """What became of the tables of the nearest release; older ones were told about before."""
    return [text for code, text in told if stage.origins.get(code) == stage.nearest]


def _sources(draft: Manifest, settled: dict[int, _Found], names: Sequence[str]) -> list[Source]:
    """The draft's sources in their order, under their codes; tables of one code become one source.

    ``names`` are those of tables that continue nothing, by position.
    """
    made: list[Source] = []
    by_code: dict[str, Source] = {}
    position = 0
    for source in draft.sources:
        if not source.enabled:
            made.append(source.model_copy(deep=True))
            continue
        for entry in source.files:
            what, name = settled[position], names[position] if names else ""
            position += 1
            entry = _copied(entry)
            if what.known is not None:
                _take_columns(entry, what.known)
            if what.code in by_code:
                by_code[what.code].files.append(entry)
                continue
            own = source.metadata.model_copy() if source.metadata else None
            fresh = source.model_copy(update={"files": [entry], "metadata": own})
            fresh.code, fresh.table = what.code, table_name(what.code)
            fresh.enrichment = _how(what)
            if what.known is not None:
                fresh.name, fresh.description = what.known.name, what.known.description
            else:
                fresh.name = name
            by_code[what.code] = fresh
            made.append(fresh)
    return made


def _copied(entry: FileEntry) -> FileEntry:
    """``entry`` with columns of its own, which are given a meaning; nothing else of it changes."""
    return entry.model_copy(update={"columns": [column.model_copy() for column in entry.columns]})


def _how(what: _Found) -> Enrichment:
    match = what.match
    confidence = round(match.score.total, 3) if match.score else None
    if what.by_person:
        return Enrichment(method="person", confidence=1.0, reasons=match.reasons)
    if what.known is not None:
        reasons = [f"continues {what.code} of {what.origin}", *match.reasons]
        if what.doubt is not None and what.doubt.reference is not None:
            reasons.insert(0, f"perhaps continues {what.doubt.reference.source}; kept apart until a person says so")
        review = what.doubt is not None
        return Enrichment(method="reference", confidence=confidence, needs_review=review, reasons=reasons)
    reasons = list(match.reasons)
    if match.verdict == "doubt" and match.reference:
        reasons.insert(0, f"perhaps continues {match.reference.source}; kept apart until a person says so")
    return Enrichment(method="rules", layers=["rules"], needs_review=match.verdict == "doubt", reasons=reasons)


def take_meaning(source: Source, known: Source) -> None:
    """Give ``source`` the name and the words of the source that it continues."""
    source.name, source.description = known.name, known.description
    for entry in source.files:
        _take_columns(entry, known)


def _take_columns(entry: FileEntry, known: Source) -> None:
    """Give the columns the meaning that they have in the source that they continue."""
    meaning = {c.name: c for e in known.files for c in e.columns}
    for column in entry.columns:
        _take_meaning(column, meaning.get(column.name))


def _take_meaning(column: Column, known: Column | None) -> None:
    # A column of a period that moved on is described anew; one of another type keeps its words, not its role.
    if known is None or (known.period is None) != (column.period is None) or known.period_label != column.period_label:
        return
    column.semantic_name, column.description = known.semantic_name, known.description
    column.query_keywords = list(known.query_keywords) if known.query_keywords is not None else None
    if known.type == column.type:
        column.is_dimension, column.is_measure = known.is_dimension, known.is_measure
