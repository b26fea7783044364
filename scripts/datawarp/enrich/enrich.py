"""The enrich stage: which canonical source each table of a unit is, and what it and its columns mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from datawarp.enrich.calls import Discussion, write_calls
from datawarp.enrich.decided import Decided, read_decided
from datawarp.enrich.decisions import TableKey
from datawarp.enrich.derive import Derived, derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.neighbours import Neighbours, neighbours
from datawarp.enrich.order import RunPlan, current, read_plan, release_periods, wait_for_earlier
from datawarp.enrich.reference import Reference, gather, reference_of
from datawarp.enrich.review import Review, match_items, read_review, renewed, write_review
from datawarp.errors import EnrichError
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import Manifest
from datawarp.registry.models import Unit, split_unit_name
from datawarp.registry.paths import Paths
from datawarp.registry.periods import Period, parse_period
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    from datawarp.enrich.layers import Layers

# What the warehouse knows of a publication's sources, as manifests, newest first.
Warehouse = Callable[[str], Iterable[Manifest]]


def enrich(unit: Unit, paths: Paths, settings: Settings, warehouse: Warehouse | None = None) -> Manifest:
    """Write the enriched manifest of ``unit``, and its review, from its draft and what its publication is.

    ``warehouse`` is asked only when no manifest of the publication is left. Raises :class:`EnrichError` when
    an earlier release of the same run never gets drafted, or when the unit is held back for review.
    """
    plan = read_plan(paths)
    history = _History(unit, paths, plan, settings, warehouse)
    wait_for_earlier(unit, history.earlier, paths, plan, settings.enrichment.patience)
    draft = read_manifest(paths.pending_manifest(unit.name))
    derived, discussion = history.derived(unit, draft, history.stages())
    review = _review(unit, paths, history.decided, derived, discussion)
    write_calls(paths, unit.name, discussion.calls)
    write_review(paths.review(unit.name), review)
    waiting = review.open("match")
    if waiting and unit.settings.review == "hold":
        raise EnrichError(
            f"{len(waiting)} tables wait for a person: {waiting[0].question}",
            where=unit.name,
            hint=f"decide in {paths.relative(paths.review(unit.name))}, then run `snakemake approve_{unit.name}`",
        )
    write_manifest(paths.enriched_manifest(unit.name), derived.manifest)
    return derived.manifest


def _layers(paths: Paths, settings: Settings, plan: RunPlan | None) -> Layers | None:
    """The configured models; ``None`` without any, which saves their imports."""
    if all(layer.kind == "rules" for layer in settings.enrichment.layers):
        return None
    from datawarp.enrich.layers import Layers

    return Layers(settings.enrichment, paths.private / "enrichment", plan.run if plan else None)


def _review(unit: Unit, paths: Paths, decided: Decided, derived: Derived, discussion: Discussion) -> Review:
    fresh = Review(
        unit=unit.name,
        publication=unit.publication,
        period=unit.period,
        news=derived.news,
        items=[*match_items(derived.doubts), *discussion.items],
    )
    return renewed(read_review(paths.review(unit.name)), fresh, decided.units.get(unit.name, ()))


class _History:
    """The releases of a publication around one unit, as this run leaves them; read no further than needed."""

    def __init__(
        self,
        unit: Unit,
        paths: Paths,
        plan: RunPlan | None,
        settings: Settings,
        warehouse: Warehouse | None,
    ) -> None:
        self._unit, self._paths, self._plan = unit, paths, plan
        self._layers, self._warehouse = _layers(paths, settings, plan), warehouse
        periods = release_periods(unit.publication, paths, plan)
        order = sorted(periods, key=lambda name: periods[name].order)
        self.earlier = [n for n in order if periods[n].order < unit.when.order]
        self._later = [n for n in order if periods[n].order > unit.when.order]
        self._made: dict[str, Manifest | None] = {}
        self._registry = settings.registry(paths.root)
        self._beside: Neighbours | None = None
        self._reference: list[Manifest] | None = None
        self.decided = read_decided(paths, unit.publication)

    def stages(self) -> Iterator[Reference]:
        """What the unit is matched to, stage by stage."""
        return self._stages(len(self.earlier))

    def _stages(self, place: int) -> Iterator[Reference]:
        """The stages for the unit that comes after the first ``place`` earlier ones."""
        seen = False
        pinned, later = self._reference_for(place)
        if pinned:
            seen = True
            yield gather([pinned])
        before = (m for name in reversed(self.earlier[:place]) if (m := self._enriched(name)) is not None)
        nearest = next(before, None)
        if nearest is not None:
            seen = True
            yield gather([nearest], previous=True)
            yield gather(before)
        if later:
            seen = True
            yield gather([later], later=True)
        following = [*self.earlier[place + 1 :], *self._later]
        after = [read_manifest(self._paths.enriched_manifest(n)) for n in following if self._was_there(n)]
        if after:
            yield gather(after, later=True)
        elif self._warehouse is not None and not seen:
            yield gather(self._warehouse(self._unit.publication))

    def _reference_for(self, place: int) -> tuple[Manifest | None, Manifest | None]:
        """The reference where it comes first, or else where it comes behind the earlier releases; never one's own.

        What a person pinned comes first; what was promoted is no evidence for what was before it while there is other.
        """
        if self._reference is None:
            found = reference_of(self._unit, self._paths)
            self._reference = [found] if found else []
        unit = self.earlier[place] if place < len(self.earlier) else self._unit.name
        if not self._reference or self._reference[0].manifest.name == unit:
            return None, None
        reference = self._reference[0]
        first = self._unit.settings.reference_manifest or (
            parse_period(reference.manifest.period).order <= parse_period(split_unit_name(unit)[1]).order
        )
        return (reference, None) if first else (None, reference)

    def derived(self, unit: Unit, draft: Manifest, stages: Iterable[Reference]) -> tuple[Derived, Discussion]:
        """``draft`` enriched, with what the models say of its new sources and what persons decided about it.

        Answers are kept by what was asked, so that a later release of the same run, which has to know
        what this one will be, hears the same.
        """
        review = read_review(self._paths.review(unit.name))
        decisions = self.decided.about(unit.name, review.marked if review else ())
        decisions.asked.update(self._asked_by_later(unit))
        derived = derive(draft, stages, unit.settings.name, load_dictionary(), decisions, self._neighbours)
        if self._layers is None:
            return derived, Discussion()
        discussion = self._layers.discuss(derived.fresh, unit.settings.name)
        for source in derived.fresh:
            decisions.apply(source)
        return derived, discussion

    def _neighbours(self) -> Neighbours:
        if self._beside is None:
            self._beside = neighbours(self._unit.publication, self._registry, self._paths, self._plan)
        return self._beside

    def _asked_by_later(self, unit: Unit) -> Iterator[tuple[TableKey, str]]:
        """Tables of ``unit`` and the sources of later releases that ask whether they continue them."""
        for name in [n for n in (*self.earlier, *self._later) if self._period(n).order > unit.when.order]:
            review = read_review(self._paths.review(name)) if self._was_there(name) else None
            for item in review.open("match") if review else ():
                if item.continues is not None and item.continues.unit == unit.name:
                    yield item.continues.table.key, item.source

    def _period(self, name: str) -> Period:
        return parse_period(split_unit_name(name)[1])

    def _enriched(self, name: str) -> Manifest | None:
        """An earlier release as this run leaves it; ``None`` when it has no draft or is held back."""
        last = self.earlier.index(name)
        first = last
        # What an unfinished release will be depends on those before it, back to one that is finished.
        while first > 0 and self.earlier[first] not in self._made and not self._finished(self.earlier[first]):
            first -= 1
        for place in range(first, last + 1):
            if self.earlier[place] not in self._made:
                self._made[self.earlier[place]] = self._make(place)
        return self._made[name]

    def _finished(self, name: str) -> bool:
        return current(name, self._paths, self._plan)

    def _make(self, place: int) -> Manifest | None:
        name = self.earlier[place]
        if self._finished(name):
            return read_manifest(self._paths.enriched_manifest(name))
        pending = self._paths.pending_manifest(name)
        if not pending.exists():
            return None
        unit = self._unit.model_copy(update={"period": split_unit_name(name)[1]})
        derived, discussion = self.derived(unit, read_manifest(pending), self._stages(place))
        if unit.settings.review == "hold" and _review(unit, self._paths, self.decided, derived, discussion).open(
            "match"
        ):
            return None
        return derived.manifest

    def _was_there(self, name: str) -> bool:
        """Whether a later release was enriched before this run and stays as it is."""
        planned = self._plan is not None and "enrich" in self._plan.units.get(name, frozenset())
        return not planned and self._paths.enriched_manifest(name).exists()
