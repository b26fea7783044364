"""What a publication already is: the tables that a release is matched to.

In this order: the explicit ``reference_manifest``, the earlier releases from the newest back, and, for
the first of a publication, the nearest later release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from datawarp.enrich.features import TableFeatures, tables
from datawarp.manifest.models import Manifest, Source


@dataclass
class Reference:
    """The canonical sources of a publication as their newest releases show them, and where each is from."""

    tables: list[TableFeatures] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """Take from ``manifest`` the sources that are not known yet."""
        fresh = [t for t in tables(manifest) if t.source not in self.sources]
        self.tables.extend(fresh)
        for source in manifest.enabled:
            if source.code not in self.sources:
                self.sources[source.code] = source
                self.origins[source.code] = manifest.manifest.name


def gather(manifests: Iterable[Manifest]) -> Reference:
    """The reference that ``manifests``, nearest first, make up together."""
    reference = Reference()
    for manifest in manifests:
        reference.add(manifest)
    return reference


def known_codes(manifests: Iterable[Manifest]) -> Iterator[str]:
    """Every code that a source of ``manifests`` has."""
    for manifest in manifests:
        yield from (s.code for s in manifest.sources)
