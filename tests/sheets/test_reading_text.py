"""CSV and TSV files, in memory and streamed, and archives of them."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from books import zipped

from datawarp.errors import SheetError
from datawarp.manifest.tables import keep_table
from datawarp.sheets.book import open_book
from datawarp.sheets.detect import detect
from datawarp.sheets.grid import Grid


def grids(folder: Path, data: bytes, name: str = "file.csv", **options: int) -> list[Grid]:
    path = folder / "original"
    path.write_bytes(data)
    return list(open_book(path, name, **options))


def rows(folder: Path, data: bytes) -> list[list[object]]:
    (grid,) = grids(folder, data)
    return [list(row) for row in grid.rows]


TABLE = [["Org", "Name", "Count"], ["A81", "Café – North", "1,234"], ["007", None, "*"]]
TEXT = 'Org,Name,Count\r\nA81,Café – North,"1,234"\r\n007,,*\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert rows(tmp_path, TEXT.encode(encoding)) == TABLE


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("mac_roman", ["Zürich", "Genève", "Neuchâtel", "Besançon"]),
        ("cp850", ["Zürich", "Genève", "Köln", "Málaga"]),
        ("cp1252", ["Zürich", "Plzeň".replace("ň", "ñ"), "Škoda", "don’t", "Œuvre", "Côte d’Or"]),
        ("cp1252", ["€5", "“so”", "North – East", "Café"]),
        ("latin-1", ["Zürich", "A\x81B"]),
    ],
)
def test_code_pages(tmp_path: Path, encoding: str, words: list[str]) -> None:
    text = "Area,n\n" + "".join(f"{word},{n}\n" for n, word in enumerate(words * 3))
    assert [row[0] for row in rows(tmp_path, text.encode(encoding))[1:]] == words * 3
    (grid,) = grids(tmp_path, text.encode(encoding), streamed=20)
    assert grid.stream is not None
    assert [row[0] for row in grid.stream.records()][1:] == words * 3


def test_a_character_cut_off_at_the_end_is_no_utf8(tmp_path: Path) -> None:
    assert rows(tmp_path, b"Area,Place\nA,Caf\xe9") == [["Area", "Place"], ["A", "Café"]]


@pytest.mark.parametrize("streamed", [1 << 30, 100])
def test_a_few_odd_bytes_do_not_spoil_the_rest(tmp_path: Path, streamed: int) -> None:
    data = ("Area,n\n" + "Zürich,1\nGenève,2\n" * 50).encode() + b"Caf\xe9,3\n" + "Köln,4\n".encode()
    (grid,) = grids(tmp_path, data, streamed=streamed)
    found = list(grid.stream.records()) if grid.stream else grid.rows
    assert [row[0] for row in found[-3:]] == ["Genève", "Café", "Köln"]
    assert any("bytes are not UTF-8: read as Windows-1252" in note for note in grid.notes)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, newline: str) -> None:
    assert rows(tmp_path, TEXT.replace("\r\n", newline).encode()) == TABLE


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_under_a_preamble_and_above_notes(tmp_path: Path, delimiter: str) -> None:
    preamble = "Waiting lists, by practice; August 2025\nSource: practices, trusts and others\n\n"
    body = "\n".join(delimiter.join([f"A8100{i}", "North", f"{i}.5"]) for i in range(8))
    text = (
        f"{preamble}{delimiter.join(['Code', 'Region', 'Rate'])}\n{body}\n\nNotes: figures are rounded, see guidance\n"
    )
    found = rows(tmp_path, text.encode())
    assert found[3:5] == [["Code", "Region", "Rate"], ["A81000", "North", "0.5"]]
    assert len(found) == 14 and found[2] == []


def test_decimal_commas_do_not_split(tmp_path: Path) -> None:
    text = "Code;Rate;Share\n" + "".join(f"A{i};{i},5;0,{i}\n" for i in range(10, 30))
    assert rows(tmp_path, text.encode())[1] == ["A10", "10,5", "0,10"]


def test_ragged_blank_and_quoted_records_keep_their_numbers(tmp_path: Path) -> None:
    text = 'a,b,c\n1\n\n"two\nlines",2,3,4\n,,\n"say ""so""",x,\n'
    assert rows(tmp_path, text.encode()) == [
        ["a", "b", "c"],
        ["1"],
        [],
        ["two\nlines", "2", "3", "4"],
        [],
        ['say "so"', "x"],
    ]


def test_stray_quotation_marks_are_text(tmp_path: Path) -> None:
    text = "code,pipe,n\n" + "".join(f'{i},{i}" pipe,{i}\n' for i in range(500)) + '"x,1,2\n' + "y,1,2\n" * 300
    (grid,) = grids(tmp_path, text.encode())
    assert grid.n_rows == 802 and grid.rows[1] == ["0", '0" pipe', "0"]
    assert "quotes do not pair up" in grid.notes[0]


