"""Units loaded for real, to be exported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "warehouse"))

from warehouse_of_tests import Warehouse

from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


@pytest.fixture
def warehouse(tmp_path: Path, database_url: str) -> Iterator[Warehouse]:
    """An empty warehouse in a folder of its own."""
    yield Warehouse(Paths(tmp_path / "run"), database_url, Settings())
