"""What persons have decided about a unit: which source a table is, and what tables and columns mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datawarp.enrich.features import TableFeatures
    from datawarp.manifest.models import Source

TableKey = tuple[str, str, int]

# The fields of a source and of its columns that a person, or a model, may fill.
SOURCE_FIELDS = ("name", "description", "record_type", "granularity")
COLUMN_FIELDS = ("semantic_name", "description", "is_dimension", "is_measure", "query_keywords")


def table_key(table: TableFeatures) -> TableKey:
    """A table of a release, however often the release is revised: file words, sheet, nth table."""
    return (" ".join(table.file), table.entry.sheet or "", table.nth)


@dataclass
class Decisions:
    """What was decided: of tables, and of words.

    ``matches`` maps tables to a source's code, which is one of their own where they are kept apart; ``refused`` are
    tables and sources that are not the same, ``asked`` those about which a later release asks; ``meanings`` maps
    source, column and field to values.
    """

    matches: dict[TableKey, str] = field(default_factory=dict)
    refused: set[tuple[TableKey, str]] = field(default_factory=set)
    asked: set[tuple[TableKey, str]] = field(default_factory=set)
    meanings: dict[tuple[str, str | None, str], Any] = field(default_factory=dict)

    def code(self, key: TableKey) -> str | None:
        """The source that a person gave the table to."""
        return self.matches.get(key)

    def apply(self, source: Source) -> None:
        """Write a person's words into ``source``."""
        for (code, column, name), value in self.meanings.items():
            if code != source.code:
                continue
            if column is None:
                set_source_field(source, name, value)
            else:
                for target in (c for e in source.files for c in e.columns if c.name == column):
                    setattr(target, name, value)
            if source.enrichment and "described by a person" not in source.enrichment.reasons:
                source.enrichment.reasons.append("described by a person")


def set_source_field(source: Source, name: str, value: Any) -> None:
    """Set one of :data:`SOURCE_FIELDS`."""
    if name in ("name", "description"):
        setattr(source, name, value)
    elif source.metadata is not None:
        setattr(source.metadata, name, value)
