"""The draft stage: files in the store become a manifest and typed tables."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from openpyxl import Workbook

from datawarp.errors import SheetError
from datawarp.manifest.document import read_manifest
from datawarp.manifest.draft import draft
from datawarp.manifest.models import FileEntry, Manifest
from datawarp.manifest.tables import cache_path, open_table
from datawarp.registry.models import SheetOverride, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

Downloaded = Callable[..., Unit]
ROWS = [("A81001", "North", 12.0, 3.5), ("A81002", "South", "*", 2.25), ("A81003", "East", 40.0, 0.5)]


def workbook() -> bytes:
    book = Workbook()
    cover = book.active
    cover.title = "Cover"
    cover["A1"] = "Waiting list statistics, August 2025"
    cover["A3"] = "These figures are experimental; see the notes on quality before use."
    sheet = book.create_sheet("Table 1")
    sheet.append(["Table 1: waiting lists by practice"])
    sheet.append([])
    sheet.append(["Practice code", "Region", "Patients", "Rate"])
    for row in ROWS:
        sheet.append(list(row))
    sheet.append([])
    sheet.append(["Source: practices"])
    book.create_sheet("Empty")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_csv() -> bytes:
    lines = ["Practice code,Region,Patients,Rate"]
    lines += [f"{a},{b},{int(c) if isinstance(c, float) else c},{d}" for a, b, c, d in ROWS]
    return "\r\n".join([*lines, ""]).encode()


def rows_of(paths: Paths, unit: Unit, entry: FileEntry) -> list[dict[str, object]]:
    _, batches = open_table(paths, unit.name, entry, Settings())
    return [row for batch in batches for row in batch.to_pylist()]


def entry_of(manifest: Manifest) -> FileEntry:
    (source,) = manifest.enabled
    return source.files[0]


def test_every_sheet_is_listed_and_the_table_is_typed(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.xlsx": workbook()})
    draft(unit, paths, Settings())
    manifest = read_manifest(paths.pending_manifest(unit.name))
    kinds = {s.files[0].sheet: (s.kind, s.enabled, bool(s.reason)) for s in manifest.sources}
    assert kinds == {
        "Cover": ("notes", False, True),
        "Table 1": ("data", True, False),
        "Empty": ("empty", False, True),
    }
    entry = entry_of(manifest)
    assert entry.id == f"{entry.sha256[:12]}:Table 1#1"
    assert entry.layout is not None and entry.layout.account is not None
    assert (entry.layout.header_rows, entry.layout.data_rows) == ((3, 3), (4, 6))
    assert entry.layout.account.balanced and entry.layout.account.sheet_rows == 8
    names = ("practice_code", "region", "patients", "patients_marker", "rate", "_source_row")
    assert [tuple(row[name] for name in names) for row in rows_of(paths, unit, entry)] == [
        ("A81001", "North", 12, None, 3.5, 4),
        ("A81002", "South", None, "*", 2.25, 5),
        ("A81003", "East", 40, None, 0.5, 6),
    ]
    assert manifest.manifest.publication_context["notes"][0] == "Waiting list statistics, August 2025"


def test_the_same_input_gives_the_same_bytes(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.xlsx": workbook()})
    draft(unit, paths, Settings())
    manifest = paths.pending_manifest(unit.name).read_bytes()
    tables = {p.name: p.read_bytes() for p in paths.typed_tables(unit.name).iterdir()}
    draft(unit, paths, Settings())
    assert paths.pending_manifest(unit.name).read_bytes() == manifest
    assert {p.name: p.read_bytes() for p in paths.typed_tables(unit.name).iterdir()} == tables


def test_a_table_is_read_again_when_its_cache_is_gone_or_broken(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.xlsx": workbook()})
    entry = entry_of(draft(unit, paths, Settings()))
    cached = rows_of(paths, unit, entry)
    cache_path(paths, unit.name, entry).write_bytes(b"ARROW1 cut off")
    assert rows_of(paths, unit, entry) == cached
    cache_path(paths, unit.name, entry).unlink()
    assert rows_of(paths, unit, entry) == cached


def test_a_layout_that_a_person_edits_is_honoured(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.xlsx": workbook()})
    entry = entry_of(draft(unit, paths, Settings()))
    assert entry.layout is not None
    entry.layout.data_rows = (5, 6)
    entry.columns[3].type = "text"
    assert [(r["practice_code"], r["rate"]) for r in rows_of(paths, unit, entry)] == [
        ("A81002", "2.25"),
        ("A81003", "0.5"),
    ]


def test_one_table_as_csv_and_as_workbook_is_loaded_once_and_said(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.csv": as_csv(), "waits.xlsx": workbook()})
    manifest = draft(unit, paths, Settings())
    data = [s for s in manifest.sources if s.kind == "data"]
    assert [s.enabled for s in data] == [True, False]
    assert data[0].files[0].id in (data[1].reason or "")
    assert data[0].files[0].layout and "loaded once" in data[0].files[0].layout.evidence[-1]


def test_equal_columns_with_other_figures_are_two_tables(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"north.csv": as_csv(), "south.csv": as_csv().replace(b"12", b"13")})
    manifest = draft(unit, paths, Settings())
    assert len(manifest.enabled) == 2
    assert len({s.code for s in manifest.enabled}) == 2


def test_the_same_bytes_under_two_names_are_read_once(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"waits.csv": as_csv(), "waits-copy.csv": as_csv()})
    manifest = draft(unit, paths, Settings())
    assert [(s.enabled, s.reason) for s in manifest.sources] == [
        (True, None),
        (False, "the same bytes as waits.csv, which is read instead"),
    ]


def test_every_unreadable_file_is_named_and_nothing_is_written(paths: Paths, downloaded: Downloaded) -> None:
    unit = downloaded({"a.xlsx": b"<html><body>moved", "b.csv": b"", "c.csv": as_csv()})
    with pytest.raises(SheetError) as problem:
        draft(unit, paths, Settings())
    assert "a.xlsx" in str(problem.value) and "b.csv" in str(problem.value) and "c.csv" not in str(problem.value)
    assert not paths.pending_manifest(unit.name).exists()


def test_a_release_without_a_table_says_what_its_sheets_are(paths: Paths, downloaded: Downloaded) -> None:
    book = Workbook()
    book.active["A1"] = "This publication has moved."
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(SheetError, match=r"found none .*Sheet"):
        draft(downloaded({"moved.xlsx": out.getvalue()}), paths, Settings())


def test_members_of_an_archive_are_listed_by_their_path(paths: Paths, downloaded: Downloaded) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data/waits.csv", as_csv())
        archive.writestr("about.pdf", b"%PDF-1.7 ...")
    manifest = draft(downloaded({"release.zip": out.getvalue()}), paths, Settings())
    found = {s.files[0].member: (s.enabled, s.files[0].id.partition(":")[2]) for s in manifest.sources}
    assert found == {"data/waits.csv": (True, "data/waits.csv#1"), "about.pdf": (False, "about.pdf#0")}
    assert "PDF" in (manifest.sources[1].reason or "")


def test_a_person_leaves_a_sheet_out(paths: Paths, downloaded: Downloaded) -> None:
    files = {"waits.xlsx": workbook(), "other.csv": as_csv().replace(b"12", b"99")}
    manifest = draft(downloaded(files, {"Table 1": SheetOverride(enabled=False)}), paths, Settings())
    assert [s.files[0].filename for s in manifest.enabled] == ["other.csv"]
    left_out = next(s for s in manifest.sources if s.files[0].sheet == "Table 1")
    assert left_out.reason and "left out" in left_out.reason


def test_a_type_that_a_person_names_holds_for_a_streamed_file(
    paths: Paths, downloaded: Downloaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawarp.sheets.book.STREAMED", 5000)
    body = [f"A{i:05d},{i % 50},{i / 8}" for i in range(4000)]
    body[3000] = "A03000,12.5,to follow"
    data = "\n".join(["Practice,Patients,Rate", *body, ""]).encode()
    unit = downloaded({"waits.csv": data}, {"waits.csv": SheetOverride(types={"B": "integer"})})
    entry = entry_of(draft(unit, paths, Settings()))
    assert entry.reader == "csv (utf-8, comma, streamed)"
    assert [(c.type, c.markers) for c in entry.columns] == [
        ("text", {}),
        ("integer", {"12.5": 1}),
        ("numeric", {"to follow": 1}),
    ]
    kept = rows_of(paths, unit, entry)
    assert kept[3000]["patients_marker"] == "12.5" and kept[3000]["_source_row"] == 3002
    cache_path(paths, unit.name, entry).unlink()
    assert rows_of(paths, unit, entry) == kept
