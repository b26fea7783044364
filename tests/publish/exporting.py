"""An export in a process of its own, which imports no more than a job does."""

from __future__ import annotations

import os
from pathlib import Path

from datawarp.publish.export import export
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


def export_in_a_process(given: tuple[str, str, str]) -> None:
    """Export a unit (JSON) of the installation in a folder, out of the database at an address."""
    root, url, unit = given
    os.environ["DATABASE_URL"] = url
    export(Unit.model_validate_json(unit), Paths(Path(root)), Settings())
