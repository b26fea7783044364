"""The status page, from units in every state."""

import re
from datetime import UTC, date, datetime

import pytest

from datawarp.operations.cadence import cadence
from datawarp.operations.failures import Failure
from datawarp.operations.states import UnitState
from datawarp.operations.status_page import Overview, PublicationStatus, status_page
from datawarp.registry.models import PublicationSettings, Unit

NOW = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)


def state(publication, period, word="done", reason="", attempts=1):
    unit = Unit(publication=publication, period=period, url="x.csv", settings=PublicationSettings(name="X"))
    failure = None
    if word in ("failed", "waiting", "parked"):
        failure = Failure(
            unit.name, "draft", "SheetError", reason, "f.xlsx, sheet <b>1</b>", "ask", "logs/x.log", "", attempts
        )
    return UnitState(unit, word, reason, failure=failure, retry_at=NOW if word == "waiting" else None)


@pytest.fixture
def overview():
    monthly = [state("adhd", f"{m}25") for m in ("jan", "feb", "mar", "apr", "jun", "jul")]
    monthly += [
        state("adhd", "aug25", "failed", "<script>alert(1)</script>", 3),
        state("adhd", "sep25", "pending", "new"),
    ]
    quarterly = [
        state("ward", "q4-2425"),
        state("ward", "q1-2526", "parked", "no table", 8),
        state("ward", "q2-2526", "waiting", "x"),
    ]
    weekly = [state("flu", f"2025-w{w:02d}", "done" if w != 40 else "partial") for w in range(36, 46)]
    years = [state("qof", "fy2324", "archived"), state("qof", "fy2425")]
    publications = [
        PublicationStatus(code, name, frequency, s, cadence([u.unit.when for u in s], frequency, date(2026, 3, 9)))
        for code, name, frequency, s in (
            ("adhd", "ADHD Management Information", "monthly", monthly),
            ("ward", "Virtual wards", "quarterly", quarterly),
            ("flu", "Influenza surveillance", "weekly", weekly),
            ("qof", "Quality and Outcomes Framework", "annual", years),
        )
    ]
    drift = [{"unit": "adhd_jul25", "source": "adhd_referrals", "severity": "warning", "text": "column age vanished"}]
    reviews = [{"unit": "adhd_jun25", "about": "adhd_referrals_2", "question": "Is this table adhd_referrals?"}]
    return Overview("night", NOW, publications, drift, reviews, "PostgreSQL 18.6, 1.2 GB.")


def test_the_page_says_what_needs_attention(overview):
    html = status_page(overview)
    assert "<h1>3 of 23 units need attention</h1>" in html
    assert "4 times" not in html
    assert "3 times" in html
    assert "8 times; given up" in html
    assert "may25" in html  # the gap that no row of data could tell of
    assert "snakemake approve_adhd_jun25" in html


def test_what_a_publisher_wrote_is_text(overview):
    html = status_page(overview)
    assert "<script" not in html
    assert "sheet <b>" not in html
    assert "&lt;script&gt;" in html


def test_every_row_of_the_map_is_as_wide_as_its_head(overview):
    html = status_page(overview)
    head = re.search(r"<thead>.*?</thead>", html, re.S)[0]
    width = sum(int(n) for n in re.findall(r'colspan="(\d+)"', head))
    rows = re.search(r'<table class="map">.*?<tbody>(.*?)</tbody>', html, re.S)[1].split("</tr>")[:-1]
    assert len(rows) == 4
    for row in rows:
        cells = re.findall(r"<td(?! class=\"sum\")([^>]*)>", row)
        assert sum(int(m[1]) if (m := re.search(r'colspan="(\d+)"', c)) else 1 for c in cells) == width


def test_the_page_is_self_contained(overview):
    assert not re.search(r"(src|href)=|@import|url\(", status_page(overview))


def test_an_installation_without_units_has_a_page():
    assert "All 0 units are done" in status_page(Overview("empty", NOW, []))
