"""What is kept of failed jobs, what ends it, and what is told of it."""

from datetime import UTC, datetime

from rich.console import Console

from datawarp.operations import failures
from datawarp.operations.cadence import cadence
from datawarp.operations.driver import summary
from datawarp.operations.failures import Failure
from datawarp.operations.reviews import OpenQuestion, open_questions
from datawarp.operations.states import UnitState
from datawarp.operations.status import print_status
from datawarp.operations.status_page import Overview, PublicationStatus
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths

UNIT = "beds_feb25"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def fail(paths, stage="load"):
    return failures.fail(UNIT, stage, paths, "logs/x.log", "WarehouseError", "it is full", None, "make room")


def test_a_failure_lasts_until_its_stage_or_a_later_one_passes(tmp_path):
    paths = Paths(tmp_path)
    fail(paths)
    for earlier in ("request_refresh", "download", "draft", "enrich"):
        failures.succeed(UNIT, earlier, paths)
        assert failures.read_failure(UNIT, paths), earlier
    failures.succeed(UNIT, "load", paths)
    assert failures.read_failure(UNIT, paths) is None
    fail(paths)
    failures.succeed(UNIT, "finish_refresh", paths)
    assert failures.read_failure(UNIT, paths) is None


def test_attempts_are_counted_over_refreshes_that_fail_again(tmp_path):
    paths = Paths(tmp_path)
    for attempt in (1, 2, 3):
        failures.succeed(UNIT, "request_refresh", paths)
        failures.succeed(UNIT, "download", paths)
        assert fail(paths).attempts == attempt


def test_a_command_that_was_typed_wrongly_is_told_and_forgotten(tmp_path):
    paths = Paths(tmp_path)
    failures.begin("_drift", "drift", paths)
    told = failures.passing(
        "_drift", "drift", paths, "logs/drift.log", "RegistryError", "pub is missing", None, "add it"
    )
    assert told.text == "pub is missing\nwhat to do: add it"
    assert failures.failures(paths) == failures.working(paths) == {}


def test_the_end_of_a_run_does_not_call_done_what_was_not_begun():
    failed = [Failure(UNIT, "load", "WarehouseError", "it is full", None, "make room", "logs/x.log", "2025-01-01", 2)]
    assert "All other units are done." in summary(failed, units=3, done=2)
    assert "All other units" not in summary(failed, units=1, done=0)
    stopped = summary(failed, units=9, done=2, stopped="5 of 9 units of this run have failed")
    assert "1 of 9 units failed" in stopped
    assert "2 are done, 6 were not begun or not ended." in stopped
    assert stopped.endswith("The run was stopped: 5 of 9 units of this run have failed")


def test_status_says_what_waits_for_a_person_and_what_command_failed_when(tmp_path):
    at = datetime(2026, 3, 1, 4, 15, tzinfo=UTC).isoformat()
    others = [Failure("_validate", "validate", "ValidationError", "2 severe findings", None, None, "logs/v.log", at, 1)]
    questions = [OpenQuestion("beds_jan25", f"table_{i}", "Is it [the] same?") for i in range(7)]
    console = Console(record=True, width=100)
    print_status(Overview("here", NOW, [], reviews=questions), others, console)
    text = console.export_text()
    assert "validate failed on 2026-03-01 at 04:15 UTC; said here until `snakemake validate` passes" in text
    assert "beds_jan25: 7 questions for review" in text
    assert "table_4: Is it [the] same?" in text
    assert "table_5" not in text
    assert "and 2 more; answer in manifests/review/beds_jan25.yaml, then snakemake approve_beds_jan25" in text


def test_status_says_how_old_a_publication_is_against_its_calendar():
    def publication(code, *periods):
        units = [Unit(publication=code, period=p, url="x", settings=PublicationSettings(name=code)) for p in periods]
        expected = cadence([u.when for u in units], "monthly", NOW.date(), 45)
        return PublicationStatus(code, code, "monthly", [UnitState(u, "done") for u in units], expected)

    console = Console(record=True, width=120)
    publications = [publication("fresh", "dec25", "jan26"), publication("stale", "jul25", "sep25", "oct25")]
    print_status(Overview("here", NOW, publications), [], console)
    text = console.export_text()
    assert "2/2    to jan26, 30 days old; next due 2026-04-14" in text
    assert "3/3    to oct25, 122 days old; late: nov25, dec25; missing: aug25" in text
    assert "5 units of 2 publications: 5 done" in text


def test_open_questions_come_from_the_review_files(tmp_path):
    paths = Paths(tmp_path)
    paths.review(UNIT).parent.mkdir(parents=True)
    paths.review(UNIT).write_text(
        "unit: beds_feb25\npublication: beds\nperiod: feb25\nitems:\n"
        "- {kind: meaning, question: Is it right?, source: beds, field: description, proposal: Beds}\n"
        "- {kind: meaning, state: approved, question: Was it?, source: beds, field: description, proposal: Beds}\n"
    )
    paths.review("beds_jan25").write_text("items: [")
    found = open_questions(paths)
    assert found[0] == OpenQuestion(UNIT, "beds", "Is it right?")
    assert found[1].unit == "beds_jan25"
    assert "cannot be read" in found[1].question
    assert len(found) == 2
