"""The layers at work: models are asked about new sources, the rules always answer, votes decide field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datawarp.enrich.calls import Call, Discussion
from datawarp.enrich.client import NO_RUN, Budget, ModelLayer
from datawarp.enrich.consensus import Verdict, Vote, decide
from datawarp.enrich.decisions import set_source_field
from datawarp.enrich.questions import Answer, ColumnAnswer, expanded, questions
from datawarp.enrich.review import ReviewItem
from datawarp.manifest.models import Column, Enrichment, Source
from datawarp.registry.settings import EnrichmentSettings, LayerSettings

_NUMERIC = frozenset({"integer", "numeric"})
_MOST_KEYWORDS = 12


@dataclass
class _Said:
    """What one layer said of one source."""

    layer: LayerSettings
    table: Answer | None
    columns: dict[str, ColumnAnswer]


class Layers:
    """The configured layers of one run; ``run`` names it for its budget."""

    def __init__(
        self,
        settings: EnrichmentSettings,
        folder: Path,
        run: str | None,
        environment: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._settings = settings
        self._rules = next((s for s in settings.layers if s.kind == "rules"), LayerSettings(name="rules", kind="rules"))
        budget = Budget(folder / "budget.json", run or NO_RUN, settings)
        more: dict[str, Any] = {} if environment is None else {"environment": environment}
        more |= {} if sleep is None else {"sleep": sleep}
        cache = folder / "answers" if settings.cache else None
        self._models = [ModelLayer(s, budget, cache, **more) for s in settings.layers if s.kind == "openai"]

    def discuss(self, sources: Sequence[Source], publication_name: str) -> Discussion:
        """Ask the models about ``sources``, which the rules have described, and write in what the votes decide.

        Names, types and codes are not among the fields: no answer can touch them.
        """
        outcome = Discussion()
        for source in sources:
            said, errors = [], []
            for model in self._models:
                one, calls = self._ask(model, source, publication_name)
                outcome.calls.extend(calls)
                if one is not None:
                    said.append(one)
                else:
                    errors.append(f"{model.settings.name} gave no answer: {calls[-1].error or calls[-1].outcome}")
            outcome.items.extend(self._settle(source, said, errors))
        return outcome

    def _ask(self, model: ModelLayer, source: Source, publication: str) -> tuple[_Said | None, list[Call]]:
        calls, columns = [], dict[str, ColumnAnswer]()
        table = None
        for question in questions(source, publication, model.settings.columns_per_question):
            answer, call = model.ask(question)
            calls.append(call)
            if answer is None:
                continue
            table = table or answer
            columns |= expanded(answer, question)
        if table is None:
            return None, calls
        return _Said(model.settings, table, columns), calls

    def _settle(self, source: Source, said: Sequence[_Said], errors: Sequence[str]) -> list[ReviewItem]:
        """Decide every field of ``source`` by votes; the questions for a person where they disagree."""
        asked = self._rules.weight + sum(m.settings.weight for m in self._models)
        items: list[ReviewItem] = []
        verdicts: list[Verdict] = []

        def settle(column: Column | None, name: str, rules: Any, answers: Sequence[tuple[_Said, Any]]) -> Any:
            votes = [Vote(s.layer.name, s.layer.weight, value) for s, value in answers if value is not None]
            votes = ([Vote(self._rules.name, self._rules.weight, rules)] if rules is not None else []) + votes
            if not votes:
                return None
            verdict = decide(votes, asked)
            verdicts.append(verdict)
            if verdict.agreement < self._settings.agreement:
                items.append(_question(source, column, name, verdict))
            return verdict.value

        metadata = source.metadata
        source.description = settle(
            None, "description", source.description, [(s, s.table and s.table.description) for s in said]
        )
        if metadata is not None:
            for name in ("record_type", "granularity"):
                answers = [(s, getattr(s.table, name)) for s in said if s.table]
                set_source_field(source, name, settle(None, name, getattr(metadata, name), answers))
        for column in {c.name: c for e in source.files for c in e.columns}.values():
            known = [(s, s.columns[column.name]) for s in said if column.name in s.columns]
            column.semantic_name = settle(
                column, "semantic_name", column.semantic_name, [(s, a.semantic_name) for s, a in known]
            )
            column.description = settle(
                column, "description", column.description, [(s, a.description) for s, a in known]
            )
            # Only a number can be measured: a vote against the type of the column is none.
            roles = [(s, a.role == "measure") for s, a in known if a.role == "dimension" or column.type in _NUMERIC]
            column.is_measure = settle(column, "is_measure", column.is_measure, roles)
            column.is_dimension = not column.is_measure
            offered = [k.lower() for _, a in known for k in a.keywords]
            keywords = dict.fromkeys([*(column.query_keywords or []), *offered])
            column.query_keywords = [k for k in keywords if 1 < len(k) <= 40][:_MOST_KEYWORDS]
        if metadata is not None:
            metadata.measures = [m for m in metadata.measures if m == "value"] + _names(source, measure=True)
            metadata.dimensions = _names(source, measure=False) + [
                d for d in metadata.dimensions if d == "reported_period"
            ]
        source.enrichment = self._how(source.enrichment, said, errors, verdicts, items)
        return items

    def _how(
        self,
        before: Enrichment | None,
        said: Sequence[_Said],
        errors: Sequence[str],
        verdicts: Sequence[Verdict],
        items: Sequence[ReviewItem],
    ) -> Enrichment:
        reasons = [*(before.reasons if before else []), *errors]
        if self._models and not said:
            reasons.append("no model answered: the rules alone describe this source")
        return Enrichment(
            method="llm" if said else "rules",
            layers=[self._rules.name, *(s.layer.name for s in said)],
            agreement=round(sum(v.agreement for v in verdicts) / len(verdicts), 3) if verdicts and said else None,
            confidence=round(sum(v.confidence for v in verdicts) / len(verdicts), 3) if verdicts and said else None,
            needs_review=bool(before and before.needs_review) or bool(items),
            reasons=reasons,
        )


def _names(source: Source, *, measure: bool) -> list[str]:
    columns = {c.name: c for e in source.files for c in e.columns if c.period is None}
    return [name for name, c in columns.items() if bool(c.is_measure) == measure]


def _question(source: Source, column: Column | None, name: str, verdict: Verdict) -> ReviewItem:
    what = f"column {column.name} of {source.code}" if column else source.code
    return ReviewItem(
        kind="meaning",
        question=f"What is the {name.replace('_', ' ')} of {what}?",
        source=source.code,
        column=column.name if column else None,
        field=name,
        proposal=verdict.value,
        alternatives=verdict.answers,
        evidence=[f"{verdict.agreement:.0%} of the votes agree"],
        confidence=verdict.confidence,
    )
