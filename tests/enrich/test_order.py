"""Earlier releases of the same run are awaited, never for ever, and whatever job ends first the outcome is one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from made_releases import begin_run, codes, put_draft, report_failure, table, unit

from datawarp.enrich.enrich import enrich
from datawarp.enrich.order import Clock, read_plan, wait_for_earlier
from datawarp.errors import EnrichError
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

ALL = ["draft", "enrich", "load"]


def waiting(name: str, title: str) -> list[object]:
    return [table(name, ["Provider code", "Number waiting"], title=title)]


@dataclass
class Fake:
    """A clock that moves on by what is slept, and does something at given moments."""

    now: float = 0.0
    events: dict[float, object] = field(default_factory=dict)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in [m for m in self.events if m <= self.now]:
            self.events.pop(moment)()  # type: ignore[operator]

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


@pytest.fixture
def running(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    begin_run(paths, {"waits_jan25": ALL, "waits_feb25": ALL}, pid=os.getpid(), host=socket.gethostname())
    return paths


def test_a_release_waits_until_the_earlier_one_is_drafted(running: Paths) -> None:
    fake = Fake(events={30.0: lambda: put_draft(running, "waits", "jan25", waiting("Waiting", "Patients waiting"))})
    wait_for_earlier(unit("waits", "feb25"), ["waits_jan25"], running, read_plan(running), 1000, fake.clock)
    assert 30 <= fake.now < 33


def test_an_earlier_release_that_fails_is_not_waited_for(running: Paths) -> None:
    fake = Fake(events={10.0: lambda: report_failure(running, "waits_jan25", "download")})
    wait_for_earlier(unit("waits", "feb25"), ["waits_jan25"], running, read_plan(running), 1000, fake.clock)
    assert 10 <= fake.now < 13


def test_an_earlier_release_that_the_run_leaves_alone_is_not_waited_for(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    begin_run(paths, {"waits_jan25": ["load"], "waits_feb25": ALL}, pid=os.getpid(), host=socket.gethostname())
    fake = Fake()
    wait_for_earlier(unit("waits", "feb25"), ["waits_jan25"], paths, read_plan(paths), 1000, fake.clock)
    assert fake.now == 0


def test_no_release_waits_for_a_run_that_has_ended(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    begin_run(Paths(tmp_path), {"waits_jan25": ALL, "waits_feb25": ALL}, pid=ended.pid, host=socket.gethostname())
    plan = read_plan(Paths(tmp_path))
    with pytest.raises(EnrichError, match="waits_jan25 has to be drafted first, and the run"):
        wait_for_earlier(unit("waits", "feb25"), ["waits_jan25"], Paths(tmp_path), plan, 1000, Fake().clock)


def test_no_release_waits_longer_than_its_patience_when_nothing_happens(running: Paths) -> None:
    fake = Fake(events={400.0: lambda: report_failure(running, "other_jan25", "load")})
    with pytest.raises(EnrichError, match="nothing has happened"):
        wait_for_earlier(unit("waits", "feb25"), ["waits_jan25"], running, read_plan(running), 500, fake.clock)
    assert 895 <= fake.now <= 905


def test_jobs_at_once_in_any_order_agree_with_jobs_one_by_one(tmp_path: Path) -> None:
    """A later release finds what an earlier one will be, whether its job has ended, runs or has not begun."""
    releases = {
        "jan25": waiting("Table 1", "Patients waiting"),
        "feb25": [*waiting("Table 2", "Patients waiting"), *waiting("Table 1", "Patients treated")],
        "mar25": [*waiting("Table 3", "Patients waiting"), *waiting("Table 2", "Patients treated")],
        "apr25": waiting("Table 1", "Patients treated"),
    }
    calm, busy = Paths(tmp_path / "calm"), Paths(tmp_path / "busy")
    begin_run(busy, {f"waits_{p}": ALL for p in releases}, pid=os.getpid(), host=socket.gethostname())
    for period, entries in releases.items():
        put_draft(calm, "waits", period, entries)
        enrich(unit("waits", period), calm, Settings())

    def job(period: str) -> None:
        put_draft(busy, "waits", period, releases[period])
        enrich(unit("waits", period), busy, Settings())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(job, ["apr25", "mar25", "jan25", "feb25"]))
    for period in releases:
        name = f"waits_{period}"
        assert busy.enriched_manifest(name).read_bytes() == calm.enriched_manifest(name).read_bytes()


def test_a_failed_earlier_release_leaves_the_later_one_a_release_of_its_own(running: Paths) -> None:
    report_failure(running, "waits_jan25", "draft")
    put_draft(running, "waits", "feb25", waiting("Waiting", "Patients waiting"))
    assert codes(enrich(unit("waits", "feb25"), running, Settings())) == {"Waiting": "waits_patients_waiting"}
