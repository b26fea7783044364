"""All shared real releases, drafted and enriched once, loaded in order, in reverse and in no order of periods."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from warehouse_of_tests import Warehouse

from datawarp.acquire.download import download
from datawarp.enrich.enrich import enrich
from datawarp.files import read_json
from datawarp.manifest.draft import draft
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.load import load
from datawarp.warehouse.load.drift import BETWEEN_PERIODS, BETWEEN_RELEASES
from datawarp.warehouse.server import Server


@pytest.fixture
def units(shared: Path, tmp_path: Path) -> list[Unit]:
    """The units, enriched, by publication and period."""
    found = [
        Unit(
            publication=folder.parent.name, period=folder.name, url=str(folder), settings=PublicationSettings(name="x")
        )
        for folder in sorted((shared / "nhs").glob("*/*"))
        if folder.is_dir()
    ]
    found.sort(key=lambda u: (u.publication, u.when.order))
    for unit in found:
        for stage in (download, draft, enrich):
            stage(unit, Paths(tmp_path), Settings())
    return found


@pytest.fixture
def three_databases(postgres: Server) -> Iterator[list[str]]:
    """Three empty databases."""
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    names = ["in_order", "in_reverse", "shuffled"]
    for name in names:
        admin.cursor().execute(f"CREATE DATABASE {name}")
    yield [postgres.url(name) for name in names]
    for name in names:
        admin.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.mark.slow
def test_order_of_periods_leaves_no_trace(
    units: list[Unit], three_databases: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path)
    shuffled = random.Random(4).sample(units, len(units))
    contents, markers = [], []
    for url, order in zip(three_databases, (units, units[::-1], shuffled), strict=True):
        monkeypatch.setenv("DATABASE_URL", url)
        for unit in order:
            load(unit, paths, Settings())
        contents.append(Warehouse(paths, url, Settings()).content())
        found = [read_json(paths.loaded_marker(unit.name)) for unit in units]
        markers.append([{k: v for k, v in marker.items() if k != "database"} for marker in found])
    first = contents[0]
    assert sum(source["rows"] for marker in markers[0] for source in marker["sources"]) > 400_000
    assert {kind for _, _, _, kind, *_ in first["drift"]} == {*BETWEEN_PERIODS, *BETWEEN_RELEASES}
    for other in contents[1:]:
        assert set(other) == set(first)
        for name, content in first.items():
            assert other[name] == content, name
    assert markers[1:] == [markers[0], markers[0]]
