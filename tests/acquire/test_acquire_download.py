"""A unit's download, end to end against a publisher's site."""

from __future__ import annotations

import gzip
import io
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from publisher import Publisher, digital_page, dropped, path_of, redirect, status, workbook

from datawarp.acquire.download import download
from datawarp.acquire.index import read_index
from datawarp.acquire.store import stored_file
from datawarp.acquire.updates import check_updates
from datawarp.errors import AcquireError, BrokenLink, NotPublishedYet
from datawarp.files import read_json
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

MakeUnit = Callable[..., Unit]
PAGE = "/mi-adhd/august-2025"


def fetched(unit: Unit, paths: Paths, settings: Settings) -> dict[str, Any]:
    download(unit, paths, settings)
    receipt: dict[str, Any] = read_json(paths.download_receipt(unit.name))
    return receipt


def names(receipt: dict[str, Any]) -> list[str]:
    return [file["filename"] for file in receipt["files"]]


def put_up(site: Publisher, **files: bytes) -> str:
    """A release's page that links ``files``, all of them there; its address."""
    links = [site.file(path_of(name), body) for name, body in files.items()]
    return site.page(PAGE, digital_page("ADHD, August 2025", links, notes=["Provisional figures."]))


def test_a_landing_page(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    a, b = workbook(1), b"region,count\nNorth,1\n"
    url = put_up(site, **{"ADHD summary 100%.xlsx": a, "ADHD.csv": b})
    receipt = fetched(unit(url), paths, settings)
    assert (receipt["unit"], receipt["period"], receipt["url"]) == ("adhd_aug25", "aug25", url)
    assert names(receipt) == ["ADHD summary 100%.xlsx", "ADHD.csv"]
    assert receipt["publication_context"] == {
        "page_title": "ADHD, August 2025",
        "notes": ["Provisional figures."],
    }
    first = receipt["files"][0]
    assert (paths.root / first["path"]).read_bytes() == a
    assert first["path"] == f"downloads/store/{first['sha256']}/original.xlsx"
    assert (first["size_bytes"], first["licence"]) == (len(a), "OGL-UK-3.0")
    assert first["content_type"].endswith("spreadsheetml.sheet")
    index = read_index(paths)
    assert index[first["url"]].units == ("adhd_aug25",)
    assert index[first["url"]].etag


def test_a_repeated_download_sends_nothing_again_and_changes_no_byte(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"a.xlsx": workbook()})
    fetched(unit(url), paths, settings)
    before = paths.download_receipt("adhd_aug25").read_bytes()
    download(unit(url), paths, settings)
    assert "If-None-Match" in site.requests[-1].headers
    assert paths.download_receipt("adhd_aug25").read_bytes() == before
    assert not list(paths.incoming.iterdir())


def test_a_revised_file_is_taken_in_and_the_old_one_kept(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"a.xlsx": workbook(1)})
    old = fetched(unit(url), paths, settings)["files"][0]["sha256"]
    site.file(path_of("a.xlsx"), workbook(2))
    new = fetched(unit(url), paths, settings)["files"][0]["sha256"]
    assert old != new
    assert stored_file(paths, old) and stored_file(paths, new)


