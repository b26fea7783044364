"""Fixtures of enrichment: the real releases, drafted once for all tests of this room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from made_releases import draft_real

from datawarp.registry.paths import Paths


@pytest.fixture(scope="session")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The drafts of every real publication with several periods; skips where the releases are not at hand."""
    shared = Path(os.environ.get("DATAWARP_SHARED", Path(__file__).parents[3] / "shared"))
    if not (shared / "nhs").is_dir():
        pytest.skip(f"the real releases are not at {shared}")
    paths = Paths(tmp_path_factory.mktemp("drafted"))
    for publication in sorted((shared / "nhs").iterdir()):
        periods = sorted(publication.iterdir()) if publication.is_dir() else []
        if len(periods) > 1:
            for period in periods:
                draft_real(period, publication.name, period.name, paths)
                shutil.rmtree(paths.typed_tables(f"{publication.name}_{period.name}"), ignore_errors=True)
    return paths


@pytest.fixture
def other_database_url(database_url: str) -> Iterator[str]:
    """A second database, without a table, on the server of ``database_url``."""
    name = f"test_{uuid4().hex}"
    server, _, _ = database_url.rpartition("/")
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    connection.close()
