"""What tests of the export need: a process of its own, which imports no more than a job does, and real long tables."""

from __future__ import annotations

import os
from pathlib import Path

from warehouse_of_tests import Warehouse

from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import Column
from datawarp.manifest.tables import cache_path
from datawarp.publish.export import export
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


def export_in_a_process(given: tuple[str, str, str]) -> None:
    """Export a unit (JSON) of the installation in a folder, out of the database at an address."""
    root, url, unit = given
    os.environ["DATABASE_URL"] = url
    export(Unit.model_validate_json(unit), Paths(Path(root)), Settings())


def name_period_columns(warehouse: Warehouse, unit: Unit, labels: list[str]) -> None:
    """Give the long tables of a prepared unit the period columns that a draft would have found."""
    path = warehouse.paths.enriched_manifest(unit.name)
    manifest = read_manifest(path)
    for source in manifest.sources:
        for entry in source.files:
            if entry.layout and entry.layout.wide_periods:
                before = cache_path(warehouse.paths, unit.name, entry)
                letters = entry.layout.wide_periods.columns
                entry.columns = entry.columns[:1] + [
                    Column(column=letter, original_name=label, name=f"p_{letter}", type="integer", period_label=label)
                    for letter, label in zip(letters, labels, strict=True)
                ]
                before.rename(cache_path(warehouse.paths, unit.name, entry))
    write_manifest(path, manifest)