def test_a_damaged_download_is_fetched_again(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    body = workbook()
    url = site.file("/a.xlsx", body)
    file = fetched(unit(url), paths, settings)["files"][0]
    (paths.root / file["path"]).write_bytes(b"PK damaged")
    assert fetched(unit(url), paths, settings)["files"] == [file]
    assert (paths.root / file["path"]).read_bytes() == body
    assert "If-None-Match" not in site.requests[-1].headers


def test_a_direct_file_and_one_whose_name_only_the_answer_tells(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    direct = fetched(unit(site.file("/files/a%20b.csv?v=2", b"a,b\n1,2\n")), paths, settings)
    assert names(direct) == ["a b.csv"]
    url = site.file("/download/17", workbook(), Content_Disposition='attachment; filename="Table 1.xlsx"')
    assert names(fetched(unit(url), paths, settings)) == ["Table 1.xlsx"]
    site.always("/latest", redirect("/download/17"))
    assert names(fetched(unit(site.url("/latest")), paths, settings)) == ["Table 1.xlsx"]


def test_links_that_may_be_data_are_looked_at(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    site.file("/download/1", workbook(), Content_Disposition="attachment; filename=one.xlsx")
    site.page("/download/2", "<html><h1>How to open a spreadsheet</h1>")
    url = site.page(
        PAGE, '<a href="/download/1">Table (Excel)</a><a href="/download/2">Excel help</a><a href="/download/3">CSV</a>'
    )
    receipt = fetched(unit(url), paths, settings)
    assert names(receipt) == ["one.xlsx"]
    assert [s["url"] for s in receipt["skipped"]] == [site.url("/download/2"), site.url("/download/3")]


def test_the_same_bytes_twice_on_a_page_are_one_file(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    body = workbook()
    receipt = fetched(unit(put_up(site, **{"a.xlsx": body, "a-1.xlsx": body})), paths, settings)
    assert names(receipt) == ["a.xlsx"]
    assert receipt["files"][0]["also_at"] == [site.url(path_of("a-1.xlsx"))]
    assert len(read_index(paths)) == 2


def test_patterns_choose_files_and_the_receipt_says_what_was_left_out(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"Aug.XLSX": workbook(), "Guidance Aug.xlsx": workbook(2), "notes.csv": b"a,b\n"})
    receipt = fetched(unit(url, include=["*.xlsx"], exclude=["*guidance*"]), paths, settings)
    assert names(receipt) == ["Aug.XLSX"]
    assert {s["filename"]: s["reason"].split(" ")[0] for s in receipt["skipped"]} == {
        "Guidance Aug.xlsx": "files.exclude",
        "notes.csv": "no",
    }
    with pytest.raises(AcquireError, match=r"no data file is left to take \(Aug\.XLSX: no pattern"):
        download(unit(url, include=["*.ods"]), paths, settings)
    with pytest.raises(AcquireError, match="only file is left out"):
        download(unit(site.url(path_of("notes.csv")), exclude=["*.csv"]), paths, settings)


def test_a_period_that_is_not_out_is_told_apart_from_a_broken_link(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    with pytest.raises(NotPublishedYet, match="period aug25 yet"):
        download(unit(site.url(PAGE)), paths, settings)
    site.page(PAGE, digital_page("ADHD", [], upcoming="27 November 2025"))
    with pytest.raises(NotPublishedYet, match="upcoming, not yet published"):
        download(unit(site.url(PAGE)), paths, settings)
    url = put_up(site, **{"a.xlsx": workbook(), "b.xlsx": workbook(2)})
    site.remove(path_of("b.xlsx"))
    with pytest.raises(BrokenLink, match=r"links 'b\.xlsx', which is not there: the server answers 404"):
        download(unit(url), paths, settings)
    assert not paths.download_receipt("adhd_aug25").exists()


def test_an_unknown_period_that_leads_to_the_landing_page_is_not_published(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    landing = site.page("/mi-adhd", digital_page("ADHD", [site.file(path_of("july.xlsx"), workbook())]))
    site.always(PAGE, redirect("/mi-adhd"))
    with pytest.raises(NotPublishedYet, match="leads back"):
        download(unit(site.url(PAGE), landing_page=landing), paths, settings)


def test_a_page_without_data_says_so(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    url = site.page(PAGE, digital_page("ADHD, overview", []))
    with pytest.raises(AcquireError, match="the page “ADHD, overview” links no data file"):
        download(unit(url), paths, settings)


def test_every_bad_file_of_a_release_is_named_and_no_receipt_written(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("../../x.csv", b"a,b\n")
    bad = {
        "login.xlsx": b"<html><title>Sign in</title>",
        "empty.csv": b"",
        "cut.xlsx": workbook()[:-100],
        "evil.zip": bomb.getvalue(),
        "cut.csv.gz": gzip.compress(b"a,b\n" * 999)[:-5],
    }
    url = put_up(site, **{"good.xlsx": workbook(), **bad})
    site.remove(path_of("empty.csv"))
    site.file(path_of("empty.csv"), b"")
    with pytest.raises(AcquireError) as caught:
        download(unit(url), paths, settings)
    told = str(caught.value)
    assert "5 of 6 files cannot be used" in told
    for name, why in zip(bad, ["HTML page", "0 bytes", "cut off", "out of its folder", "gzip"], strict=True):
        line = next(line for line in told.splitlines() if name in line)
        assert why in line
    assert not paths.download_receipt("adhd_aug25").exists()
    assert not list(paths.incoming.iterdir())


def test_a_tired_site_is_outwaited(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    url = put_up(site, **{"a.xlsx": workbook()})
    site.then(PAGE, status(503), status(429, retry_after=0))
    site.then(path_of("a.xlsx"), dropped(after=50))
    assert names(fetched(unit(url), paths, settings)) == ["a.xlsx"]


def test_a_failed_refresh_leaves_the_receipt_before(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"a.xlsx": workbook()})
    fetched(unit(url), paths, settings)
    before = paths.download_receipt("adhd_aug25").read_bytes()
    site.always(path_of("a.xlsx"), status(500))
    with pytest.raises(AcquireError, match="500"):
        download(unit(url), paths, settings)
    assert paths.download_receipt("adhd_aug25").read_bytes() == before


def test_a_local_file_and_folder(tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    folder = tmp_path / "releases 100%" / "nov25"
    (folder / "more").mkdir(parents=True)
    (folder / "b%20.xlsx").write_bytes(workbook())
    (folder / "more" / "a.csv").write_bytes(b"a,b\n1,2\n")
    (folder / "~$b.xlsx").write_bytes(b"lock")
    (folder / "read me.pdf").write_bytes(b"%PDF-")
    receipt = fetched(unit(str(folder)), paths, settings)
    assert names(receipt) == ["b%20.xlsx", "more/a.csv"]
    assert [s["filename"] for s in receipt["skipped"]] == ["read me.pdf"]
    assert receipt["files"][0]["url"] == str(folder / "b%20.xlsx")
    again = fetched(unit(str(folder / "b%20.xlsx")), paths, settings)
    assert again["files"][0]["sha256"] == receipt["files"][0]["sha256"]


def test_a_relative_path_is_found_from_the_registry_and_recorded_as_written(
    tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    folder = tmp_path / "register" / "releases" / "nov25"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"a,b\n1,2\n")
    (folder / "broken.csv").write_bytes(b"")
    settings = settings.model_copy(update={"publications": str(tmp_path / "register" / "publications.yaml")})
    receipt = fetched(unit("releases/nov25/", exclude=["broken*"]), paths, settings)
    assert (receipt["url"], receipt["files"][0]["url"]) == ("releases/nov25/", "releases/nov25/a.csv")
    assert [s["url"] for s in receipt["skipped"]] == ["releases/nov25/broken.csv"]
    assert list(read_json(paths.download_index)) == ["releases/nov25/a.csv"]
    assert [f.kind for f in check_updates([unit("releases/nov25/", exclude=["broken*"])], paths, settings)] == [
        "unchanged"
    ]
    with pytest.raises(AcquireError, match="0 bytes") as problem:
        download(unit("releases/nov25/broken.csv"), paths, settings)
    assert problem.value.where == str(folder / "broken.csv")
    with pytest.raises(AcquireError, match="no such file") as problem:
        download(unit("releases/dec25"), paths, settings)
    assert problem.value.where == str(folder.parent / "dec25")


def test_what_is_wrong_with_local_files_is_told(
    tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    (tmp_path / "august.xlsx").write_bytes(b"<html>")
    with pytest.raises(AcquireError, match=r"did you mean 'august\.xlsx'"):
        download(unit(str(tmp_path / "augst.xlsx")), paths, settings)
    with pytest.raises(AcquireError, match="HTML page"):
        download(unit(str(tmp_path / "august.xlsx")), paths, settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AcquireError, match="holds no data file"):
        download(unit(str(tmp_path / "empty")), paths, settings)


def test_a_page_of_several_periods_is_taken_whole_and_the_odd_ones_noted(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(
        site, **{"ADHD-Aug25.xlsx": workbook(1), "ADHD July 2025.xlsx": workbook(2), "lookup.csv": b"a,b\n1,2\n"}
    )
    files = fetched(unit(url), paths, settings)["files"]
    assert [file["notes"] for file in files] == [[], ["its name says 2025-07, the release is 2025-08"], []]
    assert names(fetched(unit(url, include=["*aug25*"]), paths, settings)) == ["ADHD-Aug25.xlsx"]


def test_the_good_files_of_a_failed_release_are_not_sent_again(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"a.xlsx": workbook(1), "b.xlsx": b""})
    with pytest.raises(AcquireError, match="empty"):
        fetched(unit(url), paths, settings)
    site.file(path_of("b.xlsx"), workbook(2))
    assert names(fetched(unit(url), paths, settings)) == ["a.xlsx", "b.xlsx"]
    asked = [request.headers for request in site.requests if request.path == path_of("a.xlsx")]
    assert ["If-None-Match" in headers for headers in asked] == [False, True]


def test_a_failed_release_keeps_the_addresses_that_it_used_before(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = put_up(site, **{"a.xlsx": workbook(1), "b.xlsx": workbook(2)})
    before = fetched(unit(url), paths, settings)
    site.remove(path_of("b.xlsx"))
    with pytest.raises(BrokenLink):
        fetched(unit(url), paths, settings)
    index = read_index(paths)
    assert [index[file["url"]].units for file in before["files"]] == [("adhd_aug25",), ("adhd_aug25",)]


def test_links_in_a_folder_are_never_passed_over_in_silence(
    tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    folder, elsewhere = tmp_path / "aug25", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "a.csv").write_bytes(b"a,b\n1,2\n")
    (elsewhere / "b.csv").write_bytes(b"a,b\n3,4\n")
    (folder / "linked.csv").symlink_to(elsewhere / "b.csv")
    (folder / "more").symlink_to(elsewhere)
    receipt = fetched(unit(str(folder)), paths, settings)
    assert names(receipt) == ["a.csv", "linked.csv"]
    assert [(s["filename"], s["reason"]) for s in receipt["skipped"]] == [
        ("more", "a link to a folder, which is not followed")
    ]
    (folder / "gone.csv").symlink_to(tmp_path / "nothing.csv")
    with pytest.raises(AcquireError, match="cannot be copied into the store: No such file") as caught:
        fetched(unit(str(folder)), paths, settings)
    assert caught.value.where == str(folder / "gone.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    closed = tmp_path / "aug25" / "closed"
    closed.mkdir(parents=True)
    (tmp_path / "aug25" / "a.csv").write_bytes(b"a,b\n1,2\n")
    closed.chmod(0)
    try:
        with pytest.raises(AcquireError, match="the folder cannot be read"):
            fetched(unit(str(closed.parent)), paths, settings)
    finally:
        closed.chmod(0o700)


def test_a_file_that_is_being_written_is_not_taken_half(
    tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 1_000_000)
    done = threading.Event()

    def append() -> None:
        with open(file, "ab", buffering=0) as f:
            while not done.is_set():
                f.write(b"3,4\n")

    writer = threading.Thread(target=append)
    writer.start()
    told = ""
    try:
        for _ in range(50):  # a copy may come to pass between two strokes of the writer
            try:
                download(unit(str(file)), paths, settings)
            except AcquireError as problem:
                told = problem.message
                break
    finally:
        done.set()
        writer.join()
    assert told == "the file was written to while it was copied into the store"
    assert names(fetched(unit(str(file)), paths, settings)) == ["a.csv"]


def test_a_page_larger_than_a_person_reads_is_not_parsed(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    url = site.page(PAGE, "<html><body>" + " " * 20_000_000)
    with pytest.raises(AcquireError, match="are not searched for links"):
        fetched(unit(url), paths, settings)
