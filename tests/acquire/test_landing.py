"""Landing pages as publishers really write them."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publisher import digital_page, england_page

from datawarp.acquire.landing import LandingPage, filename_of, normal_address

HERE = "https://digital.nhs.uk/statistical/mi-adhd/august-2025"


def links(html: str, url: str = HERE) -> list[str]:
    return [link.url for link in LandingPage(html.encode(), url).data_links]


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("https://files.digital.nhs.uk/A1/x.xlsx", "https://files.digital.nhs.uk/A1/x.xlsx"),
        ("//files.digital.nhs.uk/x.XLS", "https://files.digital.nhs.uk/x.XLS"),
        ("/files/x.xlsm", "https://digital.nhs.uk/files/x.xlsm"),
        ("x.xlsb", "https://digital.nhs.uk/statistical/mi-adhd/x.xlsb"),
        ("../x.ods", "https://digital.nhs.uk/statistical/x.ods"),
        ("x.csv?v=2&amp;id=7", "https://digital.nhs.uk/statistical/mi-adhd/x.csv?v=2&id=7"),
        ("x.tsv#top", "https://digital.nhs.uk/statistical/mi-adhd/x.tsv"),
        (" x.zip\n", "https://digital.nhs.uk/statistical/mi-adhd/x.zip"),
        ("x.csv.gz", "https://digital.nhs.uk/statistical/mi-adhd/x.csv.gz"),
        ("April 2024.xlsx", "https://digital.nhs.uk/statistical/mi-adhd/April%202024.xlsx"),
        ("April%202024.xlsx", "https://digital.nhs.uk/statistical/mi-adhd/April%202024.xlsx"),
        ("100%.csv", "https://digital.nhs.uk/statistical/mi-adhd/100%25.csv"),
        ("a%2fb.csv", "https://digital.nhs.uk/statistical/mi-adhd/a%2Fb.csv"),
        ("£.csv", "https://digital.nhs.uk/statistical/mi-adhd/%C2%A3.csv"),
        ("/get?file=tables/x.xlsx", "https://digital.nhs.uk/get?file=tables/x.xlsx"),
        ("HTTPS://Digital.NHS.uk:443/x.csv", "https://digital.nhs.uk/x.csv"),
    ],
)
def test_a_data_link_becomes_an_address(href: str, address: str) -> None:
    assert links(f'<main><a href="{href}"><div><p>Table</p></div></a></main>') == [address]


@pytest.mark.parametrize(
    "href",
    [
        *("#xlsx", "mailto:a@b.xlsx", "javascript:x.csv", "data:text/csv,a", "ftp://a/b.csv", "http://[x.csv", ""),
        *("x.pdf", "/about", "x.docx"),
    ],
)
def test_what_is_no_data_link_is_left(href: str) -> None:
    assert links(f'<a href="{href}">a link</a>') == []


def test_the_base_of_a_page_is_heeded() -> None:
    assert links('<head><base href="/files/2025/"></head><a href="x.csv">x</a>') == [
        "https://digital.nhs.uk/files/2025/x.csv"
    ]


def test_several_spellings_of_one_address_are_one_link() -> None:
    page = '<a href="a b.csv">x</a><a href="a%20b.csv#t">y</a><a href="https://DIGITAL.nhs.uk/statistical/mi-adhd/a%20b.csv">z</a>'
    assert len(links(page)) == 1


def test_links_in_scripts_templates_and_comments_are_not_there() -> None:
    page = "<script>'<a href=a.csv>'</script><template><a href=b.csv>b</a></template><!-- <a href=c.csv>c</a> -->"
    assert links(page) == []


def test_a_link_whose_words_alone_promise_data_is_a_candidate() -> None:
    page = """<a href="/download/123">Table 1 (CSV, 3 KB)</a><a href="/get?format=csv">all</a>
    <a href="/x" type="text/csv">t</a><a href="/guide">How to use CSV files</a><a href="/y.pdf">CSV guide</a>"""
    found = LandingPage(page.encode(), HERE).data_links
    assert [link.url.removeprefix("https://digital.nhs.uk") for link in found] == [
        "/download/123",
        "/get?format=csv",
        "/x",
    ]
    assert not any(link.certain for link in found)


def test_real_page_structures() -> None:
    files = ["https://files.digital.nhs.uk/A1/ADHD_summary_Aug25.xlsx", "https://files.digital.nhs.uk/A2/ADHD_raw.csv"]
    page = LandingPage(digital_page("ADHD, August 2025", files, notes=["Figures are provisional."]).encode(), HERE)
    assert [link.url for link in page.data_links] == files
    assert page.title == "ADHD, August 2025"
    assert "Figures are provisional." in page.notes
    assert page.says_not_yet == ""
    england = england_page(
        "A&E", [("/wp-content/2026/01/a.xls", "Quarter 3"), ("/wp-content/2026/01/b.xls", "December")]
    )
    assert len(links(england)) == 2


def test_a_page_that_is_up_before_its_data_says_so() -> None:
    page = LandingPage(digital_page("ADHD", [], upcoming="27 November 2025").encode(), HERE)
    assert page.data_links == []
    assert page.says_not_yet == "publication is upcoming, not yet published"
    assert LandingPage(b"<title>x</title><h1>Page not found</h1>", HERE).says_not_yet == "Page not found"


def test_the_encoding_is_that_of_http_or_of_the_page() -> None:
    assert LandingPage("<h1>Región £</h1>".encode("latin-1"), HERE, "latin-1").title == "Región £"
    assert LandingPage('<meta charset="windows-1252"><h1>£5 – 10</h1>'.encode("cp1252"), HERE).title == "£5 – 10"


@pytest.mark.parametrize(
    ("url", "disposition", "name"),
    [
        ("https://x/a%20b.csv", "", "a b.csv"),
        ("https://x/get?id=3", 'attachment; filename="Table 1.xlsx"', "Table 1.xlsx"),
        ("https://x/get?id=3", "attachment; filename*=UTF-8''Regi%C3%B3n.xlsx", "Región.xlsx"),
        ("https://x/get?id=3", 'attachment; filename="../../etc/x.csv"', "x.csv"),
        ("https://x/get?id=3", r'attachment; filename="C:\x\y.csv"', "y.csv"),
        ("https://x/get?file=d/e.xlsx", "", "e.xlsx"),
        ("https://x/", "", ""),
    ],
)
def test_the_name_of_a_file(url: str, disposition: str, name: str) -> None:
    assert filename_of(url, disposition) == name


def test_an_address_made_normal_stays_so() -> None:
    for url in ("https://a/b c%.csv?q=ä b", "http://A:80/%e4%C3", "https://a/x+y.csv?a=%2B"):
        assert normal_address(normal_address(url)) == normal_address(url)


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_address_that_a_page_can_hold_breaks_its_reading(href: str, base: str) -> None:
    page = f'<base href="{escape(base)}"><a href="{escape(href)}">{escape(href)} (CSV)</a>'
    for link in LandingPage(page.encode("utf-8", "replace"), HERE).data_links:
        assert normal_address(link.url) == link.url
