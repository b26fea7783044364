"""An enriched manifest from a draft and from what its publication already is: a pure function."""

from __future__ import annotations

from collections.abc import Iterable

from datawarp.enrich.describe import describe_source
from datawarp.enrich.dictionary import Dictionary
from datawarp.enrich.features import TableFeatures, tables
from datawarp.enrich.matching import Assignment, Match, assign
from datawarp.enrich.naming import name_sources, table_name
from datawarp.enrich.reference import Reference
from datawarp.manifest.models import Column, Enrichment, Manifest, Source


def derive(
    draft: Manifest, reference: Reference, publication_name: str, dictionary: Dictionary, taken: Iterable[str] = ()
) -> tuple[Manifest, Assignment]:
    """``draft`` enriched: each table continues a source of ``reference`` or is a source of its own.

    ``taken`` are further codes that no new source may have. Physical column names, types and layouts
    are those of the draft.
    """
    found = tables(draft)
    assignment = assign(found, reference.tables)
    unmatched = [m for m in assignment.matches if m.verdict != "same"]
    taken = {*taken, *reference.sources, *(s.code for s in draft.sources if not s.enabled)}
    names = name_sources(draft.manifest.publication, publication_name, [m.table for m in unmatched], taken)
    codes = {m.table.position: m.reference.source for m in assignment.matches if m.verdict == "same" and m.reference}
    codes |= {m.table.position: name for m, name in zip(unmatched, names, strict=True)}

    by_code: dict[str, Source] = {}
    others: list[Source] = []
    position = 0
    for source in draft.sources:
        if not source.enabled:
            others.append(source.model_copy(deep=True))
            continue
        for entry in source.files:
            match, code = assignment.matches[position], codes[position]
            position += 1
            if code in by_code:
                by_code[code].files.append(entry.model_copy(deep=True))
                continue
            made = source.model_copy(deep=True, update={"files": [entry.model_copy(deep=True)]})
            made.code, made.table = code, table_name(code)
            if match.verdict == "same":
                _inherit(made, reference.sources[code], match, reference.origins[code])
            else:
                _new(made, match)
            by_code[code] = made
            others.append(made)
    for source in by_code.values():
        describe_source(source, dictionary, publication_name)
    head = draft.manifest.model_copy(deep=True, update={"state": "enriched"})
    return Manifest(manifest=head, sources=others), assignment


def _inherit(source: Source, known: Source, match: Match, origin: str) -> None:
    """Give ``source`` the meaning of the source that it continues."""
    source.name = known.name
    source.description = known.description
    meaning = {c.name: c for entry in known.files for c in entry.columns}
    for entry in source.files:
        for column in entry.columns:
            _take_meaning(column, meaning.get(column.name))
    source.enrichment = Enrichment(
        method="reference",
        confidence=round(match.score.total, 3) if match.score else None,
        reasons=[f"continues {known.code} of {origin}", *match.reasons],
    )


def _take_meaning(column: Column, known: Column | None) -> None:
    # A column of another type or of a period that moved on is described anew.
    if known is None or (known.period is None) != (column.period is None) or known.period_label != column.period_label:
        return
    column.semantic_name, column.description = known.semantic_name, known.description
    column.query_keywords = list(known.query_keywords) if known.query_keywords is not None else None
    if known.type == column.type:
        column.is_dimension, column.is_measure = known.is_dimension, known.is_measure


def _new(source: Source, match: Match) -> None:
    reasons = list(match.reasons)
    if match.verdict == "doubt" and match.reference:
        reasons.insert(0, f"perhaps continues {match.reference.source}; kept apart until a person says so")
    source.enrichment = Enrichment(
        method="rules", layers=["rules"], needs_review=match.verdict == "doubt", reasons=reasons
    )


def where_from(table: TableFeatures) -> str:
    """The table's place for messages."""
    return f"{table.entry.filename}, {table.where}"
