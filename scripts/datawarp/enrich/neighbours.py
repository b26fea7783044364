"""The other publications of an installation, so that no two of them call a source alike.

Publications ``gp`` and ``gp_practice`` could both have a source ``gp_practice_list``. Which of them has it must not
depend on who comes first, so names are given by the registry's codes (:func:`naming.owner`); what was named before
a publication came into the registry keeps its name and is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datawarp.enrich.reference import promoted
from datawarp.manifest.document import read_manifest
from datawarp.registry.document import Document
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from datawarp.enrich.order import RunPlan


@dataclass(frozen=True)
class Neighbours:
    """The codes of all publications, and codes of sources that are not free though they look it."""

    publications: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()


def neighbours(publication: str, registry: Path, paths: Paths, plan: RunPlan | None) -> Neighbours:
    """What ``registry`` and the manifests that this run leaves alone say of the publications beside ``publication``.

    Without a registry there are none. Raises :class:`RegistryError` for one that cannot be read.
    """
    written = Document.read(registry).data.get("publications") if registry.exists() else None
    publications = frozenset(map(str, written)) if isinstance(written, dict) else frozenset()
    shorter = [p for p in sorted(publications) if publication.startswith(f"{p}_")]
    return Neighbours(publications, frozenset(code for p in shorter for code in _codes(p, paths, plan)))


def _codes(publication: str, paths: Paths, plan: RunPlan | None) -> Iterator[str]:
    """Codes of the sources of ``publication``, as they are whatever job of the run comes first."""
    planned = plan.units if plan else {}
    manifests = paths.enriched_manifest(f"{publication}_x").parent.glob("[!.]*.enriched.yaml")
    standing = [p for p in manifests if "enrich" not in planned.get(p.name.removesuffix(".enriched.yaml"), frozenset())]
    for path in (*promoted(publication, paths), *sorted(standing)):
        yield from (source.code for source in read_manifest(path).enabled)
