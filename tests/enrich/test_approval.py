"""Approval and rejection on a real database: tables in doubt are loaded apart until a person speaks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from made_releases import draft_real, unit
from model_server import ModelServer

from datawarp.enrich.enrich import enrich
from datawarp.enrich.review import read_review, write_review
from datawarp.errors import EnrichError, LifecycleError
from datawarp.lifecycle.approve import approve, close_merged, finish_interrupted, reject
from datawarp.manifest.document import read_manifest
from datawarp.operations.pending import pending_units
from datawarp.publish.export import export
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.canonical import canonical_manifests
from datawarp.warehouse.load import load

HEADER = "Provider code,Provider name,Patients waiting,Patients treated"
PROJECT = Path(__file__).parents[2]
OLD, SPLIT = "waits_trust_waiting", "waits_waiting_lists_all_trusts"


def csv(rows: int, start: int) -> str:
    lines = [f"R{n:02d},Hospital {n},{start + n},{start - n}" for n in range(rows)]
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture
def installation(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Paths]:
    """Three releases of ``waits``; the second gives its file another name, and keeps it in the third."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    paths = Paths(tmp_path / "run")

    def build(**settings: Any) -> Paths:
        names = {
            "jan25": "Trust waiting.csv",
            "feb25": "Waiting lists of all trusts.csv",
            "mar25": "Waiting lists of all trusts.csv",
        }
        for n, (period, name) in enumerate(names.items()):
            folder = tmp_path / period
            folder.mkdir()
            (folder / name).write_text(csv(20 + n, 100 * (n + 1)))
            draft_real(folder, "waits", period, paths)
            enrich(unit("waits", period, **settings), paths, Settings())
            load(unit("waits", period, **settings), paths, Settings())
            export(unit("waits", period, **settings), paths, Settings())
        return paths

    return build


def find(name: str) -> Unit:
    return unit(*name.split("_"))


