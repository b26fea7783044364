"""Which units a run takes on, and when it stops."""

import pytest

from datawarp.errors import RegistryError
from datawarp.operations import failures
from datawarp.operations.backfill import Choice, choose, read_choice
from datawarp.operations.batch import Progress, RunStopped, progress, stop_when_too_many_fail
from datawarp.operations.times import record_time, unit_seconds
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import BackfillSettings

KNOWN = ["adhd", "ward"]


def unit(publication, period):
    return Unit(publication=publication, period=period, url="x.csv", settings=PublicationSettings(name="X"))


UNITS = [unit("adhd", p) for p in ("jan25", "feb25", "mar25")] + [unit("ward", p) for p in ("q4-2425", "q1-2526")]
PENDING = {"adhd_feb25": "new", "adhd_mar25": "download failed", "ward_q1-2526": "new"}


def test_incremental_takes_what_is_pending_in_order():
    batch = choose(Choice(), UNITS, PENDING)
    assert (batch.build, batch.refresh, batch.left) == (["adhd_feb25", "adhd_mar25", "ward_q1-2526"], [], {})


def test_filters_and_limits_say_what_they_leave():
    choice = read_choice({"strategy": "selective", "pub": "adhd", "since": "2025-02", "max_units": 1}, KNOWN)
    batch = choose(choice, UNITS, PENDING)
    assert batch.build == ["adhd_feb25"]
    assert batch.left == {"ward_q1-2526": "outside pub, since and until", "adhd_mar25": "beyond max_units=1"}


def test_full_refreshes_what_exists_and_builds_what_does_not():
    batch = choose(read_choice({"strategy": "full", "until": "mar25"}, KNOWN), UNITS, PENDING)
    assert batch.build == ["adhd_feb25"]
    assert batch.refresh == ["adhd_jan25", "adhd_mar25", "ward_q4-2425"]


def test_validation_redoes_what_was_found_wrong():
    batch = choose(read_choice({"strategy": "validation"}, KNOWN), UNITS, PENDING, invalid=["adhd_jan25"])
    assert (batch.build, batch.refresh) == ([], ["adhd_jan25"])
    assert batch.left["adhd_feb25"] == "not named by the last validation"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"strategy": "all"}, "there is no strategy 'all'"),
        ({"pub": "adhd,wards"}, "pub=wards"),
        ({"since": "summer"}, "cannot be read"),
        ({"max_units": 0}, "whole number"),
        ({"strategy": "selective"}, "what to select"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_an_error(config, text):
    with pytest.raises(RegistryError, match=text):
        read_choice(config, KNOWN)


def fail(name, paths, error="SheetError"):
    failures.fail(name, "draft", paths, "log", error, "no table", None, None)


def test_a_run_stops_when_too_many_units_fail_and_says_which(tmp_path):
    paths = Paths(tmp_path)
    names = [f"adhd_{y}" for y in range(2000, 2040)]
    run = {"run": "r", "started": 0.0, "units": names}
    limits = BackfillSettings(failure_threshold=0.1, min_failures=3)
    for name in names[:4]:
        fail(name, paths)
    fail("other_2020", paths)
    fail(names[10], paths, "NotPublishedYet")
    stop_when_too_many_fail(run, limits, paths)
    fail(names[5], paths)
    with pytest.raises(RunStopped, match="5 of 40 units of this run have failed, more than 10%: adhd_2000"):
        stop_when_too_many_fail(run, limits, paths)


def test_failures_of_an_earlier_run_do_not_count(tmp_path):
    paths = Paths(tmp_path)
    for year in range(2000, 2010):
        fail(f"adhd_{year}", paths)
    run = {"run": "r", "started": 4e9, "units": [f"adhd_{y}" for y in range(2000, 2010)]}
    stop_when_too_many_fail(run, BackfillSettings(min_failures=1), paths)


def test_progress_has_a_rate_and_the_time_left(tmp_path):
    paths = Paths(tmp_path)
    receipt = paths.export_receipt("adhd_2000")
    receipt.parent.mkdir(parents=True)
    receipt.write_text("{}")
    fail("adhd_2001", paths)
    run = {"run": "r", "started": 1.0, "units": ["adhd_2000", "adhd_2001", "adhd_2002"]}
    found = progress(run, paths, now=121.0)
    assert found == Progress(1, 1, 3, 120.0)
    assert found.line == "1 of 3 units done, 1 failed; 1.0 a minute, about 60 s left"


def test_measured_times_survive_a_cut_line(tmp_path):
    paths = Paths(tmp_path)
    for stage in failures.STAGES:
        record_time(stage, "adhd_2000", 1.5, paths)
        record_time(stage, "adhd_2000", 0.5, paths)
    record_time("download", "adhd_2001", 9, paths)
    with open(tmp_path / ".datawarp/times/load.jsonl", "a") as f:
        f.write('{"unit": "adhd_20')
    assert unit_seconds(paths) == {"adhd_2000": 2.5}
