"""A quarter of nights against a publisher that is late, revises, splits a sheet and has bad days.

Every night is one call of the unattended run. Registered in advance or found by `discover`, late,
revised, refused, cut off or replaced by an error page: at the end everything that was published is
loaded once, as if it had all been there from the start.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from publisher import Publisher, digital_page, dropped, publication_page, status

from datawarp.operations.states import unit_states
from datawarp.registry.registry import read_registry

from .conftest import ROOT, Installation, NewDatabase

FIRST_NIGHT = date(2026, 1, 1)
NIGHTS = 90
MONTHS = {2: "november-2025", 44: "december-2025", 73: "january-2026"}  # the night before which each is out
WEEKS = range(1, 12)
UNITS = {f"flu_2026-w{w:02d}" for w in WEEKS} | {"wards_nov25", "wards_dec25", "wards_jan26"}


def error_page(handler: Any, resource: Any) -> None:
    """An apology in place of the workbook, with status 200."""
    apology = b"<!DOCTYPE html><html><title>Sorry</title><body>We will be back soon</body></html>"
    handler.send(200, {"Content-Type": "text/html"}, apology)


def wards(month: str, revised: bool = False) -> bytes:
    """A month's workbook; from January 2026 on the beds have a sheet of their own."""
    split = month == "january-2026"
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.active["A1"] = f"Virtual wards, {month}"
    book.active["A3"] = "This workbook gives capacity and patients of virtual wards."
    patients = book.create_sheet("Patients")
    patients.append([f"Table 1: Patients on virtual wards by region, {month}"])
    patients.append([])
    patients.append(["Region code", "Region name", "Patients"] + ([] if split else ["Beds"]))
    for n, region in enumerate(("London", "South East", "North West", "Midlands")):
        count = 100 * n + len(month) + (7 if revised else 0)
        patients.append([f"Y{50 + n}", region, "*" if n == 2 else count] + ([] if split else [count + 20]))
    patients.append([])
    patients.append(["* Figures below 5 are suppressed."])
    if split:
        beds = book.create_sheet("Beds")
        beds.append([f"Table 2: Beds on virtual wards by region, {month}"])
        beds.append([])
        beds.append(["Region code", "Region name", "Beds"])
        for n, region in enumerate(("London", "South East", "North West", "Midlands")):
            beds.append([f"Y{50 + n}", region, 120 + n])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def flu(week: int) -> bytes:
    lines = ["Week,Nation,Cases,Rate per 100000"]
    lines += [f"{week},{nation},{week * 13 + n},{week / 10 + n}" for n, nation in enumerate(("England", "Wales"))]
    return "\r\n".join(lines).encode()


def flu_path(week: int) -> str:
    return f"/flu/2026-w{week:02d}.csv"


def wards_path(month: str) -> str:
    return f"/files/virtual-wards-{month}.xlsx"


@dataclass(frozen=True)
class World:
    """The publisher, the installation, and the calendar of what happens before which night."""

    site: Publisher
    installation: Installation

    def publish_month(self, month: str) -> None:
        self.site.file(wards_path(month), wards(month))
        self.site.page(f"/wards/{month}", digital_page("Virtual wards", [self.site.url(wards_path(month))]))
        self.list_months(
            [m for night, m in MONTHS.items() if list(MONTHS).index(night) <= list(MONTHS.values()).index(month)]
        )

    def list_months(self, months: list[str]) -> None:
        listed = [(self.site.url(f"/wards/{m}"), f"Virtual wards, {m.replace('-', ' ').title()}") for m in months[::-1]]
        self.site.page("/wards", publication_page("Virtual wards", listed))

    def register_week(self, week: int) -> None:
        """What a person does each Monday: one line, before the release is out."""
        file = self.installation.folder / "config" / "publications.yaml"
        registry = yaml.safe_load(file.read_text())
        registry["publications"]["flu"]["urls"].append(
            {"period": f"2026-w{week:02d}", "url": self.site.url(flu_path(week))}
        )
        file.write_text(yaml.safe_dump(registry, sort_keys=False))

    def calendar(self) -> dict[int, list[Callable[[], object]]]:
        """What happens before each night."""
        site = self.site
        days: dict[int, list[Callable[[], object]]] = {}

        def on(night: int, act: Callable[[], object]) -> None:
            days.setdefault(night, []).append(act)

        for week in WEEKS:
            monday = 7 * week - 3
            on(monday, lambda w=week: self.register_week(w))
            on(monday + week % 2, lambda w=week: site.file(flu_path(w), flu(w), "text/csv"))
        for night, month in MONTHS.items():
            on(night, lambda m=month: self.publish_month(m))
        december = wards_path("december-2025")
        announced = digital_page("Virtual wards", [], upcoming="13 February 2026")
        on(19, lambda: site.then(flu_path(3), status(429, retry_after=1)))
        on(33, lambda: site.then(flu_path(5), *[status(503)] * 2))
        on(25, lambda: site.always(flu_path(4), dropped(after=10)))
        on(28, lambda: site.heal(flu_path(4)))
        # December is announced some days before its data are there, and then an error page is served for them.
        on(42, lambda: site.page("/wards/december-2025", announced))
        on(42, lambda: self.list_months(["november-2025", "december-2025"]))
        on(44, lambda: site.always(december, error_page))
        on(47, lambda: site.heal(december))
        on(60, lambda: site.file(wards_path("november-2025"), wards("november-2025", revised=True)))
        return days