def query(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def sources(paths: Paths) -> dict[str, list[str]]:
    return {
        p: [s.code for s in read_manifest(paths.enriched_manifest(f"waits_{p}")).enabled]
        for p in ("jan25", "feb25", "mar25")
    }


def test_approval_brings_rows_history_and_parquet_together(
    installation: Callable[..., Paths], database_url: str
) -> None:
    paths = installation()
    assert sources(paths) == {"jan25": [OLD], "feb25": [SPLIT], "mar25": [SPLIT]}
    before = query(
        database_url, f"SELECT provider_code, patients_waiting, _period FROM staging.tbl_{SPLIT} ORDER BY 3, 1"
    )

    outcome = approve(find("waits_feb25"), paths, Settings(), find, who="statistician", note="same return, new name")

    assert outcome.merged == {SPLIT: OLD}
    assert sources(paths) == {"jan25": [OLD], "feb25": [OLD], "mar25": [OLD]}
    counts = query(database_url, f"SELECT _period, count(*) FROM staging.tbl_{OLD} GROUP BY 1 ORDER BY 1")
    assert counts == [("2025-01", 20), ("2025-02", 21), ("2025-03", 22)]
    moved = f"SELECT provider_code, patients_waiting, _period FROM staging.tbl_{OLD} ORDER BY 3, 1"
    assert query(database_url, moved)[20:] == before
    assert query(database_url, "SELECT source_code FROM datawarp.tbl_canonical_sources") == [(OLD,)]
    assert query(database_url, f"SELECT to_regclass('staging.tbl_{SPLIT}')") == [(None,)]
    history = "SELECT count(*) FROM datawarp.tbl_load_history WHERE unit = 'waits_feb25' AND outcome = 'loaded'"
    assert query(database_url, history) == [(2,)]
    items = "SELECT kind, state, decided_by, note FROM datawarp.tbl_review_items WHERE unit = 'waits_feb25'"
    assert query(database_url, items) == [("match", "approved", "statistician", "same return, new name")]
    assert not paths.parquet_source(SPLIT).exists()
    assert len(list(paths.parquet_source(OLD).rglob("*.parquet"))) == 3
    assert (paths.reference_manifests / "waits_feb25.enriched.yaml").exists()


def test_a_decision_outlives_later_runs_and_teaches_the_next_period(
    installation: Callable[..., Paths], tmp_path: Path
) -> None:
    paths = installation()
    approve(find("waits_feb25"), paths, Settings(), find, who="statistician")
    decided = paths.decisions("waits").read_bytes()
    items = yaml.safe_load(paths.review("waits_feb25").read_text())["items"]
    again = enrich(find("waits_feb25"), paths, Settings())
    assert [(s.code, s.enrichment.method) for s in again.enabled if s.enrichment] == [(OLD, "person")]
    assert paths.decisions("waits").read_bytes() == decided
    assert yaml.safe_load(paths.review("waits_feb25").read_text())["items"] == items
    (tmp_path / "apr25").mkdir()
    (tmp_path / "apr25" / "Waiting lists of all trusts.csv").write_text(csv(20, 50))
    draft_real(tmp_path / "apr25", "waits", "apr25", paths)
    assert [s.code for s in enrich(find("waits_apr25"), paths, Settings()).enabled] == [OLD]


def test_rejection_keeps_the_table_apart_and_asks_no_more(
    installation: Callable[..., Paths], database_url: str
) -> None:
    paths = installation()
    reject(find("waits_feb25"), paths, Settings(), find, who="statistician", note="another return")
    made = enrich(find("waits_feb25"), paths, Settings())
    assert [s.code for s in made.enabled] == [SPLIT]
    assert not any(s.enrichment.needs_review for s in made.enabled if s.enrichment)
    item = yaml.safe_load(paths.review("waits_feb25").read_text())["items"][0]
    assert (item["state"], item["decided_by"], item["note"]) == ("rejected", "statistician", "another return")
    assert query(database_url, f"SELECT count(*) FROM staging.tbl_{SPLIT}") == [(43,)]
    with pytest.raises(EnrichError, match="nothing is in doubt"):
        reject(find("waits_feb25"), paths, Settings(), find)


def test_an_edited_proposal_is_what_approval_does(installation: Callable[..., Paths], database_url: str) -> None:
    paths = installation()
    review = paths.review("waits_feb25")
    review.write_text(review.read_text().replace(f"proposal: {OLD}", "proposal: waits_all_trusts"))
    approve(find("waits_feb25"), paths, Settings(), find, who="statistician")
    assert sources(paths) == {"jan25": [OLD], "feb25": ["waits_all_trusts"], "mar25": ["waits_all_trusts"]}
    assert query(database_url, "SELECT count(*) FROM staging.tbl_waits_all_trusts") == [(43,)]


def test_a_merge_of_two_tables_of_one_release_is_refused(installation: Callable[..., Paths], tmp_path: Path) -> None:
    paths = installation()
    review = paths.review("waits_feb25")
    before = {p: p.read_bytes() for p in paths.enriched_manifest("waits_feb25").parent.iterdir()}
    (tmp_path / "apr25").mkdir()
    (tmp_path / "apr25" / "Waiting lists of all trusts.csv").write_text(csv(20, 50))
    (tmp_path / "apr25" / "Trust waiting.csv").write_text(csv(20, 70))
    draft_real(tmp_path / "apr25", "waits", "apr25", paths)
    assert {s.code for s in enrich(find("waits_apr25"), paths, Settings()).enabled} == {OLD, SPLIT}
    with pytest.raises(LifecycleError, match="cannot become part of"):
        approve(find("waits_feb25"), paths, Settings(), find)
    assert {p: p.read_bytes() for p in before} == before
    assert "state: open" in review.read_text()


def test_hold_keeps_the_unit_back_until_a_person_has_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path / "run")
    for period, name in {"jan25": "Trust waiting.csv", "feb25": "Waiting lists of all trusts.csv"}.items():
        (tmp_path / period).mkdir()
        (tmp_path / period / name).write_text(csv(20, 100))
        draft_real(tmp_path / period, "waits", period, paths)
    enrich(unit("waits", "jan25", review="hold"), paths, Settings())
    held = unit("waits", "feb25", review="hold")
    with pytest.raises(EnrichError, match="approve_waits_feb25"):
        enrich(held, paths, Settings())
    assert not paths.enriched_manifest("waits_feb25").exists()
    approve(held, paths, Settings(), find)
    assert [s.code for s in read_manifest(paths.enriched_manifest("waits_feb25")).enabled] == [OLD]


