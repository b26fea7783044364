"""How a text file is written: encoding, delimiter and quotes, judged from its first part."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from datawarp.sheets.notation import Decimal, decimal_of_file

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 1 << 18

_TYPED = re.compile(
    r"""\s* (?: [-+£$€]?\d[\d,]*\.?\d*%? | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.* | [\w&'()./+*\[\]%#£: -]{1,80} )? \s*""",
    re.X,
)


@dataclass(frozen=True)
class Dialect:
    """Encoding (a Python codec), delimiter, whether quotes mean anything, and how figures are written."""

    encoding: str
    delimiter: str
    quoting: bool = True
    decimal: Decimal = "."


def encoding_of(sample: bytes, rest_is_utf8: bool = True) -> str:
    """The codec of a text: by its byte order mark, as UTF-8, as UTF-16 by its NULs, else Windows-1252.

    ``rest_is_utf8`` says whether what lies beyond the sample reads as UTF-8.
    """
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if rest_is_utf8 and _is_utf8(sample) else "cp1252"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nul = sample.count(0)
    if nul > len(sample) // 4:
        return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"
    if rest_is_utf8 and _is_utf8(sample):
        return "utf-8"
    # Bytes that Windows-1252 does not define make a text Latin-1, in which every byte means something.
    return "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample) else "cp1252"


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def delimiter_of(text: str) -> str:
    """The delimiter under which the lines of ``text`` agree best on their number of fields.

    Preambles and notes around a table vote too, but a delimiter that splits most lines into one and the
    same number of cells, each a plain value, beats one that splits prose.
    """
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        score = _agreement(text, delimiter)
        if score > best_score + 1e-9:
            best, best_score = delimiter, score
    return best


def _agreement(text: str, delimiter: str) -> float:
    others = "".join(d for d in DELIMITERS if d not in (delimiter, ","))
    widths: Counter[int] = Counter()
    plain = cells = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if not any(row):
                continue
            widths[len(row)] += 1
            if len(row) > 1 and cells < 20_000:
                cells += len(row)
                plain += sum(_TYPED.fullmatch(c[:200]) is not None and not any(o in c for o in others) for c in row)
    except csv.Error:
        return 0.0
    split = {width: n for width, n in widths.items() if width > 1}
    if not split:
        return 0.0
    width, n = max(split.items(), key=lambda item: (item[1], item[0]))
    near = sum(m for w, m in split.items() if abs(w - width) <= max(1, width // 10))
    return ((n + near) / 2 / sum(widths.values())) * (plain / cells) * (1 - 1 / (width + 1))


def quotes_are_sound(text: str, delimiter: str) -> bool:
    """Whether double quotes enclose fields; stray ones (``5" pipe``) would join lines that are separate."""
    if '"' not in text:
        return True
    try:
        longest = max(
            (c.count("\n") for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for c in row),
            default=0,
        )
    except csv.Error:
        return False
    return longest <= 200


def dialect_of(sample: bytes, complete: bool, rest_is_utf8: bool = True) -> Dialect:
    """The dialect of a text file by its first bytes; ``complete`` when they are all of it."""
    encoding = encoding_of(sample, rest_is_utf8)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    if not complete and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    declared = re.match(r"sep=(.)\r?\n", text, re.I)
    delimiter = declared[1] if declared else delimiter_of(text)
    return Dialect(encoding, delimiter, quotes_are_sound(text, delimiter), _decimal(text, delimiter))


def _decimal(text: str, delimiter: str) -> Decimal:
    """How the sample of a text file writes figures; most files have no cell that could say other than points."""
    if re.search(r"\d,\d" if delimiter != "," else r'"[-+−]?\d+,\d|\d\.\d{3}\.\d{3}', text) is None and (
        delimiter != ";" or re.search(r"\d\.\d{3}(?!\d)", text) is None
    ):
        return "."
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return "."
    return decimal_of_file((cell for row in rows for cell in row if "," in cell or "." in cell), delimiter)
