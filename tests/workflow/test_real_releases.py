"""The whole workflow over the real releases, where they are at hand: every row accounted for."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datawarp.manifest.document import read_manifest

from .conftest import Call, Installation, NewDatabase

# `.ci/run` names a folder, so that the score can be told of the same run.
KEPT = "DATAWARP_REAL_RUN"


@pytest.fixture(scope="module")
def run(
    shared: Path, tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> Iterator[tuple[Installation, Call]]:
    """All real releases, built; releases that fail leave a record of why."""
    folder = Path(os.environ.get(KEPT) or tmp_path_factory.mktemp("real"))
    installation = Installation(folder, new_database(None))
    installation.register(_registry(shared / "nhs"))
    yield installation, installation.snakemake("all", status=None, patience=1200)
    if KEPT not in os.environ:
        shutil.rmtree(folder)


def _registry(releases: Path) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    with open(releases / "INDEX.tsv", encoding="utf-8", newline="") as index:
        for row in csv.DictReader(index, delimiter="\t"):
            entry = entries.setdefault(row["series"], {"name": row["publication"], "urls": []})
            release = {"period": row["period"], "url": str(releases / row["series"] / row["period"])}
            if release not in entry["urls"]:
                entry["urls"].append(release)
    return entries


def units(installation: Installation) -> list[str]:
    return [f"{code}_{r['period']}" for code, entry in installation.registry().items() for r in entry["urls"]]


def test_every_release_reaches_parquet_or_fails_in_words(run: tuple[Installation, Call]) -> None:
    installation, call = run
    for unit in units(installation):
        receipt, failure = installation.paths.export_receipt(unit), installation.paths.failure(unit)
        assert receipt.exists() != failure.exists(), unit
        if failure.exists():
            record = json.loads(failure.read_text())
            assert "the program failed" not in record["message"], record
            assert record["hint"], record
    assert (call.status == 0) == (not any(installation.paths.failure(unit).exists() for unit in units(installation)))


def test_every_row_of_every_sheet_is_accounted_for_and_in_the_parquet(run: tuple[Installation, Call]) -> None:
    installation, _ = run
    tables = 0
    for unit in units(installation):
        if not installation.paths.export_receipt(unit).exists():
            continue
        manifest = read_manifest(installation.paths.enriched_manifest(unit))
        receipt = json.loads(installation.paths.export_receipt(unit).read_text())
        sheet_rows = {
            (source["code"], file["_source_file"]): file["_source_row_count_distinct"]
            for source in receipt["sources"]
            for file in pq.read_table(installation.folder / source["parquet"], columns=["_source_file", "_source_row"])
            .cast(pa.schema([("_source_file", pa.string()), ("_source_row", pa.int32())]))
            .group_by("_source_file")
            .aggregate([("_source_row", "count_distinct")])
            .to_pylist()
        }
        for source in manifest.enabled:
            for file in source.files:
                assert file.layout is not None
                assert file.layout.account is not None, file.id
                assert file.layout.account.balanced, (unit, file.id, file.layout.account)
                assert sheet_rows.get((source.code, file.id), 0) == file.layout.account.body, (unit, file.id)
                tables += 1
    assert tables > 0


def test_the_score_is_told(run: tuple[Installation, Call], shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installation, _ = run
    if not (shared / "fidelity" / "score.py").is_file():
        pytest.skip("no labels at hand")
    command = [sys.executable, str(shared / "fidelity" / "score.py"), "--labels", str(shared / "fidelity" / "labels")]
    told = subprocess.run(
        [*command, "--workdir", str(installation.folder)], capture_output=True, text=True, check=True
    ).stdout
    with capsys.disabled():
        print(f"\n{told.splitlines()[-1]}")
    assert "exact=" in told


def test_nothing_is_left_to_do(run: tuple[Installation, Call]) -> None:
    installation, call = run
    if call.status:
        pytest.skip("some releases failed, so that they are still to be done")
    assert installation.snakemake("all").nothing_to_do
    assert installation.snakemake("all", "--config", "full_dag=true").nothing_to_do