def test_calls_and_questions_come_into_the_registry_once(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    paths = Paths(tmp_path / "run")
    (tmp_path / "jan25").mkdir()
    (tmp_path / "jan25" / "Trust waiting.csv").write_text(csv(20, 100))
    draft_real(tmp_path / "jan25", "waits", "jan25", paths)
    with ModelServer().running() as server:
        layers = [{"name": "model", "base_url": server.base_url, "model": "m", "price_input": 1, "price_output": 2}]
        settings = Settings.model_validate({"enrichment": {"layers": layers}})
        enrich(unit("waits", "jan25"), paths, settings)
        for _ in range(2):
            load(unit("waits", "jan25"), paths, settings)
    fields = "source_code, layer, outcome, prompt_tokens, cost::float, answer ->> 'granularity'"
    runs = f"SELECT {fields} FROM datawarp.tbl_enrichment_runs"
    assert query(database_url, runs) == [(OLD, "model", "answered", 400, 0.0006, "provider by month")]
    questions = "SELECT count(*), min(state) FROM datawarp.tbl_review_items WHERE kind LIKE 'meaning of %'"
    asked = len(yaml.safe_load(paths.review("waits_jan25").read_text())["items"])
    assert query(database_url, questions) == [(asked, "open")]
    described = (
        "SELECT count(*) FROM datawarp.tbl_column_metadata WHERE description IS NOT NULL AND semantic_name IS NOT NULL"
    )
    assert query(database_url, described)[0][0] == 4


def test_what_is_only_in_the_database_goes_on(installation: Callable[..., Paths], tmp_path: Path) -> None:
    paths = installation()
    settings = Settings()
    for period in ("jan25", "feb25", "mar25"):
        paths.enriched_manifest(f"waits_{period}").unlink()
        paths.pending_manifest(f"waits_{period}").unlink()
    (tmp_path / "apr25").mkdir()
    (tmp_path / "apr25" / "Trust waiting.csv").write_text(csv(20, 70))
    draft_real(tmp_path / "apr25", "waits", "apr25", paths)
    made = enrich(
        find("waits_apr25"), paths, settings, lambda publication: canonical_manifests(publication, paths, settings)
    )
    how = made.enabled[0].enrichment
    assert (made.enabled[0].code, how.method if how else None) == (OLD, "reference")


def state(paths: Paths, database_url: str) -> dict[str, Any]:
    """What an installation holds of ``waits``: codes by release, rows, and which source each file is of."""
    rows = {}
    for (table,) in query(database_url, "SELECT table_name FROM datawarp.tbl_data_sources ORDER BY 1"):
        rows[table] = query(
            database_url,
            f"SELECT provider_code, patients_waiting, _period, _source_row FROM staging.{table} ORDER BY 3, 1",
        )
    return {"codes": sources(paths), "rows": rows}


@pytest.mark.parametrize("verdict", ["approve", "reject", "rename"])
def test_a_fresh_clone_with_an_empty_database_honours_what_was_decided(
    verdict: str,
    installation: Callable[..., Paths],
    tmp_path: Path,
    database_url: str,
    other_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = installation()
    if verdict == "reject":
        reject(find("waits_feb25"), paths, Settings(), find, who="statistician")
    else:
        if verdict == "rename":
            review = paths.review("waits_feb25")
            review.write_text(review.read_text().replace(f"proposal: {OLD}", "proposal: waits_all_trusts"))
        approve(find("waits_feb25"), paths, Settings(), find, who="statistician")
    built = state(paths, database_url)

    clone = Paths(tmp_path / "clone")
    committed = subprocess.run(
        ["git", "-c", f"core.excludesFile={PROJECT / '.gitignore'}", "ls-files", "-co", "--exclude-standard"],
        cwd=initialised(paths.root),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "manifests/decisions/waits.yaml" in committed
    assert not any(name.startswith(("manifests/active", "manifests/review", ".datawarp")) for name in committed)
    for name in committed:
        (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.root / name, clone.root / name)
    monkeypatch.setenv("DATABASE_URL", other_database_url)
    for period in ("jan25", "feb25", "mar25"):
        draft_real(tmp_path / period, "waits", period, clone)
        enrich(find(f"waits_{period}"), clone, Settings())
        load(find(f"waits_{period}"), clone, Settings())
    assert state(clone, other_database_url) == built
    assert not any(r.items for p in built["codes"] if (r := read_review(clone.review(f"waits_{p}"))) if r.open())


def initialised(folder: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def test_two_tables_of_a_release_never_become_one_by_two_approvals(
    installation: Callable[..., Paths],
) -> None:
    paths = installation()
    review = read_review(paths.review("waits_feb25"))
    assert review is not None
    second = review.items[0].model_copy(deep=True, update={"source": "waits_other"})
    assert second.table is not None
    second.table.nth = 2
    write_review(paths.review("waits_feb25"), review.model_copy(update={"items": [*review.items, second]}))
    with pytest.raises(LifecycleError, match="two tables of the release would become part of"):
        approve(find("waits_feb25"), paths, Settings(), find)
    assert not paths.decisions("waits").exists()


@pytest.mark.parametrize("code", ["other_table", "waits_; DROP TABLE x", "waits_" + "x" * 60])
def test_a_proposal_that_is_no_code_of_the_publication_is_refused(
    code: str, installation: Callable[..., Paths]
) -> None:
    paths = installation()
    review = read_review(paths.review("waits_feb25"))
    assert review is not None
    review.items[0].proposal = code
    write_review(paths.review("waits_feb25"), review)
    with pytest.raises(LifecycleError, match="cannot be the code of a source"):
        approve(find("waits_feb25"), paths, Settings(), find)
    assert sources(paths)["feb25"] == [SPLIT] and not paths.decisions("waits").exists()


def killed(paths: Paths, deadly: int) -> bool:
    """Whether the approval of February died at its ``deadly``-th file."""
    program = Path(__file__).with_name("approve_and_die.py")
    ended = subprocess.run([sys.executable, str(program), str(paths.root), "waits_feb25", str(deadly)], check=False)
    assert ended.returncode in (0, -signal.SIGKILL)
    return ended.returncode != 0


def test_an_approval_killed_again_and_again_loses_nothing_and_ends(
    installation: Callable[..., Paths], database_url: str
) -> None:
    paths = installation()
    before = state(paths, database_url)["rows"]
    deaths = 0
    while killed(paths, deaths + 1):
        deaths += 2  # every second file, and the first one in the next test
    assert deaths > 8
    after = state(paths, database_url)
    assert after["codes"] == {"jan25": [OLD], "feb25": [OLD], "mar25": [OLD]}
    every = sorted(row for rows in before.values() for row in rows)
    assert sorted(after["rows"][f"tbl_{OLD}"]) == every and len(after["rows"]) == 1
    assert query(database_url, "SELECT DISTINCT source_code FROM datawarp.tbl_load_history") == [(OLD,)]
    assert not list((paths.private / "approvals").glob("*.json"))
    assert len(list(paths.parquet_source(OLD).rglob("*.parquet"))) == 3 and not paths.parquet_source(SPLIT).exists()
    decided = yaml.safe_load(paths.decisions("waits").read_text())["units"]["waits_feb25"]
    assert [(i["state"], i["proposal"]) for i in decided] == [("approved", OLD)]


def test_the_next_run_finishes_an_approval_that_was_killed(
    installation: Callable[..., Paths], database_url: str
) -> None:
    paths = installation()
    assert killed(paths, 1)  # the decision is in the journal, and nowhere else
    assert sources(paths)["feb25"] == [SPLIT]
    assert finish_interrupted(paths) == ["waits_feb25"]
    close_merged(paths, Settings())
    assert list((paths.private / "approvals").glob("*.json"))  # February and March are still to be loaded
    assert sources(paths) == {"jan25": [OLD], "feb25": [OLD], "mar25": [OLD]}
    due = pending_units([find(f"waits_{p}") for p in ("jan25", "feb25", "mar25")], paths)
    assert {"waits_feb25", "waits_mar25"} <= set(due)
    for name in ("waits_feb25", "waits_mar25"):
        load(find(name), paths, Settings())
        export(find(name), paths, Settings())
    close_merged(paths, Settings())
    assert not list((paths.private / "approvals").glob("*.json"))
    assert query(database_url, "SELECT source_code FROM datawarp.tbl_canonical_sources") == [(OLD,)]
    assert query(database_url, f"SELECT count(*) FROM staging.tbl_{OLD}") == [(63,)]


def test_a_merge_is_taken_back_by_changing_the_decision(installation: Callable[..., Paths], database_url: str) -> None:
    paths = installation()
    apart = state(paths, database_url)
    approve(find("waits_feb25"), paths, Settings(), find, who="statistician")
    path = paths.decisions("waits")
    path.write_text(path.read_text().replace("state: approved", "state: rejected"))
    paths.reference_manifests.joinpath("waits_feb25.enriched.yaml").unlink()
    for name in ("waits_feb25", "waits_mar25"):
        enrich(find(name), paths, Settings())
        load(find(name), paths, Settings())
        export(find(name), paths, Settings())
    assert state(paths, database_url) == apart


def test_a_release_that_is_redone_does_not_ask_what_a_later_one_asks(installation: Callable[..., Paths]) -> None:
    paths = installation()
    made = enrich(find("waits_jan25"), paths, Settings())
    assert [s.code for s in made.enabled] == [OLD]
    assert not any(s.enrichment.needs_review for s in made.enabled if s.enrichment)
    assert not paths.review("waits_jan25").exists()


def test_a_release_that_is_redone_asks_again_what_is_open(installation: Callable[..., Paths]) -> None:
    paths = installation()
    asked = paths.review("waits_feb25").read_bytes()
    made = enrich(find("waits_feb25"), paths, Settings())
    assert [(s.code, s.enrichment.needs_review) for s in made.enabled if s.enrichment] == [(SPLIT, True)]
    assert paths.review("waits_feb25").read_bytes() == asked
