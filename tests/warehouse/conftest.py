"""An empty warehouse for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from warehouse_of_tests import Warehouse

from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


@pytest.fixture
def warehouse(tmp_path: Path, database_url: str) -> Iterator[Warehouse]:
    """An empty warehouse."""
    yield Warehouse(Paths(tmp_path), database_url, Settings())
