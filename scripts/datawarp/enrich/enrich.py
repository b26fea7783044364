"""The enrich stage: which canonical source each table of a unit is, and what it and its columns mean."""

from __future__ import annotations

from collections.abc import Iterator

from datawarp.enrich.derive import derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.order import RunPlan, current, read_plan, release_periods, wait_for_earlier
from datawarp.enrich.reference import Reference, gather
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import Manifest
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

_PATIENCE = 1800.0


def enrich(unit: Unit, paths: Paths, settings: Settings) -> Manifest:
    """Write the enriched manifest of ``unit`` from its draft and the earlier releases of its publication.

    Raises :class:`EnrichError` when an earlier release of the same run never gets drafted.
    """
    plan = read_plan(paths)
    periods = release_periods(unit.publication, paths, plan)
    earlier = sorted((n for n in periods if periods[n].order < unit.when.order), key=lambda n: periods[n].order)
    wait_for_earlier(unit, earlier, paths, plan, _PATIENCE)
    manifest = _enriched(unit, earlier, list(periods), paths, plan)
    write_manifest(paths.enriched_manifest(unit.name), manifest)
    return manifest


def _enriched(unit: Unit, earlier: list[str], known: list[str], paths: Paths, plan: RunPlan | None) -> Manifest:
    made: list[Manifest] = []
    for name in earlier:
        if current(name, paths, plan):
            made.append(read_manifest(paths.enriched_manifest(name)))
        elif paths.pending_manifest(name).exists():
            made.append(_derived(unit, read_manifest(paths.pending_manifest(name)), made))
    return _derived(unit, read_manifest(paths.pending_manifest(unit.name)), made)


def _derived(unit: Unit, draft: Manifest, earlier: list[Manifest]) -> Manifest:
    manifest, _ = derive(draft, _reference(reversed(earlier)), unit.settings.name, load_dictionary())
    return manifest


def _reference(manifests: Iterator[Manifest]) -> Reference:
    return gather(manifests)
