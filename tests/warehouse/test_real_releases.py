"""All shared real releases, drafted and enriched once, loaded in order and in reverse order of periods."""

from __future__ import annotations

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
def two_databases(postgres: Server) -> Iterator[list[str]]:
    """Two empty databases."""
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    names = ["in_order", "in_reverse"]
    for name in names:
        admin.cursor().execute(f"CREATE DATABASE {name}")
    yield [postgres.url(name) for name in names]
    for name in names:
        admin.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.mark.slow
def test_order_of_periods_leaves_no_trace(
    units: list[Unit], two_databases: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path)
    contents, markers = [], []
    for url, order in zip(two_databases, (units, units[::-1]), strict=True):
        monkeypatch.setenv("DATABASE_URL", url)
        for unit in order:
            load(unit, paths, Settings())
        contents.append(Warehouse(paths, url, Settings()).content())
        found = [read_json(paths.loaded_marker(unit.name)) for unit in units]
        markers.append([{k: v for k, v in marker.items() if k != "database"} for marker in found])
    assert set(contents[0]) == set(contents[1])
    assert sum(source["rows"] for marker in markers[0] for source in marker["sources"]) > 400_000
    drift = [content.pop("drift") for content in contents]
    for name, content in contents[0].items():
        assert contents[1][name] == content, name
    assert markers[0] == markers[1]
    if drift[0] != drift[1]:
        pytest.xfail("open: which column a new one was probably renamed from is judged by the table of the moment")
