"""5,000 units: what `all` finds by looking at files is what Snakemake finds by its full graph."""

from __future__ import annotations

import os

import pytest

from datawarp.operations.pending import targets

from .conftest import Installation
from .tree import build_tree


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Fifty publications of a hundred periods, built; the database is not there, and not needed to find out."""
    folder = tmp_path_factory.mktemp("thousands")
    assert len(build_tree(folder, publications=50, periods=100)) == 5000
    return Installation(folder, "postgresql://127.0.0.1:1/none")


def test_nothing_is_to_be_done(installation: Installation) -> None:
    assert installation.snakemake("all").nothing_to_do


def test_both_plan_the_same_jobs(installation: Installation) -> None:
    paths = installation.paths
    new = targets("series_7_2003-05", paths)
    for path in new.values():
        path.unlink()
    targets("series_8_2001-01", paths)["export"].unlink()
    edited = targets("series_9_2002-02", paths)["draft"]
    os.utime(edited)
    # A missing file in between is no reason to work: what was made from it is there.
    targets("series_10_2000-01", paths)["enrich"].unlink()

    fast = installation.snakemake("--dry-run", "all")
    full = installation.snakemake("--dry-run", "all", "--config", "full_dag=true")
    assert fast.planned == full.planned
    for stage in new:
        assert fast.jobs(stage) == full.jobs(stage)
    assert fast.jobs("download") == {"series_7_2003-05"}
    assert fast.jobs("enrich") == {"series_7_2003-05", "series_9_2002-02"}
    assert fast.jobs("export") == {"series_7_2003-05", "series_8_2001-01", "series_9_2002-02"}
