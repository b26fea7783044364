"""What a file is, by its bytes: the name that a publisher gave it decides nothing.

Sources of the signatures: the ZIP, OLE and gzip formats, [MS-XLS] (BIFF records), ECMA-376 and OASIS
OpenDocument (parts of a package).
"""

from __future__ import annotations

import codecs
import re
import struct
import zipfile
import zlib
from typing import Literal

from datawarp.errors import SheetError
from datawarp.sheets.blob import Blob

Format = Literal["xlsx", "xlsb", "xls", "ods", "spreadsheetml", "sylk", "csv", "zip", "gz"]
HEAD_BYTES = 65536

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RAW_BIFF = re.compile(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08\x10]\x00")
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "a rich-text document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_SAVE_AS = "ask the publisher for a workbook, CSV or ZIP file, or exclude the file with `files:` in the registry"


# What a damaged ZIP file raises, by what of it is damaged.
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)


class NotData(SheetError):
    """The file is sound, but no spreadsheet, CSV file or archive: a document, a picture, a program."""


def content_of(blob: Blob) -> Format:
    """What ``blob`` is; :class:`NotData` or another :class:`SheetError` says why it cannot be read."""
    head = blob.head(HEAD_BYTES)
    if not head:
        raise SheetError("the file is empty (0 bytes)", where=blob.where, hint="download it again")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _package(blob)
    if head.startswith(_OLE) or _RAW_BIFF.match(head):
        return "xls"
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    for signature, what in _OTHERS:
        if head.startswith(signature):
            raise NotData(f"expected a workbook, CSV or archive, found {what}", where=blob.where, hint=_SAVE_AS)
    return _text(blob, head)


def _package(blob: Blob) -> Format:
    """What a ZIP file is: a workbook of one of three kinds, another document, or an archive."""
    with blob.seekable() as file:
        try:
            with zipfile.ZipFile(file) as package:
                names = {info.filename for info in package.infolist()}
                mimetype = package.read("mimetype")[:80].decode("latin-1") if "mimetype" in names else ""
        except DAMAGED_ZIP as problem:
            raise SheetError(
                f"expected a complete ZIP file or workbook, found a damaged or cut-off one ({problem})",
                where=blob.where,
                hint="download it again",
            ) from None
    lower = {name.lower().replace("\\", "/") for name in names}
    if any(name.endswith("workbook.bin") and name.startswith("xl/") for name in lower):
        return "xlsb"
    if any(re.fullmatch(r"(?:[^/]*/)?workbook\d*\.xml", name) for name in lower) and "[content_types].xml" in lower:
        return "xlsx"
    if "opendocument.spreadsheet" in mimetype or (not mimetype and {"content.xml", "meta-inf/manifest.xml"} <= lower):
        return "ods"
    if mimetype.startswith("application/") or "[content_types].xml" in lower:
        what = mimetype or (
            "a Word document" if any(n.startswith("word/") for n in lower) else "another Office document"
        )
        raise NotData(f"expected a workbook, CSV or archive, found {what}", where=blob.where, hint=_SAVE_AS)
    return "zip"


def _text(blob: Blob, head: bytes) -> Format:
    """What a file is that has no signature: text of some kind, or unknown bytes."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        start = head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
        if _is_binary(head):
            raise NotData(
                f"expected a workbook, CSV or archive, found unknown binary bytes (they begin {head[:8].hex(' ')})",
                where=blob.where,
                hint=_SAVE_AS,
            )
    text = start.lstrip()
    lower = text[:4096].lower()
    if re.match(r"ID;P[^\r\n]*[\r\n]+(?:P;|F;|O;|B;|C;|NN;)", text):
        return "sylk"
    if lower.startswith(("<?xml", "<workbook")):
        if "urn:schemas-microsoft-com:office:spreadsheet" in lower:
            return "spreadsheetml"
        if "<html" not in lower:
            raise NotData("expected a workbook, CSV or archive, found an XML document", where=blob.where, hint=_SAVE_AS)
    if lower.startswith(("<!doctype html", "<html", "<head", "<table", "<body", "<meta", "<?xml", "<!--", "<div")):
        raise NotData(
            "expected a workbook, CSV or archive, found a web page (HTML)",
            where=blob.where,
            hint="open the address in a browser: the publisher may ask for consent or have moved the file",
        )
    if re.match(r"[\[{]\s*[\"{\[]", text) and text.rstrip()[-1:] in "}]":
        raise NotData("expected a workbook, CSV or archive, found JSON", where=blob.where, hint=_SAVE_AS)
    return "csv"


def _is_binary(head: bytes) -> bool:
    """Whether bytes are no text: control characters, unless every second byte is NUL (UTF-16 without a mark)."""
    sample = head[:8192]
    nul = sample.count(0)
    if nul > len(sample) // 4 and (sample[0::2].count(0) == 0 or sample[1::2].count(0) == 0):
        return False
    controls = len(sample) - len(
        sample.translate(None, bytes(b for b in range(32) if b not in b"\t\n\r\x0b\x0c\x1a\x00"))
    )
    return controls + nul > max(2, len(sample) // 50)
