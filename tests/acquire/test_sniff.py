"""Files are what their bytes say, and an archive is judged before it is unpacked."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publisher import workbook

from datawarp.acquire.archive import check_archive, check_gzip
from datawarp.acquire.sniff import sniff
from datawarp.errors import AcquireError

LIMIT = 10_000_000
WORKBOOK = workbook()
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[bytes], Path]:
    def keep(body: bytes) -> Path:
        path = tmp_path / "arrived"
        path.write_bytes(body)
        return path

    return keep


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def ole(*streams: str, sector: bytes = b"") -> bytes:
    """The outline of an OLE container: its mark, a first sector, and the names of its streams."""
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name in streams)
    return OLE + b"\0" * 22 + b"\x09\x00" + b"\0" * 480 + sector.ljust(512, b"\0") + names.ljust(512, b"\0")


BOF = b"\x09\x08\x10\x00" + b"\x00\x06\x05\x00" + b"\0" * 12
FILE_PASS = b"\x2f\x00\x06\x00" + b"\x00\x00\x59\xb3\x0a\x9a"


@pytest.mark.parametrize(
    ("filename", "body", "found"),
    [
        ("a.xlsx", workbook(), "xlsx"),
        ("a.zip", zipped(**{"b.csv": b"x,y\n"}), "zip"),
        ("a.xlsm", zipped(**{"[Content_Types].xml": b"x", "xl/workbook.xml": b"x", "xl/vbaProject.bin": b"x"}), "xlsm"),
        ("a.xlsb", zipped(**{"[Content_Types].xml": b"x", "xl/workbook.bin": b"x"}), "xlsb"),
        ("a.ods", zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "ods"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), "gz"),
        ("a.xls", ole("Workbook", sector=BOF), "xls"),
        ("a.csv", b"a,b\n1,2\n", "csv"),
        ("a.csv", "région,n\n".encode("cp1252"), "csv"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "csv"),
        ("a.tsv", b"a\tb\n", "tsv"),
    ],
)  # fmt: skip
def test_a_file_is_what_it_is_called(kept: Callable[[bytes], Path], filename: str, body: bytes, found: str) -> None:
    sniffed = sniff(kept(body), filename, LIMIT)
    assert (sniffed.format, sniffed.notes) == (found, ())


@pytest.mark.parametrize(
    ("filename", "body", "found"),
    [
        ("a.xls", workbook(), "xlsx"),
        ("a.csv", workbook(), "xlsx"),
        ("a.xlsx", zipped(**{"b.csv": b"x,y\n"}), "zip"),
        ("a.xls", b"a,b\n1,2\n", "csv"),
        ("a.csv.gz", b"a,b\n1,2\n", "csv"),
    ],
)
def test_a_wrong_extension_is_recognised_and_told(
    kept: Callable[[bytes], Path], filename: str, body: bytes, found: str
) -> None:
    sniffed = sniff(kept(body), filename, LIMIT)
    assert sniffed.format == found
    assert f"is a .{found} file" in sniffed.notes[0]


@pytest.mark.parametrize(
    ("filename", "body", "message"),
    [
        ("a.xlsx", b"", "empty .0 bytes."),
        ("a.xlsx", b"\n<!DOCTYPE html><html><title>Sign in</title>", "found an HTML page titled “Sign in”"),
        ("a.csv", b"\xef\xbb\xbf<html><body>busy</body>", "found an HTML page"),
        ("a.xls", b"<?xml version='1.0'?><html xmlns='x'>", "found an HTML page"),
        ("a.xlsx", b"%PDF-1.7 ...", "found a PDF"),
        ("a.xlsx", workbook()[:-200], "cut off or damaged"),
        ("a.xlsx", workbook()[:1000], "cut off or damaged"),
        ("a.csv.gz", gzip.compress(b"a,b\n" * 9999, mtime=0)[:-9], "not a whole gzip file"),
        ("a.xlsx", ole("EncryptionInfo", "EncryptedPackage"), "protected by a password"),
        ("a.xls", ole("Workbook", sector=BOF + FILE_PASS), "protected by a password"),
        ("a.doc", ole("WordDocument"), "a Word document"),
        ("a.xls", ole("Thumbs"), "without a workbook"),
        ("a.docx", zipped(**{"word/document.xml": b"x"}), "a document or presentation"),
        ("a.xlsx", b"Access denied\n", "a text that begins 'Access denied'"),
        ("a.csv", b'{"error": "quota"}', "found JSON"),
        ("a.csv", b"<rows><row/></rows>", "found XML"),
        ("a.csv", b"\r\n  \n", "blanks alone"),
        ("a.xlsx", bytes(range(256)) * 8, "not a .xlsx file: its first bytes are 00 01"),
        ("a.xml", b"<?xml?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>", "Excel 2003 XML"),
    ],
)  # fmt: skip
def test_what_is_no_data_file_is_an_error_that_says_what_it_is(
    kept: Callable[[bytes], Path], filename: str, body: bytes, message: str
) -> None:
    with pytest.raises(AcquireError, match=message):
        sniff(kept(body), filename, LIMIT)


def test_real_workbooks_with_passwords_are_told(shared: Path) -> None:
    protected = sorted((shared / "nasty").glob("*password*"))
    assert len(protected) >= 4
    for path in protected:
        with pytest.raises(AcquireError, match="protected by a password"):
            sniff(path, path.name, LIMIT)


def test_real_releases_are_what_they_are_called(shared: Path) -> None:
    files = [p for p in (shared / "nhs").rglob("*.*") if p.name != "INDEX.tsv"]
    assert len(files) >= 40
    for path in files:
        assert sniff(path, path.name, 2_000_000_000).notes == ()


@pytest.mark.parametrize(
    "name", ["../x.csv", "/etc/x.csv", "a/../../x.csv", "C:\\x.csv", "..\\x.csv", "a\\..\\..\\x.csv"]
)
def test_an_archive_that_leaves_its_folder_is_refused(kept: Callable[[bytes], Path], name: str) -> None:
    path = kept(zipped(**{name: b"a,b\n"}))
    with pytest.raises(AcquireError, match="leads out of its folder"):
        check_archive(path, LIMIT)
    with pytest.raises(AcquireError, match="leads out of its folder"):
        sniff(path, "a.zip", LIMIT)


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("x.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(AcquireError, match="symbolic link"):
        check_archive(tmp_path / "a.zip", LIMIT)


def test_what_unpacks_to_too_much_is_refused(kept: Callable[[bytes], Path]) -> None:
    zeros = b"\0" * (LIMIT + 1)
    for filename, body in (
        ("a.zip", zipped(**{"a.csv": zeros})),
        ("a.xlsx", zipped(**{"[Content_Types].xml": b"x", "xl/workbook.xml": zeros})),
    ):
        with pytest.raises(AcquireError, match="unpacks to 10,000,00"):
            sniff(kept(body), filename, LIMIT)
    with pytest.raises(AcquireError, match="more than 10,000,000"):
        check_gzip(kept(gzip.compress(zeros, mtime=0)), LIMIT)


def test_the_members_of_an_archive_in_order_with_forward_slashes(kept: Callable[[bytes], Path]) -> None:
    members = check_archive(kept(zipped(**{"b\\2.csv": b"123", "a/": b"", "a/1.csv": b"1"})), LIMIT)
    assert [(m.path, m.size_bytes) for m in members] == [("b/2.csv", 3), ("a/1.csv", 1)]


def test_an_archive_in_memory_is_judged_too() -> None:
    with pytest.raises(AcquireError, match=r"inner\.zip: not a readable ZIP"):
        check_archive(io.BytesIO(b"PK\x03\x04 cut"), LIMIT, "inner.zip")


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=6), st.integers(0, 1 << 20))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_workbook_is_read_or_refused(
    kept: Callable[[bytes], Path], changes: list[tuple[int, int]], length: int
) -> None:
    body = bytearray(WORKBOOK)
    for place, value in changes:
        body[place % len(body)] = value
    path = kept(bytes(body[: length % len(body)] if length % 3 == 0 else body))
    try:
        assert sniff(path, "a.xlsx", LIMIT).format in ("xlsx", "xlsm", "zip", "ods", "xlsb", "csv")
    except AcquireError as refused:
        assert refused.hint


@given(st.binary(max_size=400), st.sampled_from(["a.xlsx", "a.csv", "a.zip", "a.gz", "a.xls", "a"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_a_format_or_an_error_with_a_hint(
    kept: Callable[[bytes], Path], body: bytes, filename: str
) -> None:
    try:
        assert sniff(kept(body), filename, LIMIT).format in ("csv", "xls")
    except AcquireError as refused:
        assert refused.hint
