"""What changed at the publishers: told, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from publisher import Publisher, digital_page, path_of, status, workbook

from datawarp.acquire.download import download
from datawarp.acquire.updates import Finding, check_updates, updates_text
from datawarp.files import read_json
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

MakeUnit = Callable[..., Unit]


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.kind, f.url.rsplit("/", 1)[-1]) for f in findings]


def test_what_is_unchanged_is_asked_for_conditionally(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    page = site.page("/aug", digital_page("ADHD", [site.file(path_of("a.xlsx"), workbook())]))
    download(unit(page), paths, settings)
    tree = {p: p.stat().st_mtime_ns for p in (paths.root / "downloads").rglob("*") if p.is_file()}
    findings = check_updates([unit(page), unit(page, period="sep25")], paths, settings)
    assert kinds(findings) == [("unchanged", "aug")]
    assert "If-None-Match" in site.requests[-1].headers
    assert {p: p.stat().st_mtime_ns for p in (paths.root / "downloads").rglob("*") if p.is_file()} == tree
    assert "units asked about: 1; changed upstream: 0" in updates_text(findings)


def test_revised_new_vanished_and_failing_files_are_told(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    files = {
        name: site.file(path_of(name), workbook(name)) for name in ("a.xlsx", "b.xlsx", "c.xlsx", "d.xlsx", "e.xlsx")
    }
    site.file(path_of("guide.xlsx"), workbook("guide"))
    page = site.page("/aug", digital_page("ADHD", [*files.values(), site.url(path_of("guide.xlsx"))]))
    made = unit(page, exclude=["guide*"])
    download(made, paths, settings)
    site.file(path_of("a.xlsx"), workbook("revised"))
    site.remove(path_of("c.xlsx"))
    site.always(path_of("d.xlsx"), status(500))
    links = [url for name, url in files.items() if name != "b.xlsx"]
    site.page("/aug", digital_page("ADHD", [*links, site.url("/files/new.xlsx"), site.url("/files/guide-2.xlsx")]))
    findings = check_updates([made], paths, settings)
    assert kinds(findings) == [
        ("new", "new.xlsx"),
        ("vanished", "b.xlsx"),
        ("changed", "a.xlsx"),
        ("vanished", "c.xlsx"),
        ("failed", "d.xlsx"),
    ]
    assert "snakemake refresh_adhd_aug25" in updates_text(findings)
    assert read_json(paths.updates)["counts"] == {"new": 1, "vanished": 2, "changed": 1, "failed": 1}


def test_a_file_without_validators_is_compared_by_its_bytes(
    site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit
) -> None:
    made = unit(site.file("/a.csv", b"a,b\n1,2\n", validators=False))
    download(made, paths, settings)
    assert kinds(check_updates([made], paths, settings)) == [("unchanged", "a.csv")]
    site.file("/a.csv", b"a,b\n1,3\n", validators=False)
    assert kinds(check_updates([made], paths, settings)) == [("changed", "a.csv")]
    site.file("/a.csv", b"<html>busy</html>", validators=False)
    assert kinds(check_updates([made], paths, settings)) == [("failed", "a.csv")]


def test_a_page_that_is_gone_is_told(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    page = site.page("/aug", digital_page("ADHD", [site.file(path_of("a.xlsx"), workbook())]))
    download(unit(page), paths, settings)
    site.remove("/aug")
    assert kinds(check_updates([unit(page)], paths, settings)) == [("vanished", "aug")]
    site.always("/aug", status(503))
    assert kinds(check_updates([unit(page)], paths, settings)) == [("failed", "aug")]


def test_local_files_are_compared_too(tmp_path: Path, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    folder = tmp_path / "aug"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_bytes(f"{name},n\n1,2\n".encode())
    made = unit(str(folder))
    download(made, paths, settings)
    assert kinds(check_updates([made], paths, settings)) == [("unchanged", "aug")]
    (folder / "a.csv").write_bytes(b"x,y\n1,2\n")
    (folder / "b.csv").unlink()
    (folder / "c.csv").write_bytes(b"x,y\n1,2\n")
    assert kinds(check_updates([made], paths, settings)) == [
        ("changed", "a.csv"),
        ("vanished", "b.csv"),
        ("new", "c.csv"),
    ]


def test_a_damaged_receipt_is_told(site: Publisher, paths: Paths, settings: Settings, unit: MakeUnit) -> None:
    made = unit(site.file("/a.xlsx", workbook()))
    download(made, paths, settings)
    for text in ("{", "[]", '{"files": [{}]}'):
        paths.download_receipt(made.name).write_text(text)
        (finding,) = check_updates([made], paths, settings)
        assert (finding.kind, finding.detail) == ("failed", "its download receipt is damaged")
