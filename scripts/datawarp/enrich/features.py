"""What identifies a table from release to release: its labels and its structure.

Features come from a manifest alone, a draft or an enriched one, so that earlier periods are compared
long after their files are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from datawarp.enrich import titles, words
from datawarp.manifest.models import Column, FileEntry, Manifest, Source


@dataclass(frozen=True)
class ColumnFeature:
    """One column for comparison: its header without dates, type, unit, first values."""

    header: str
    type: str
    unit: str | None
    samples: frozenset[str]


@dataclass(frozen=True)
class TableFeatures:
    """One table of one release. ``source`` is its code there, ``position`` its place in the manifest."""

    source: str
    position: int
    entry: FileEntry

    @cached_property
    def file(self) -> tuple[str, ...]:
        """Words of the file's name, and of the member's inside an archive."""
        names = [self.entry.filename.rpartition("/")[2], (self.entry.member or "").rpartition("/")[2]]
        return tuple(w for name in names for w in words.tokens(words.timeless_name(name)))

    @cached_property
    def sheet(self) -> tuple[str, ...] | None:
        """Words of the sheet's name; ``None`` for a file that has no sheets."""
        return None if self.entry.sheet is None else tuple(words.tokens(words.timeless_name(self.entry.sheet)))

    @property
    def nth(self) -> int:
        """Which table of its sheet this is, from 1."""
        number = self.entry.id.rpartition("#")[2]
        return int(number) if number.isdigit() else 1

    @cached_property
    def title(self) -> tuple[str, ...]:
        """Words of the printed title without its number (``Table 4a:``)."""
        return _title_words(titles.title_of(self.entry))

    @cached_property
    def caption(self) -> tuple[str, ...]:
        """Words of the line nearest above the table; those of the title where there is one line only."""
        return _title_words(titles.caption_of(self.entry))

    @cached_property
    def heading(self) -> tuple[str, ...]:
        """Words of title and caption together."""
        return self.title + tuple(w for w in self.caption if w not in self.title)

    @cached_property
    def labels(self) -> tuple[object, ...]:
        """All that names the table: equal labels in two releases mean the same place under the same words."""
        return (self.heading, self.sheet, self.file, self.nth)

    @cached_property
    def wide(self) -> bool:
        """Whether the table's periods lie in columns and are stored long."""
        periods = self.entry.layout.wide_periods if self.entry.layout else None
        return periods is not None and periods.unpivoted

    @cached_property
    def columns(self) -> tuple[ColumnFeature, ...]:
        """The columns that do not stand for a period, in order; repeated headers are numbered."""
        letters = set()
        if self.entry.layout and self.entry.layout.wide_periods:
            letters = set(self.entry.layout.wide_periods.columns)
        found, seen = [], dict[str, int]()
        for column in self.entry.columns:
            if column.column in letters:
                continue
            header = header_key(column)
            seen[header] = seen.get(header, 0) + 1
            numbered = header if seen[header] == 1 else f"{header} {seen[header]}"
            found.append(ColumnFeature(numbered, column.type, column.unit, frozenset(column.samples)))
        return tuple(found)

    @property
    def n_rows(self) -> int:
        """Body rows."""
        return self.entry.layout.n_rows if self.entry.layout else 0

    @property
    def where(self) -> str:
        """The table as a person would point at it."""
        place = f"sheet {self.entry.sheet!r}" if self.entry.sheet else f"file {self.entry.filename!r}"
        return place if self.nth == 1 else f"{place}, table {self.nth}"


def _title_words(printed: str) -> tuple[str, ...]:
    return tuple(words.significant(words.unmarked(words.timeless(words.split_number(printed)[1]))))


def header_key(column: Column) -> str:
    """A column's header for comparison: lower case, no dates, no footnote marks, no punctuation."""
    return _header_key(column.original_name) or column.type


@lru_cache(maxsize=8192)
def _header_key(printed: str) -> str:
    return " ".join(words.tokens(words.timeless(printed)))


def tables(manifest: Manifest) -> list[TableFeatures]:
    """The features of every table that ``manifest`` loads."""
    return list(_tables(manifest.enabled))


def _tables(sources: list[Source]) -> Iterator[TableFeatures]:
    position = 0
    for source in sources:
        for entry in source.files:
            yield TableFeatures(source.code, position, entry)
            position += 1
