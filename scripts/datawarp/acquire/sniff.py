"""What a file is by its bytes, against what its name says."""

from __future__ import annotations

import codecs
import mmap
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datawarp.acquire.archive import check_archive, check_gzip, check_unpacked_size
from datawarp.errors import AcquireError

Format = Literal["xlsx", "xlsm", "xlsb", "xls", "ods", "csv", "tsv", "zip", "gz", "html", "pdf", "unknown"]

DATA_EXTENSIONS = ("xlsx", "xls", "xlsm", "xlsb", "ods", "csv", "tsv", "zip", "gz")

MEDIA_TYPES: dict[Format, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "zip": "application/zip",
    "gz": "application/gzip",
    "html": "text/html",
    "pdf": "application/pdf",
    "unknown": "application/octet-stream",
}

_HEAD = 1 << 16
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BIFF_BEGINNINGS = (
    b"\x09\x00\x04\x00",
    b"\x09\x02\x06\x00",
    b"\x09\x04\x06\x00",
    b"\x09\x08\x08\x00",
    b"\x09\x08\x10\x00",
)
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HTML = re.compile(
    rb"\s*(<!--.*?-->\s*|<\?xml[^>]*\?>\s*)*<(!doctype\s+html|html|head|body|title|meta|script|div|p|h1)\b", re.I | re.S
)
_NO_PASSWORD = "ask the publisher for it without a password, or save it without one and register the local copy"


@dataclass(frozen=True)
class Sniffed:
    """A data file's true ``format``, and what about it is odd but harmless, in words."""

    format: Format
    notes: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]


def extension(filename: str) -> str:
    """The lower-case extension of ``filename`` without its dot; empty when it has none."""
    name = filename.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[1].lower() if "." in name.lstrip(".") else ""


def looks_like_html(path: Path, content_type: str = "") -> bool:
    """Whether the file begins as an HTML page does; any tag will do if ``content_type`` says that it is one."""
    with open(path, "rb") as f:
        head = _without_bom(f.read(_HEAD))
    return _HTML.match(head) is not None or ("html" in content_type.lower() and head.lstrip().startswith(b"<"))


def sniff(path: Path, filename: str, max_unpacked_bytes: int, where: str = "") -> Sniffed:
    """The true format of the data file in ``path``, published as ``filename``.

    Raises :class:`AcquireError` for what is no data file: nothing at all, an HTML page or PDF whatever
    its name, a file cut off or damaged, one protected by a password, an archive that would escape its
    folder or unpack to more than ``max_unpacked_bytes``, or bytes that no reader knows.
    """
    where = where or filename
    with open(path, "rb") as f:
        head = f.read(_HEAD)
    if not head:
        raise AcquireError("the file is empty (0 bytes)", where=where, hint=_LOOK)
    named = extension(filename)
    found = _format(path, head, named, max_unpacked_bytes, where)
    if found == named or (found == "csv" and named in ("txt", "")) or not named:
        return Sniffed(found)
    return Sniffed(found, (f"{filename} is named .{named} but is a .{found} file; it is read as what it is",))


_LOOK = "open the address in a browser; if the file is broken there too, tell the publisher"


def _format(path: Path, head: bytes, named: str, max_unpacked_bytes: int, where: str) -> Format:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip_format(path, max_unpacked_bytes, where)
    if head.startswith(b"\x1f\x8b"):
        check_gzip(path, max_unpacked_bytes, where)
        return "gz"
    if head.startswith(_OLE):
        return _ole_format(path, where)
    if head.startswith(_BIFF_BEGINNINGS):
        return "xls"
    plain = _without_bom(head)
    if _HTML.match(plain):
        title = re.search(rb"<title[^>]*>(.*?)</title>", head, re.I | re.S)
        called = f" titled “{' '.join(title[1].decode('utf-8', 'replace').split())[:80]}”" if title else ""
        raise AcquireError(f"expected a data file, found an HTML page{called}", where=where, hint=_LOOK)
    if b"%PDF-" in head[:1024]:
        raise AcquireError("expected a data file, found a PDF", where=where, hint="leave it out with files.exclude")
    if b"urn:schemas-microsoft-com:office:spreadsheet" in plain[:4096]:
        raise AcquireError("an Excel 2003 XML file, which is not read", where=where, hint="save it as .xlsx")
    if not _is_text(head):
        kind = f"a .{named} file" if named in DATA_EXTENSIONS else "a data file of a known kind"
        raise AcquireError(f"not {kind}: its first bytes are {head[:8].hex(' ')}", where=where, hint=_LOOK)
    return _text_format(plain, named, where)