@pytest.fixture
def world(site: Publisher, tmp_path: Path, new_database: NewDatabase) -> World:
    folder = tmp_path / "nights"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text("http: {backoff: 0.02, attempts: 3, host_delay: 0}\n")
    installation = Installation(folder, new_database(None))
    installation.register(
        {
            "flu": {"name": "Influenza surveillance", "frequency": "weekly", "urls": []},
            "wards": {
                "name": "Virtual wards",
                "frequency": "monthly",
                "landing_page": site.url("/wards"),
                "urls": [{"period": "nov25", "url": site.url("/wards/november-2025")}],  # two days early
            },
        }
    )
    result = World(site, installation)
    result.list_months([])
    return result


def a_day_passes(installation: Installation) -> None:
    """Failures of last night are a day old."""
    for file in (installation.folder / ".datawarp" / "failures").glob("*.json"):
        record = json.loads(file.read_text())
        record["at"] = (datetime.fromisoformat(record["at"]) - timedelta(days=1)).isoformat()
        file.write_text(json.dumps(record))


def night(installation: Installation) -> int:
    command = [sys.executable, "-m", "datawarp.operations.night", "--root", str(installation.folder)]
    environment = {**installation.environment, "PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def nothing_is_due(installation: Installation) -> bool:
    """Whether the night would find nothing to do: most nights of a quarter, told by the library alone."""
    registry = read_registry(installation.folder / "config" / "publications.yaml")
    states = unit_states(registry.units(), installation.paths, datetime.now(UTC))
    return all(s.state in ("done", "waiting", "parked") for s in states)


def content(installation: Installation) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, by column name and without what tells loads apart."""
    tables = {}
    for (table,) in installation.query("SELECT table_name FROM datawarp.tbl_data_sources ORDER BY 1"):
        columns = installation.query(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'staging' AND column_name"
            f" NOT IN ('_load_id', '_loaded_at', '_manifest_file_id') AND table_name = '{table}' ORDER BY 1"
        )
        names = ", ".join(f'"{name}"' for (name,) in columns)
        rows = installation.query(f"SELECT {names} FROM staging.{table}")
        tables[table] = [tuple(name for (name,) in columns), *sorted(rows, key=repr)]
    return tables


@pytest.mark.slow
def test_a_quarter_of_nights_loads_everything_that_was_published_once(world: World, new_database: NewDatabase) -> None:
    installation, calendar = world.installation, world.calendar()
    failed_nights, runs = [], 0
    for day in range(NIGHTS):
        for act in calendar.get(day, []):
            act()
        if (FIRST_NIGHT + timedelta(days=day)).weekday() == 4:
            installation.snakemake("discover", "--config", "write=true")
        if day == 62:  # the weekly look for revisions, and a person's answer to what it reports
            told = installation.snakemake("check_updates").text
            assert "wards_nov25" in told
            installation.snakemake("refresh_wards_nov25", "--config", "reason=revised by the publisher")
        if day % 10 == 0 or not nothing_is_due(installation):
            runs += 1
            if night(installation) != 0:
                failed_nights.append(day)
        a_day_passes(installation)

    assert runs >= 24
    assert {25, 44} <= set(failed_nights)  # the cut connection and the error page were told as failures
    health = json.loads((installation.folder / "output" / "health.json").read_text())
    assert health["states"] == {"done": len(UNITS)}
    loads = installation.query(
        "SELECT unit, source_code, count(*) FROM datawarp.tbl_load_history WHERE outcome = 'loaded' GROUP BY 1, 2"
    )
    assert {unit for unit, _, _ in loads} == UNITS
    assert {n for unit, _, n in loads if unit != "wards_nov25"} == {1}
    assert {n for unit, _, n in loads if unit == "wards_nov25"} == {2}  # the release and its revision

    undisturbed = Installation(installation.folder.parent / "at_once", new_database(None))
    undisturbed.register(installation.registry())
    undisturbed.snakemake("all")
    assert content(installation) == content(undisturbed)
    log = (installation.folder / "logs" / "alerts.log").read_text()
    assert log.count("wards_dec25 has recovered") == log.count("wards_dec25 fails:") == 1
    assert "2026-w05" not in log  # a release that is merely late is no news
