"""What people read: the names of sources and the sentences that describe them, by rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote

from datawarp.enrich import titles, words
from datawarp.enrich.dictionary import Dictionary
from datawarp.enrich.features import TableFeatures
from datawarp.enrich.labels import speaks
from datawarp.manifest.models import Column, Source

_LONGEST_NAME = 200
_SEPARATOR = re.compile(r"(\s*[,;]\s+|\s+[-\u2013\u2014]\s+|\s*:\s+)")
_HANGING = re.compile(
    r"(?i)(?:[\s,;:(\u2013\u2014-]|\b(?:in|for|at|as at|as of|to|from|and|between|during|of|on|the|week|weeks|ending|"
    r"month|quarter|year|period)\b)+$"
)
_FILE_TYPE = re.compile(r"(?i)\.(?:xlsx|xlsm|xlsb|xls|ods|csv|tsv|txt|zip|gz)$")
_PART_OF_A_NAME = re.compile(r"_(?:code|name|identifier|id|number|ods|ons)$")
_SAY_NOTHING = frozenset(["publication", "extract_date", "data_source", "status", "notes", "note"])
_MOST_LISTED = 5


def without_period(title: str) -> str:
    """A printed title without its number, footnote marks and the period it is about.

    ``Table 4a: Number waiting, April 2024 [1]`` → ``Number waiting``. A year that is part of what is said stays:
    ``index, 2019 = 100``.
    """
    text = words.split_number(words.FOOTNOTE.sub(" ", title))[1]
    pieces = _SEPARATOR.split(" ".join(text.split()))
    kept = pieces[:1] if _says(pieces[0]) else [""]
    for separator, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if _says(piece):
            kept += [separator if any(kept) else "", piece]
    return _cut_end("".join(kept)).strip(" ,;:.-\u2013\u2014")


def _says(piece: str) -> bool:
    """Whether a piece of a title is more than a period."""
    return bool(_HANGING.sub("", words.timeless(piece)).strip(" .()'"))


def _cut_end(text: str) -> str:
    while True:
        times = list(words.TIMES.finditer(text.lower()))
        last = times[-1] if times else None
        if last is None or text[last.end() :].strip(" ).'") or last.start() == 0:
            return text
        cut = _HANGING.sub("", text[: last.start()])
        if not cut:
            return text
        text = cut


def display_names(tables: Sequence[TableFeatures], publication_name: str, dictionary: Dictionary) -> list[str]:
    """A name for each table of a release that says what it holds, in no release differently.

    The printed title without its period; where others have it too, also sheet or caption; without any title the
    sheet or file in words. The only table of a release without a title is called like its publication.
    """
    printed = [sentence_case(without_period(titles.title_of(t.entry)), dictionary) for t in tables]
    shared = Counter(t.lower() for t in printed)
    files = Counter(t.entry.filename for t in tables)
    names = []
    for table, title in zip(tables, printed, strict=True):
        place = _place(table, dictionary, len(files) > 1)
        if not title and len(tables) == 1:
            name = publication_name or place
        elif title and shared[title.lower()] == 1:
            name = title
        else:
            caption = sentence_case(without_period(titles.caption_of(table.entry)), dictionary)
            more = [place, *([caption] if caption.lower() != title.lower() else [])]
            name = " \u2013 ".join(dict.fromkeys(part for part in (title, *more) if part))
        name = name or publication_name or table.where
        names.append((name[:1].upper() + name[1:])[:_LONGEST_NAME])
    return names


def _place(table: TableFeatures, dictionary: Dictionary, several_files: bool) -> str:
    """Sheet, or else file, as words: ``12m_UTLA_GOR`` → ``12m UTLA GOR``."""
    sheet = " ".join((table.entry.sheet or "").replace("_", " ").split())
    file = _FILE_TYPE.sub("", unquote(table.entry.filename.rpartition("/")[2])).replace("_", " ")
    plain = words.timeless_name(table.entry.filename)
    as_printed = {w.lower(): w for w in re.findall(r"[A-Za-z0-9]+", file) if w.isupper()}
    worded = " ".join(as_printed.get(w, w.upper() if w in dictionary.terms else w) for w in plain.split())
    if not sheet:
        return worded
    own = sentence_case(_cut_end(sheet).strip() if table.sheet else sheet, dictionary)
    return own if speaks(table.sheet or ()) or not several_files else f"{worded} {own}".strip()


def description(source: Source, publication_name: str, dictionary: Dictionary) -> str:
    """What the source is, whose, of what, and what stands in it."""
    first = [dictionary.spelled_out_text(source.name.rstrip("."))]
    if publication_name and publication_name.lower() not in first[0].lower():
        first.append(f"from {publication_name}")
    metadata = source.metadata
    if metadata and metadata.granularity:
        first.append(f"by {metadata.granularity}")
    text = ", ".join(first) + "."
    columns = {c.name: c for e in source.files for c in e.columns if c.period is None}
    rows = _listed([_subject(c) for c in columns.values() if c.is_dimension and c.name not in _SAY_NOTHING])
    figures = _listed([_printed(c) for c in columns.values() if c.is_measure])
    text += f" Rows by {rows}." if rows else ""
    text += f" Figures: {figures}." if figures else ""
    if metadata and "reported_period" in metadata.dimensions:
        text += " One figure for each period that the sheet has a column for."
    return text


def _subject(column: Column) -> str:
    """What a column tells rows apart by: ``provider_code`` and ``provider_name`` are both the provider."""
    name = column.semantic_name or column.name
    return _PART_OF_A_NAME.sub("", name).replace("_", " ") if not name.startswith("column_") else ""


def _printed(column: Column) -> str:
    text = words.FOOTNOTE.sub(" ", column.original_name).replace(" | ", ", ").replace("_", " ")
    text = " ".join(text.split()).strip(" ,.")
    return lower_case(text)


def lower_case(text: str) -> str:
    """A header printed in capitals alone as a sentence; short ones may be abbreviations."""
    return text.lower() if text.isupper() and len(text) > 4 else text


def sentence_case(text: str, dictionary: Dictionary) -> str:
    """A title printed in capitals as a sentence; abbreviations of the dictionary stay as they are."""
    if not text.isupper() or len(text.split()) < 2:
        return text
    lower = re.sub(
        r"[A-Za-z]+", lambda m: m[0] if m[0].lower() in dictionary.terms and m[0] != "AT" else m[0].lower(), text
    )
    lower = re.sub(r"\b(part|section|annex) ([a-z])\b", lambda m: f"{m[1]} {m[2].upper()}", lower)
    return lower[:1].upper() + lower[1:]


def _listed(items: Sequence[str]) -> str:
    found = [i for i in dict.fromkeys(items) if i]
    if len(found) > _MOST_LISTED:
        return ", ".join(found[: _MOST_LISTED - 1]) + f" and {len(found) - _MOST_LISTED + 1} more"
    return " and ".join(part for part in (", ".join(found[:-1]), *found[-1:]) if part)
