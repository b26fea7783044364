"""How a text file is written: encoding, delimiter and quotes, judged from its first part."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from datawarp.sheets.encodings import ODD_BYTES, encoding_of
from datawarp.sheets.notation import Decimal, decimal_of_file

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 1 << 18

_TYPED = re.compile(
    r"""\s* (?: [-+£$€]?\d[\d,]*\.?\d*%? | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.* | [\w&'()./+*\[\]%#£: -]{1,80} )? \s*""",
    re.X,
)


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: ``odd`` bytes of it are not of its encoding (a Python codec) and read as
    Windows-1252, ``quoting`` says whether quotes mean anything, ``decimal`` how figures are written.

    ``quote`` encloses cells; ``blanks`` says that blanks stand before it, ``escapes`` that a backslash stands
    before quotes within.
    """

    encoding: str
    delimiter: str
    quoting: bool = True
    decimal: Decimal = "."
    odd: int = 0
    quote: str = '"'
    blanks: bool = False
    escapes: bool = False

    @property
    def usual(self) -> bool:
        """Whether cells are quoted as RFC 4180 says."""
        return self.quote == '"' and not self.blanks and not self.escapes

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The records in ``lines`` (line ends kept); raises :class:`csv.Error` for those that cannot be."""
        if not self.quoting:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            skipinitialspace=self.blanks,
            escapechar="\\" if self.escapes else None,
            doublequote=not self.escapes,
        )

    def decode(self, data: bytes) -> str:
        """All of a text."""
        return data.decode(self.encoding, self.errors)

    @property
    def errors(self) -> str:
        """What happens to bytes that are not of the encoding, as Python's codecs call it."""
        return "replace" if self.encoding.startswith("utf-16") else ODD_BYTES


def delimiter_of(text: str) -> str:
    """The delimiter under which the lines of ``text`` agree best on their number of fields.

    Preambles and notes around a table vote too, but a delimiter that splits most lines into one and the
    same number of cells, each a plain value, beats one that splits prose. Tabs hardly ever stand inside
    cells; commas between them do.
    """
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        score = _agreement(text, delimiter)
        if score > best_score + 1e-9:
            best, best_score = delimiter, score
    return best


def _is_plain(cell: str, delimiter: str) -> bool:
    return _TYPED.fullmatch(cell.replace(",", " ") if delimiter == "\t" else cell) is not None


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
                plain += sum(_is_plain(c[:200], delimiter) and not any(o in c for o in others) for c in row)
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


def dialect_of(sample: bytes, complete: bool, encoding: tuple[str, int] | None = None) -> Dialect:
    """The dialect of a text file by its first bytes; ``complete`` when they are all of it.

    ``encoding`` is what :func:`~datawarp.sheets.encodings.encoding_of` says of the whole, when that is known.
    """
    codec, odd = encoding or encoding_of(sample, complete)
    text = codecs.getincrementaldecoder(codec)("replace" if codec.startswith("utf-16") else ODD_BYTES).decode(sample)
    if not complete and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    declared = re.match(r"sep=(.)\r?\n", text, re.I)
    delimiter = declared[1] if declared else delimiter_of(text)
    plain = Dialect(codec, delimiter, quotes_are_sound(text, delimiter), _decimal(text, delimiter), odd)
    return _quoted_otherwise(text, plain)


def _quoted_otherwise(text: str, plain: Dialect) -> Dialect:
    """The way of quoting under which the records of ``text`` are most even: as usual unless another is better."""
    mark = re.escape(plain.delimiter)
    others = []
    if re.search(rf'{mark} +"', text):
        others.append(replace(plain, quoting=True, blanks=True))
    if '\\"' in text:
        others.append(replace(plain, quoting=True, escapes=True))
    if re.search(rf"(?:^|{mark})'[^'\n]*{mark}[^'\n]*'(?:\r?$|{mark})", text, re.M):
        others.append(replace(plain, quoting=True, quote="'"))
    return max([plain, *others], key=lambda d: (_evenness(text, d), d is plain)) if others else plain


def _evenness(text: str, dialect: Dialect) -> float:
    """The share of records that have the commonest number of fields."""
    try:
        widths = Counter(len(record) for record in dialect.reader(io.StringIO(text, newline="")) if record)
    except csv.Error:
        return 0.0
    return max(widths.values(), default=0) / max(1, widths.total())


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
