"""Every real publication with several periods, without any model: each table goes on where it should."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_releases import begin_run, unit

from datawarp.enrich.enrich import enrich
from datawarp.manifest.document import read_manifest
from datawarp.manifest.models import Manifest
from datawarp.registry.paths import Paths
from datawarp.registry.periods import parse_period
from datawarp.registry.settings import Settings

EXPECTED = yaml.safe_load((Path(__file__).parent / "expected_mapping.yaml").read_text())["publications"]
Place = tuple[str, str, int, str]  # period, sheet, first body row, first column


def fresh(drafted: Paths, tmp_path: Path, publication: str) -> Paths:
    """A run's folder with the drafts of one publication and nothing else."""
    paths = Paths(tmp_path / publication)
    source = drafted.pending_manifest(f"{publication}_x").parent
    shutil.copytree(source, paths.pending_manifest(f"{publication}_x").parent)
    return paths


def periods(publication: str) -> list[str]:
    found = {str(period) for source in EXPECTED[publication] for period in source}
    return sorted(found, key=lambda p: parse_period(p).order)


def enriched(publication: str, paths: Paths, order: list[str]) -> dict[str, Manifest]:
    return {p: enrich(unit(publication, p), paths, Settings()) for p in order}


def places(manifests: dict[str, Manifest]) -> dict[Place, str]:
    """The source of every table, by where its body begins."""
    found = {}
    for period, manifest in manifests.items():
        for source in manifest.enabled:
            for entry in source.files:
                assert entry.layout and entry.layout.data_rows and entry.layout.columns
                place = (period, entry.sheet or "", entry.layout.data_rows[0], entry.layout.columns[0])
                found[place] = source.code
    return found


def expected_groups(publication: str, found: dict[Place, str]) -> dict[Place, int]:
    """The number of the source that each found table is expected in; tables nobody labelled are left out."""
    groups = {}
    for number, source in enumerate(EXPECTED[publication]):
        for period, (sheet, row, column) in source.items():
            near = [
                p for p in found if p[0] == str(period) and p[1] == sheet and abs(p[2] - row) <= 2 and p[3] == column
            ]
            if near:
                groups[min(near, key=lambda p: abs(p[2] - row))] = number
    return groups


@pytest.mark.slow
def test_tables_go_on_where_they_should_and_nowhere_else(drafted: Paths, tmp_path: Path) -> None:
    wrong, missed, pairs = [], [], 0
    labelled = 0
    for publication in EXPECTED:
        paths = fresh(drafted, tmp_path, publication)
        found = places(enriched(publication, paths, periods(publication)))
        groups = expected_groups(publication, found)
        labelled += len(groups)
        for one, other in combinations(groups, 2):
            same, together = groups[one] == groups[other], found[one] == found[other]
            pairs += same
            if together and not same:
                wrong.append((publication, one, other))
            if same and not together:
                missed.append((publication, one, other))
    assert labelled > 200
    assert wrong == []
    assert len(missed) <= 0.05 * pairs, missed


@pytest.mark.slow
def test_a_split_and_a_new_sheet_are_told_as_such(drafted: Paths, tmp_path: Path) -> None:
    paths = fresh(drafted, tmp_path, "community_waits")
    enriched("community_waits", paths, periods("community_waits"))
    review = yaml.safe_load(paths.review("community_waits_dec24").read_text())
    assert any("split into" in line and "Table 4g" in line and "Table 4h" in line for line in review["news"])
    assert [item["source"] for item in review["items"] if item["kind"] == "match"]

    paths = fresh(drafted, tmp_path, "virtual_ward")
    made = enriched("virtual_ward", paths, periods("virtual_ward"))
    methods = {s.files[0].sheet: s.enrichment.method for s in made["apr25"].enabled if s.enrichment}
    assert methods == {"Virtual Ward Data - ICB": "reference", "Virtual Ward Data - Provider": "rules"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "publication", ["childhood_vaccination", "community_waits", "covid_vaccinations", "virtual_ward"]
)
def test_the_outcome_depends_on_no_order(drafted: Paths, tmp_path: Path, publication: str) -> None:
    """In one run any order gives the same manifests; periods added one by one, the same tables together."""
    one_by_one = enriched(publication, fresh(drafted, tmp_path / "a", publication), periods(publication))
    paths = fresh(drafted, tmp_path / "b", publication)
    stages = {f"{publication}_{p}": ["draft", "enrich"] for p in periods(publication)}
    begin_run(paths, stages, pid=os.getpid(), host=socket.gethostname())
    for name in stages:
        os.utime(paths.pending_manifest(name))
    shuffled = enriched(publication, paths, random.Random(7).sample(periods(publication), len(stages)))
    for period, manifest in one_by_one.items():
        assert shuffled[period] == manifest
        assert read_manifest(paths.enriched_manifest(f"{publication}_{period}")) == manifest

    backwards = enriched(publication, fresh(drafted, tmp_path / "c", publication), periods(publication)[::-1])
    assert together(places(backwards)) == together(places(one_by_one))


def together(found: dict[Place, str]) -> Counter[Any]:
    """Which tables share a source, whatever it is called."""
    groups = defaultdict(list)
    for place, code in found.items():
        groups[code].append(place)
    return Counter(frozenset(group) for group in groups.values())
