"""Models of the manifest: the record of what tables a unit's files hold and what they mean.

The format is the contract's (docs/reference/manifest.md). Row numbers are 1-based sheet rows; for CSV
they are 1-based records as a spreadsheet would number them. Column letters are those of a sheet.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ColumnType = Literal["integer", "numeric", "text", "date", "timestamp", "boolean"]
SourceKind = Literal["data", "notes", "empty", "chart", "form"]
State = Literal["draft", "enriched", "loaded", "exported", "archived", "deprecated"]


class ManifestModel(BaseModel):
    """Base of all manifest models: unknown keys are errors, so that a typing slip is noticed."""

    model_config = ConfigDict(extra="forbid")


class WidePeriods(ManifestModel):
    """The columns of a table that are consecutive periods."""

    columns: list[str] = Field(description="Letters of the period columns.")
    unpivoted: bool = Field(default=True, description="Whether the table is stored long.")


class Excluded(ManifestModel):
    """Rows (inclusive) that belong to no table, and why."""

    rows: tuple[int, int]
    reason: str


class RowAccount(ManifestModel):
    """Where every row of the sheet went, as this table sees it.

    ``sheet_rows = header + body + blank + footnotes + excluded + other_tables``; ``body`` counts the
    rows loaded, ``other_tables`` the rows used by other tables of the sheet alone.
    """

    sheet_rows: int
    header: int
    body: int
    blank: int
    footnotes: int
    excluded: int
    other_tables: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.sheet_rows == (
            self.header + self.body + self.blank + self.footnotes + self.excluded + self.other_tables
        )


class Layout(ManifestModel):
    """Where a table lies on its sheet, and the evidence for it in a statistician's words."""

    header_rows: tuple[int, int] | None
    data_rows: tuple[int, int] | None
    columns: tuple[str, str] | None
    n_rows: int = Field(description="Body rows with any value.")
    n_columns: int = Field(description="Columns with a header or any value.")
    footnote_rows: tuple[int, int] | None = None
    wide_periods: WidePeriods | None = None
    title: str | None = Field(default=None, description="The table's printed title.")
    heading: list[str] = Field(default=[], description="The lines printed above the table, top down.")
    excluded: list[Excluded] = []
    account: RowAccount | None = None
    evidence: list[str] = []


class Column(ManifestModel):
    """One column of a table.

    ``name`` is physical and comes from the header alone. ``type`` ``numeric`` is a double. ``markers``
    counts the printed texts that are not numbers, kept in ``<name>_marker``.
    """

    column: str
    original_name: str
    name: str
    type: ColumnType
    markers: dict[str, int] = {}
    unit: str | None = None
    period: str | None = Field(default=None, description="Canonical period of a wide period column.")
    period_label: str | None = Field(default=None, description="Its header as printed.")
    samples: list[str] = Field(default=[], description="The first distinct values of a text column.")
    semantic_name: str | None = None
    description: str | None = None
    is_dimension: bool | None = None
    is_measure: bool | None = None
    query_keywords: list[str] | None = None


class FileEntry(ManifestModel):
    """One table in one file: ``id`` is ``<sha256[:12]>:<member!sheet>#<nth table on the sheet>``."""

    id: str
    url: str
    filename: str
    sha256: str
    member: str | None = None
    sheet: str | None = None
    hidden: bool = False
    reader: str | None = Field(default=None, description="Which reader read the file.")
    mode: Literal["replace", "append"] = "replace"
    layout: Layout | None = None
    columns: list[Column] = []


class SourceMetadata(ManifestModel):
    """What a source's rows are."""

    record_type: str | None = None
    granularity: str | None = None
    measures: list[str] = []
    dimensions: list[str] = []
    tags: list[str] = []


class Enrichment(ManifestModel):
    """How a source's meaning was found."""

    method: Literal["reference", "llm", "rules", "person"]
    layers: list[str] = []
    agreement: float | None = None
    confidence: float | None = None
    needs_review: bool = False
    reasons: list[str] = []


class Source(ManifestModel):
    """One table's identity: several file entries may feed it (the same table in two files' parts)."""

    code: str
    name: str
    table: str
    enabled: bool = True
    kind: SourceKind = "data"
    reason: str | None = Field(default=None, description="Why it is disabled.")
    files: list[FileEntry]
    description: str | None = None
    metadata: SourceMetadata | None = None
    enrichment: Enrichment | None = None


class ManifestHead(ManifestModel):
    """The unit that a manifest is of, and its state."""

    name: str
    publication: str
    period: str
    period_start: date
    period_end: date
    state: State = "draft"
    source_url: str
    publication_context: dict[str, Any] = {}


class Manifest(ManifestModel):
    """A draft or enriched manifest."""

    manifest: ManifestHead
    sources: list[Source]

    @property
    def enabled(self) -> list[Source]:
        """The sources that are loaded."""
        return [s for s in self.sources if s.enabled]