def test_nul_bytes_are_kept_as_printed(tmp_path: Path) -> None:
    assert rows(tmp_path, b"a,b\n1,\x00\n") == [["a", "b"], ["1", "\x00"]]


def test_one_column_and_words_like_a_sylk_file(tmp_path: Path) -> None:
    assert rows(tmp_path, b"ID;PATIENTS\n1;2\n") == [["ID", "PATIENTS"], ["1", "2"]]
    assert rows(tmp_path, b"Code\nA81001\nA81002\n") == [["Code"], ["A81001"], ["A81002"]]


# -- archives ------------------------------------------------------------------------------------------


def test_archives_nested_once(tmp_path: Path) -> None:
    inner = zipped({"b.csv": b"a,b\n1,2\n"})
    data = zipped({"x/a.csv": b"a,b\n1,2\n", "inner.zip": inner, "c.csv.gz": gzip.compress(b"a,b\n1,2\n")})
    assert [g.member for g in grids(tmp_path, data)] == ["x/a.csv", "inner.zip/b.csv", "c.csv.gz"]
    assert grids(tmp_path, gzip.compress(b"a,b\n1,2\n"))[0].rows == [["a", "b"], ["1", "2"]]
    with pytest.raises(SheetError, match="third archive"):
        grids(tmp_path, zipped({"outer.zip": zipped({"inner.zip": inner})}))


def test_what_systems_add_to_archives_is_passed_over(tmp_path: Path) -> None:
    data = zipped(
        {"a.csv": b"a,b\n1,2\n", "__MACOSX/._a.csv": b"\x00\x05", ".DS_Store": b"\x00", "read.pdf": b"%PDF-1.4"}
    )
    assert [(g.member, bool(g.unread)) for g in grids(tmp_path, data)] == [("a.csv", False), ("read.pdf", True)]


@pytest.mark.parametrize("name", ["../a.csv", "/etc/a.csv", "x/../../a.csv", "C:\\a.csv"])
def test_a_member_that_escapes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SheetError, match="outside the archive"):
        grids(tmp_path, zipped({"b.csv": b"a,b\n1,2\n", name: b"a,b\n1,2\n"}))


def test_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    bomb = b"0" * 5_000_000
    for data in (zipped({"a.csv": bomb}), gzip.compress(bomb), zipped({"a.csv.gz": gzip.compress(bomb)})):
        with pytest.raises(SheetError, match="max_unpacked_bytes"):
            grids(tmp_path, data, max_unpacked_bytes=1_000_000)


