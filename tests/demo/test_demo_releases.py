"""The demo's releases: the same bytes every time, readable, and served as a publisher serves them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml
from python_calamine import CalamineWorkbook

from datawarp.demo.registry import registry_text
from datawarp.demo.releases import DemoPublication, publications
from datawarp.demo.site import pages, release_path, serving
from datawarp.files import sha256_bytes
from datawarp.registry.models import Publication
from datawarp.registry.periods import parse_period


@pytest.fixture(scope="module")
def built() -> list[DemoPublication]:
    return list(publications())


def test_there_are_enough_releases(built: list[DemoPublication]) -> None:
    assert len(built) >= 4
    for publication in built:
        assert len(publication.releases) >= 3
        starts = [parse_period(r.period).start for r in publication.releases]
        assert starts == sorted(set(starts))


def test_the_bytes_are_the_same_in_another_process(built: list[DemoPublication]) -> None:
    here = [sha256_bytes(data) for p in built for r in p.releases for data in r.files.values()]
    code = (
        "from datawarp.demo.releases import publications\nfrom datawarp.files import sha256_bytes\n"
        "for p in publications():\n for r in p.releases:\n  for d in r.files.values(): print(sha256_bytes(d))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == here
    assert len(set(here)) == len(here)


def test_the_workbooks_are_workbooks(built: list[DemoPublication]) -> None:
    sheets: dict[str, list[str]] = {}
    for publication in built:
        for release in publication.releases:
            for name, data in release.files.items():
                if name.endswith(".zip"):
                    with zipfile.ZipFile(io.BytesIO(data)) as archive:
                        inner = next(n for n in archive.namelist() if n.endswith(".xlsx"))
                        sheets[name] = CalamineWorkbook.from_filelike(io.BytesIO(archive.read(inner))).sheet_names
                elif not name.endswith(".csv"):
                    sheets[name] = CalamineWorkbook.from_filelike(io.BytesIO(data)).sheet_names
    assert sheets["community-staff-q1-2526.zip"] == ["Cover", "Staff"]
    assert sheets["community-staff-q2-2526.zip"] == ["Cover", "Staff women", "Staff men"]
    assert sheets["child_immunisation_q1_2526.ods"] == ["Uptake", "Notes"]


def test_the_header_that_the_third_release_renames(built: list[DemoPublication]) -> None:
    planned = next(p for p in built if p.code == "planned_care")
    headers = []
    for release in planned.releases:
        book = CalamineWorkbook.from_filelike(io.BytesIO(next(iter(release.files.values()))))
        headers.append(book.get_sheet_by_name("Table 1").to_python(skip_empty_area=False)[5][2])
    assert headers == ["Organisation name", "Organisation name", "Provider name"]


def test_every_release_is_in_the_registry_and_on_the_site(built: list[DemoPublication]) -> None:
    registry = yaml.safe_load(registry_text(built, 8765))["publications"]
    site = pages(built)
    for publication in built:
        entry = Publication.model_validate(registry[publication.code])
        assert [r.period for r in entry.urls] == [r.period for r in publication.releases]
        for release in publication.releases:
            assert release.direct or site[release_path(publication, release)].startswith(b"<!doctype html>")


def test_the_site_answers_as_a_publisher_does(built: list[DemoPublication]) -> None:
    release = built[0].releases[0]
    with serving(built) as port:
        page = f"http://127.0.0.1:{port}{release_path(built[0], release)}"
        html = urlopen(page, timeout=10).read().decode()
        name, data = next(iter(release.files.items()))
        href = f"{release_path(built[0], release)}{name.replace(' ', '%20')}"
        assert f'href="{href}"' in html
        answer = urlopen(f"http://127.0.0.1:{port}{href}", timeout=10)
        assert answer.read() == data
        with pytest.raises(HTTPError) as unchanged:
            urlopen(
                Request(f"http://127.0.0.1:{port}{href}", headers={"If-None-Match": answer.headers["ETag"]}), timeout=10
            )
        assert unchanged.value.code == 304
        with pytest.raises(HTTPError) as missing:
            urlopen(f"http://127.0.0.1:{port}/planned-care/jul25/", timeout=10)
        assert missing.value.code == 404
