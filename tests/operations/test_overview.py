"""What a monitor and the status page are told, with a real database behind it."""

import json
from datetime import UTC, datetime

from datawarp.operations import failures
from datawarp.operations.assess import assess, report
from datawarp.operations.overview import write_overview
from datawarp.operations.states import troubles, unit_states
from datawarp.registry.paths import Paths
from datawarp.registry.registry import read_registry
from datawarp.registry.settings import Settings

NOW = datetime(2025, 12, 20, tzinfo=UTC)
REGISTRY = """
publications:
  ward:
    name: Virtual wards
    frequency: monthly
    lag_days: 30
    urls:
      - {period: aug25, url: aug.csv}
      - {period: oct25, url: oct.csv}
"""


def installation(tmp_path):
    (tmp_path / "publications.yaml").write_text(REGISTRY)
    return read_registry(tmp_path / "publications.yaml"), Paths(tmp_path)


def test_states_health_and_page_agree(tmp_path, database_url):
    registry, paths = installation(tmp_path)
    paths.review("ward_aug25").parent.mkdir(parents=True)
    paths.review("ward_aug25").write_text(
        "unit: ward_aug25\npublication: ward\nperiod: aug25\nitems:\n"
        "- {kind: match, question: Is <this> the same table?, source: ward, proposal: ward}\n"
    )
    failures.fail("ward_oct25", "draft", paths, "logs/x.log", "SheetError", "no table", "x.xlsx", "look")
    now = datetime.now(UTC)
    states = unit_states(registry.units(), paths, now)
    assert [(s.unit.name, s.state) for s in states] == [("ward_aug25", "pending"), ("ward_oct25", "waiting")]
    assert [t.text for t in troubles(states)] == ["in draft: no table"]
    write_overview(registry, states, paths, Settings(), NOW)
    health = json.loads((tmp_path / "output/health.json").read_text())
    assert health["status"] == "failing"
    assert health["failing"][0]["unit"] == "ward_oct25"
    assert health["gaps"] == {"ward": ["sep25"]}
    assert health["reviews"] == 1
    page = (tmp_path / "output/status.html").read_text()
    assert "Is &lt;this&gt; the same table?" in page
    assert "PostgreSQL" in page


def test_the_page_is_made_without_a_database_and_starts_none(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    registry, paths = installation(tmp_path)
    write_overview(registry, unit_states(registry.units(), paths, NOW), paths, Settings(), NOW)
    assert "does not run" in (tmp_path / "output/status.html").read_text()
    assert not paths.postgres.exists()


def test_an_assessment_names_gaps_room_and_plan(tmp_path, database_url):
    registry, paths = installation(tmp_path)
    found = assess(registry, ["ward_aug25", "ward_oct25"], paths, Settings(), cores=2, now=NOW)
    assert found.publications[0].gaps == ["sep25"]
    assert found.publications[0].late == []
    assert found.resources.database > 1_000_000
    assert found.estimate.seconds[0] < found.estimate.seconds[2]
    assert json.loads((tmp_path / "output/assessment.json").read_text())["plan"] == ["ward_aug25", "ward_oct25"]
    text = report(found)
    assert "ward: missing between releases: sep25" in text
    assert "plan       2 units: ward_aug25, ward_oct25" in text
    assert "nothing was measured here yet" in text


def test_a_database_that_is_down_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    registry, paths = installation(tmp_path)
    found = assess(registry, [], paths, Settings(), cores=2, now=NOW)
    assert found.resources.database is None
    assert any("database does not answer" in warning for warning in found.warnings)
