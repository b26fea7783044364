"""Physical column names, printed headers and units, all from the header alone.

A name is the header in snake case with footnote marks dropped, tiers joined, unique within its table,
short enough for PostgreSQL with room for ``_marker``, and never a reserved word. The same header gives the same
name wherever it stands, so that a new column elsewhere renames nothing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

NAME_BYTES = 56  # 63, less the seven of _marker
JOIN = " | "

# Columns of a table that is stored long.
LONG = ("reported_period", "value", "value_marker")
# Reserved words of PostgreSQL (appendix C of its manual: reserved, and reserved for functions or types), its system
# columns, and the column that readers of Parquet make of the folders' name.
RESERVED = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary", "both",
    "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create", "cross",
    "current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
    "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch",
    "for", "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner",
    "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer", "overlaps",
    "placing", "primary", "references", "returning", "right", "select", "session_user", "similar", "some",
    "symmetric", "system_user", "table", "tablesample", "then", "to", "trailing", "true", "union", "unique", "user",
    "using", "variadic", "verbose", "when", "where", "window", "with", "ctid", "oid", "tableoid", "xmin", "xmax",
    "cmin", "cmax", "period",
})  # fmt: skip
_BRACKETED = re.compile(
    r"\s*\[\s*(?:notes?\s*)?[\w\s,.;&]{1,14}\]|\s*\((?:see\s+)?(?:notes?\s*[\d,;&\s]+|\d{1,2}(?:\s*[,&;]\s*\d{1,2})*)\)",
    re.I,
)
_SUPERSCRIPT = re.compile(r"[\u00b9\u00b2\u00b3\u2070-\u2079*†‡§¹²³]+")
_FUSED = re.compile(r"(?<=[a-z])(?:\d{1,2})(?:\s*,\s*\d{1,2})+$")
_WORDS = (
    ("%", " percent "), ("£", " pounds "), ("€", " euros "), (">=", " at_least "), ("<=", " at_most "),
    ("≥", " at_least "),
    ("≤", " at_most "), (">", " over "), ("<", " under "), ("+", " plus "), ("&", " and "), ("@", " at "),
)  # fmt: skip
_UNITS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), unit)
    for pattern, unit in (
        (r"%|\bper\s?cent(?:age)?\b|\bpercentage\b", "percent"),
        (r"£\s?(?:m\b|mn\b|million)", "£ million"),
        (r"£\s?(?:bn\b|billion)", "£ billion"),
        (r"£\s?(?:000|'000|k\b|thousand)", "£ thousand"),
        (r"£|\bpounds\b|\bgbp\b", "£"),
        (r"€", "€"),
        (r"\bper\s+(100,?000|10,?000|1,?000|million)\b", "per {}"),
        (r"\bthousands?\b|'000s?\b|\(000s?\)", "thousand"),
        (r"\bmillions?\b", "million"),
        (r"\bindex\b", "index"),
    )
)


def printed_header(parts: Iterable[str]) -> str:
    """The header as printed, its tiers joined."""
    return JOIN.join(parts)


def unit_of(header: str) -> str | None:
    """The unit that a header names: percent, £, £ million, per 100,000, thousand; None when it names none."""
    for pattern, unit in _UNITS:
        if match := pattern.search(header):
            return unit.format(match[1].replace(",", "")) if "{}" in unit else unit
    return None


@lru_cache(maxsize=16384)
def without_marks(header: str) -> str:
    """A header without footnote marks: ``Submissions [7]``, ``CODE (1)``, ``Persons ²``, ``England*``."""
    text = _SUPERSCRIPT.sub("", _BRACKETED.sub("", header))
    return " ".join(_FUSED.sub("", text).split()) or header


@lru_cache(maxsize=16384)
def snake(text: str) -> str:
    """A text in snake case: ASCII letters, digits and single underscores."""
    text = unicodedata.normalize("NFKD", text.replace("–", "-").replace("—", "-"))
    for sign, word in _WORDS:
        text = text.replace(sign, word)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"(?<![\d-])(\d{1,3})\s*-\s*(?=\d{1,3}(?!\d|\s*-))", r"\1 to ", text)
    text = text.replace("'", "").encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", text)
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", text.lower())).strip("_")


def _short(name: str) -> str:
    """A long name cut at a word and closed with a hash of the whole, so that it stays its own."""
    if len(name) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: NAME_BYTES - 7].rstrip('_')}_{digest}"


def physical_name(parts: list[str], letters: str) -> str:
    """The name of one column from its tiers; a column without a header is ``column_<letters>``."""
    words: list[str] = []
    for part in parts:
        name = snake(without_marks(part))
        if name and name not in words:
            words.append(name)
    name = "_".join(words) or f"column_{letters.lower()}"
    if name[0].isdigit():
        name = f"n_{name}"
    name = _short(name)
    if name.endswith("_marker"):
        name = f"{name.removesuffix('_marker')}_text"
    return f"{name}_" if name in RESERVED else name


def unique_names(headers: list[tuple[list[str], str]], taken: Iterable[str] = ()) -> list[str]:
    """Names of a table's columns other than ``taken``; the second of one header ends in ``_2``."""
    names: list[str] = []
    taken = set(taken)
    for parts, letters in headers:
        name = physical_name(parts, letters)
        candidate, n = name, 1
        while candidate in taken:
            n += 1
            candidate = f"{name[: NAME_BYTES - len(str(n)) - 1]}_{n}"
        taken.add(candidate)
        names.append(candidate)
    return names