def test_damaged_archives_are_errors(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(50_000).hex().encode()
    for data in (zipped({"a.csv": b"a,b\n" + noise}), gzip.compress(b"a,b\n" + noise)):
        with pytest.raises(SheetError, match=r"cut-off|damaged"):
            grids(tmp_path, data[: len(data) // 2])
    broken = bytearray(zipped({"a.csv": b"a,b\n" + noise}))
    broken[30_000] ^= 0xFF
    with pytest.raises(SheetError, match=r"damaged"):
        grids(tmp_path, bytes(broken))


# -- streams -------------------------------------------------------------------------------------------


def typed(folder: Path, data: bytes, streamed: int) -> tuple[list[tuple[object, ...]], dict[str, object]]:
    """All typed rows, and the columns with their types and markers, of a file's one table."""
    import pyarrow as pa

    (grid,) = grids(folder, data, streamed=streamed)
    assert grid.complete == (streamed >= len(data))
    (table,) = detect(grid).tables
    path = keep_table(folder / "tables", grid, table)
    with pa.memory_map(str(path)) as source:
        found = pa.ipc.open_file(source).read_all()
    names = [n for n in found.column_names if not (n.endswith("_marker") and found[n].null_count == len(found))]
    assert table.account is not None and table.account.balanced and table.account.body == table.n_rows == len(found)
    return list(zip(*(found[n].to_pylist() for n in names), strict=True)), {
        c.name: (c.type, c.markers) for c in table.columns
    }


def lines(n: int, late: str = "") -> list[str]:
    rng = random.Random(n)
    body = [f"2024-0{i % 9 + 1}-01,A{i % 997:05d},{rng.randrange(500)},{rng.random():.4f},{i % 7}" for i in range(n)]
    if late:
        body[n - 500] = late
    return ["Month,Practice,Patients,Rate,Grade", *body]


LATE = {
    "nothing": "",
    "a marker": "2024-01-01,A00001,*,0.5,1",
    "a decimal": "2024-01-01,A00001,12.5,0.5,1",
    "a code with zeros": "2024-01-01,A00001,007,0.5,01",
    "what Arrow takes for a figure": "2024-01-01,A00001,5,nan,0x1F",
    "thousands": '2024-01-01,A00001,"1,234",.5,1',
    "words": "to be confirmed,A00001,not collected,n/a,x",
    "blank cells": ",A00001,,,",
    "a blank record": ",,,,",
    "spaces": "2024-01-01,A00001, 5 ,0.5,   ",
}


@pytest.mark.parametrize("late", LATE)
def test_a_streamed_file_is_what_it_would_be_in_memory(tmp_path: Path, late: str) -> None:
    data = "\n".join([*lines(4000, LATE[late]), ""]).encode()
    assert typed(tmp_path, data, streamed=10_000) == typed(tmp_path, data, streamed=1 << 30)


@pytest.mark.parametrize("late", ["x;9.999;9,99;9 %;9 999", "x;-1;0,5;1,5 %;1 234", "x;*;-;:;..", "x;1.5;1,2.5;5;0"])
def test_continental_figures_of_a_streamed_file(tmp_path: Path, late: str) -> None:
    body = [
        f"A{i % 97};{i // 1000}.{i % 1000:03d};{i % 50},{i % 7};{i % 9},5 %;{i % 9 + 1} 000" for i in range(1000, 4000)
    ]
    body[2500] = late
    data = "\n".join(["Code;Menge;Rate;Anteil;Summe", *body, ""]).encode()
    assert typed(tmp_path, data, streamed=10_000) == typed(tmp_path, data, streamed=1 << 30)


def test_many_grouped_figures_are_figures_in_a_stream(tmp_path: Path) -> None:
    data = "Code,n\n" + "".join(f'A,"{i:,}"\n' for i in range(1000, 32_000))
    found, columns = typed(tmp_path, data.encode(), streamed=10_000)
    assert columns["n"] == ("integer", {}) and found[-1][1] == 31_999


IRREGULAR = {
    "a short record": "2024-01-01,A00001,5",
    "a long record": "2024-01-01,A00001,5,0.5,1,,",
    "a blank line": "",
    "a line break in a cell": '2024-01-01,"A0\n0001",5,0.5,1',
    "a quoted comma": '2024-01-01,"A0,0001",5,0.5,1',
    "doubled quotes": '2024-01-01,"A ""01""",5,0.5,1',
}


@pytest.mark.parametrize("late", IRREGULAR)
def test_irregular_records_are_read_one_by_one(tmp_path: Path, late: str) -> None:
    body = lines(12_000)
    body[7000] = IRREGULAR[late]
    data = "\r\n".join([*body, ""]).encode()
    assert typed(tmp_path, data, streamed=10_000) == typed(tmp_path, data, streamed=1 << 30)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_encodings_of_streamed_files(tmp_path: Path, encoding: str) -> None:
    body = lines(12_000)
    body[11_000] = "2024-01-01,Café,5,0.5,1"
    data = "\n".join([*body, ""]).encode(encoding)
    found, _ = typed(tmp_path, data, streamed=10_000)
    assert found[10_999][1] == "Café" and len(found) == 12_000


def test_preamble_and_notes_of_a_streamed_file(tmp_path: Path) -> None:
    body = [
        "Waiting lists by practice",
        "",
        *lines(9000),
        "",
        "Source: practices",
        "Notes: 1. Figures are provisional.",
    ]
    data = "\n".join([*body, ""]).encode()
    found, columns = typed(tmp_path, data, streamed=10_000)
    assert (len(found), found[0][-1], found[-1][-1]) == (9000, 4, 9003)
    assert [c[0] for c in columns.values()] == ["date", "text", "integer", "numeric", "integer"]


@pytest.mark.parametrize(("blank", "complete"), [(None, False), (3, False), (9_000, True), (17_990, False)])
def test_a_file_with_blank_lines_in_its_middle_is_looked_at_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: int | None, complete: bool
) -> None:
    monkeypatch.setattr("datawarp.sheets.book.STREAMED", 10_000)
    body = lines(18_000)
    if blank is not None:
        body.insert(blank, "")
    (grid,) = grids(tmp_path, "\n".join([*body, ""]).encode())
    assert grid.complete == complete and grid.n_rows == len(body)


def test_streams_out_of_archives(tmp_path: Path) -> None:
    data = "\n".join([*lines(9000), ""]).encode()
    plain = typed(tmp_path, data, streamed=10_000)
    for packed in (zipped({"a.csv": data}), gzip.compress(data)):
        assert typed(tmp_path, packed, streamed=10_000) == plain


def test_a_stream_outlives_the_walk_through_its_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datawarp.sheets.blob.IN_MEMORY", 1000)
    data = "\n".join([*lines(3000), ""]).encode()
    (grid,) = grids(tmp_path, zipped({"inner.zip": zipped({"a.csv": data})}), streamed=10_000)
    assert grid.stream is not None and sum(1 for _ in grid.stream.records()) == 3001
