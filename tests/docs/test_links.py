"""Links between the pages lead somewhere, and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, name

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S), re.M)
    words = (re.sub(r"&lt;|&gt;|[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return set(words)


def links(page: Path) -> list[tuple[Path, str]]:
    """Where the page's links within the project lead: the file, and the anchor if any."""
    found = []
    for target in _LINK.findall(re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.M | re.S)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    for path, anchor in links(page):
        assert path.exists(), f"{name(page)} links {path}"
        if anchor:
            assert anchor in anchors(path), f"{name(page)} links #{anchor} of {name(path)}"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {path for path, _ in links(index)}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - {index} == linked
