"""The preview page of real workbooks: roles, what is left out of view, and cells that would like to be code."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from openpyxl import Workbook

from datawarp.acquire.download import download
from datawarp.errors import ManifestError
from datawarp.manifest.draft import draft
from datawarp.publish.preview import preview
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

HOSTILE = '<script>alert("1")</script>'


def unit_of(workbook: Workbook, folder: Path) -> Unit:
    release = folder / "release"
    release.mkdir()
    workbook.save(release / "waits.xlsx")
    settings = PublicationSettings(name=f"Waits {HOSTILE}")
    return Unit(publication="waits", period="aug25", url=str(release), settings=settings)


def workbook(rows: int) -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.title = "Waits & <b>more"
    sheet.append([f"Table 1: Patients waiting {HOSTILE}"])
    sheet.append([])
    sheet.append(["Code", "Provider", "Patients", "Within 18 weeks"])
    for i in range(rows):
        sheet.append([f"R{i:03d}", f"{HOSTILE} {i}", "*" if i == 1 else 100 + i, 50 + i])
    sheet.append([])
    sheet.append([f"* suppressed {HOSTILE}"])
    notes = book.create_sheet("Notes")
    notes.append(["Notes"])
    notes.append([f"Read these notes {HOSTILE} before you use the figures in this workbook."])
    return book


def page_of(book: Workbook, folder: Path) -> tuple[BeautifulSoup, str]:
    unit, paths, settings = unit_of(book, folder), Paths(folder / "run"), Settings()
    download(unit, paths, settings)
    draft(unit, paths, settings)
    text = preview(unit, paths, settings).read_text()
    return BeautifulSoup(text, "lxml"), text


def cells(page: BeautifulSoup, role: str) -> list[str]:
    return [cell.get_text() for cell in page.select(f"section td.{role}")]


def test_each_cell_has_the_colour_of_what_was_made_of_it(tmp_path: Path) -> None:
    page, _ = page_of(workbook(6), tmp_path)
    assert cells(page, "title") == [f"Table 1: Patients waiting {HOSTILE}"]
    assert cells(page, "header")[:4] == ["Code", "Provider", "Patients", "Within 18 weeks"]
    assert "R005" in cells(page, "body")
    assert cells(page, "footnote") == [f"* suppressed {HOSTILE}"]
    assert [tag.get_text() for tag in page.select(".out tbody .marker")][:1] == ["*"]
    evidence = page.select_one("ul.why")
    assert isinstance(evidence, Tag) and "rows on the sheet" in evidence.get_text()
    notes = page.select_one("details.sheet summary h3")
    assert isinstance(notes, Tag) and notes.get_text() == "Notes"


def test_hostile_cells_stay_text(tmp_path: Path) -> None:
    page, text = page_of(workbook(6), tmp_path)
    assert "<script" not in text and "<b>more" not in text
    assert page.find_all("script") == []
    assert HOSTILE in page.get_text()
    policy = page.select_one('meta[http-equiv="Content-Security-Policy"]')
    assert isinstance(policy, Tag) and str(policy["content"]).startswith("default-src 'none'")


def test_the_middle_of_a_large_sheet_is_left_out_and_says_so(tmp_path: Path) -> None:
    page, text = page_of(workbook(3000), tmp_path)
    assert "rows not shown (18 to 2997)" in " ".join(page.get_text().split())
    assert page.select_one("#s1-1r3003") is not None
    assert len(text) < 200_000
    row = page.select_one('.out th.n a[href="#s1-1r4"]')
    assert row is not None and page.select_one("#s1-1r4") is not None


def test_it_is_for_eyes_keys_screen_readers_and_paper(tmp_path: Path) -> None:
    page, text = page_of(workbook(3000), tmp_path)
    ids = [str(tag["id"]) for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    links = [str(a["href"]) for a in page.select("a[href]")]
    assert {link.removeprefix("#") for link in links} <= set(ids), "the page needs nothing but itself"
    there, back = page.select_one("#s1-1r4 th a"), page.select_one("#s1-1t1r4 th a")
    assert there is not None and there["href"] == "#s1-1t1r4"
    assert back is not None and back["href"] == "#s1-1r4"
    for table in page.select("table:has(caption)"):
        assert table.caption and table.caption.get_text().strip()
        assert all(th.get("scope") for th in table.select("th") if th.get_text().strip())
    for box in page.select(".box"):
        assert (box["tabindex"], box["role"], bool(box["aria-label"])) == ("0", "region", True)
    bar = page.select_one(".shares")
    assert isinstance(bar, Tag) and "3,000 body" in str(bar["aria-label"])
    assert "@media print" in text


def test_what_stands_between_two_tables_is_the_second_one_s_title(tmp_path: Path) -> None:
    book = workbook(4)
    sheet = book.worksheets[0]
    sheet.delete_rows(8, 2)
    for row in ([], [], ["Table 2: Staff in post"], ["Code", "Provider", "Staff", "Vacancies"]):
        sheet.append(row)
    for i in range(4):
        sheet.append([f"R{i:03d}", f"Provider {i}", 10 + i, i])
    page, _ = page_of(book, tmp_path)
    assert len(page.select(".out")) == 2
    assert cells(page, "title")[-1] == "Table 2: Staff in post"
    assert cells(page, "excluded") == []


def test_a_unit_without_a_manifest_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no manifest of waits_aug25"):
        preview(unit_of(workbook(3), tmp_path), Paths(tmp_path / "run"), Settings())
