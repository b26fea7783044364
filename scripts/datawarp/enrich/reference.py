"""What a publication already is: the tables that a release is matched to, stage by stage.

First the pinned or promoted reference, then the earlier releases from the newest back, then later
releases that were there before, then the canonical sources in the database. What one stage does not
settle goes on to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from datawarp.enrich.features import TableFeatures, tables
from datawarp.errors import EnrichError
from datawarp.manifest.document import read_manifest
from datawarp.manifest.models import Manifest, Source
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths


@dataclass
class Reference:
    """The canonical sources of a publication as the nearest releases show them, and where each is from.

    ``nearest`` names the release whose tables are expected to go on, ``previous`` is whether it is the one before,
    so that what has vanished since is news, ``later`` whether it comes after, and cannot answer what is asked about
    earlier ones; what older ones had is kept for tables that come back.
    """

    nearest: str | None = None
    previous: bool = False
    later: bool = False
    tables: list[TableFeatures] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """Take from ``manifest`` the sources that are not known yet."""
        if self.nearest is None:
            self.nearest = manifest.manifest.name
        self.tables.extend(t for t in tables(manifest) if t.source not in self.sources)
        for source in manifest.enabled:
            if source.code not in self.sources:
                self.sources[source.code] = source
                self.origins[source.code] = manifest.manifest.name


def gather(manifests: Iterable[Manifest], previous: bool = False, later: bool = False) -> Reference:
    """The reference that ``manifests``, nearest first, make up together."""
    reference = Reference(previous=previous, later=later)
    for manifest in manifests:
        reference.add(manifest)
    return reference


def reference_of(unit: Unit, paths: Paths) -> Manifest | None:
    """The manifest that the registry pins, or the one promoted for the publication.

    Raises :class:`EnrichError` when the registry names a manifest that is not there.
    """
    pinned = unit.settings.reference_manifest
    if pinned is None:
        return next((read_manifest(path) for path in promoted(unit.publication, paths)), None)
    path = paths.root / pinned
    if not path.exists():
        raise EnrichError(
            f"the reference manifest {pinned} is not there",
            where=f"publication {unit.publication} in the registry",
            hint="give a path relative to the run's folder, or take the line reference_manifest out",
        )
    return read_manifest(path)


def promoted(publication: str, paths: Paths) -> list[Path]:
    """The reference manifests of ``publication``, by name; a promotion makes one, a person may add others."""
    found = sorted(paths.reference_manifests.glob(f"{publication}_*.enriched.yaml"))
    return [p for p in found if p.name.removesuffix(".enriched.yaml").rpartition("_")[0] == publication]