def _text_format(plain: bytes, named: str, where: str) -> Format:
    begins = plain.lstrip()[:60]
    for mark, kind in (
        (b"<", "XML"),
        (b'{"', "JSON"),
        (b'[{"', "JSON"),
        (b"ID;P", "a SYLK file"),
        (b"", "blanks alone"),
    ):
        if begins.startswith(mark) and (mark or not begins):
            raise AcquireError(f"expected a data file, found {kind}", where=where, hint=_LOOK)
    if named in ("xlsx", "xls", "xlsm", "xlsb", "ods", "zip", "gz") and not _is_tabular(plain):
        said = begins.decode("utf-8", "replace").splitlines()[0]
        raise AcquireError(f"not a .{named} file but a text that begins {said!r}", where=where, hint=_LOOK)
    return "tsv" if named in ("tsv", "tab") else "csv"


def _is_tabular(plain: bytes) -> bool:
    """Whether the first two lines with anything in them share a delimiter."""
    lines = [line for line in plain.splitlines() if line.strip()][:2]
    return len(lines) == 2 and any(all(mark in line for line in lines) for mark in (b",", b"\t", b";", b"|"))


def _zip_format(path: Path, max_unpacked_bytes: int, where: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            check_unpacked_size(entries, max_unpacked_bytes, where)
            found = _zipped_kind(archive, where)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError) as problem:
        raise AcquireError(
            f"the file begins as a ZIP container (.xlsx, .ods, .zip) but is cut off or damaged: {problem}",
            where=where,
            hint="run again; if it happens again, open the file in a browser and tell the publisher",
        ) from None
    if found == "zip":
        check_archive(path, max_unpacked_bytes, where)
    elif any(entry.flag_bits & 0x1 for entry in entries):
        raise AcquireError("the workbook is protected by a password", where=where, hint=_NO_PASSWORD)
    return found


def _zipped_kind(archive: zipfile.ZipFile, where: str) -> Format:
    stored = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}
    mimetype = _beginning(archive, stored.get("mimetype"))
    if b"opendocument.spreadsheet" in mimetype:
        if b"encryption-data" in _beginning(archive, stored.get("meta-inf/manifest.xml")):
            raise AcquireError("the workbook is protected by a password", where=where, hint=_NO_PASSWORD)
        return "ods"
    if "xl/workbook.bin" in stored:
        return "xlsb"
    if any(name.startswith("xl/") for name in stored) and any("content_types" in name for name in stored):
        return "xlsm" if "xl/vbaproject.bin" in stored else "xlsx"
    if "word/document.xml" in stored or "ppt/presentation.xml" in stored or b"opendocument" in mimetype:
        raise AcquireError("a document or presentation, not a data file", where=where, hint=_EXCLUDE)
    return "zip"


def _beginning(archive: zipfile.ZipFile, name: str | None) -> bytes:
    """The first megabyte of a member that can be read without a password; empty if it is not there."""
    if name is None or archive.getinfo(name).flag_bits & 0x1:
        return b""
    with archive.open(name) as member:
        return member.read(1 << 20)


_EXCLUDE = "leave it out with files.exclude"


def _ole_format(path: Path, where: str) -> Format:
    """An OLE container: a .xls workbook, or any workbook encrypted as a whole (MS-OFFCRYPTO §2.3)."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise AcquireError("the workbook is protected by a password", where=where, hint=_NO_PASSWORD)
        streams = [data.find(name.encode("utf-16-le") + b"\0\0") for name in ("Workbook", "Book")]
        if max(streams) < 0:
            if data.find("WordDocument".encode("utf-16-le")) >= 0:
                raise AcquireError("a Word document, not a data file", where=where, hint=_EXCLUDE)
            raise AcquireError("an OLE file without a workbook in it, or cut off", where=where, hint=_LOOK)
        sector = 1 << int.from_bytes(data[30:32], "little") if data[30:32] in (b"\x09\0", b"\x0c\0") else 512
        if _has_file_pass(data, sector):
            raise AcquireError("the workbook is protected by a password", where=where, hint=_NO_PASSWORD)
    return "xls"


def _has_file_pass(data: mmap.mmap, sector: int) -> bool:
    """Whether the workbook stream has a FILEPASS record (MS-XLS §2.4.117), which follows close on its first BOF."""
    for position in range(sector, min(len(data), 64 << 20), sector):
        if data[position : position + 4] not in (b"\x09\x08\x10\x00", b"\x09\x08\x08\x00"):
            continue
        record = position
        for _ in range(8):
            kind, length = data[record : record + 2], int.from_bytes(data[record + 2 : record + 4], "little")
            if kind == b"\x2f\x00":
                return length > 2
            record += 4 + length
        return False
    return False


def _without_bom(head: bytes) -> bytes:
    for bom in _BOMS:
        if head.startswith(bom):
            body = head[len(bom) :]
            return body if bom is codecs.BOM_UTF8 else body.replace(b"\0", b"")
    return head


def _is_text(head: bytes) -> bool:
    """Whether the bytes are text: no NUL and hardly a control character, or UTF-16 by its mark."""
    if head.startswith(_BOMS):
        return True
    controls = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13, 26))
    return b"\0" not in head and controls * 100 <= len(head)
