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

    model_config = ConfigDict(extra="forbid", defer_build=True)


class WidePeriods(ManifestModel):
    """The columns of a table that are consecutive periods."""

    columns: list[str] = Field(description="Letters of the period columns.")
    unpivoted: bool = Field(default=True, description="Whether the table is stored long.")


class Excluded(ManifestModel):
    """Rows (inclusive) that belong to no table, and why."""

    rows: tuple[int, int] = Field(description="First and last row.")
    reason: str = Field(description="Why they belong to no table.")


class RowAccount(ManifestModel):
    """Where every row of the sheet went, as this table sees it.

    ``sheet_rows = header + body + blank + footnotes + excluded + other_tables``; ``body`` counts the
    rows loaded, ``other_tables`` the rows used by other tables of the sheet alone.
    """

    sheet_rows: int = Field(description="Rows of the sheet, up to the last that holds anything.")
    header: int = Field(description="Rows of the header.")
    body: int = Field(description="Rows loaded.")
    blank: int = Field(description="Blank rows.")
    footnotes: int = Field(description="Rows of footnotes.")
    excluded: int = Field(description="Rows that belong to no table, each with a reason.")
    other_tables: int = Field(default=0, description="Rows used by other tables of the sheet alone.")

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.sheet_rows == (
            self.header + self.body + self.blank + self.footnotes + self.excluded + self.other_tables
        )


class Layout(ManifestModel):
    """Where a table lies on its sheet, and the evidence for it in a statistician's words."""

    header_rows: tuple[int, int] | None = Field(
        description="First and last header row; none for a table without a header."
    )
    data_rows: tuple[int, int] | None = Field(description="First and last body row.")
    columns: tuple[str, str] | None = Field(description="Letters of the first and last column.")
    n_rows: int = Field(description="Body rows with any value.")
    n_columns: int = Field(description="Columns with a header or any value.")
    footnote_rows: tuple[int, int] | None = Field(default=None, description="First and last row of its footnotes.")
    wide_periods: WidePeriods | None = Field(
        default=None, description="The run of periods in its columns, if it has one."
    )
    title: str | None = Field(default=None, description="The table's printed title.")
    heading: list[str] = Field(default=[], description="The lines printed above the table, top down.")
    excluded: list[Excluded] = Field(default=[], description="Rows that belong to no table.")
    account: RowAccount | None = Field(default=None, description="Where every row of the sheet went.")
    evidence: list[str] = Field(
        default=[], description="Why this is the header, why the body ends here, what the reader worked around."
    )


class Column(ManifestModel):
    """One column of a table.

    ``name`` is physical and comes from the header alone. ``type`` ``numeric`` is a double. ``markers``
    counts the printed texts that are not numbers, kept in ``<name>_marker``.
    """

    column: str = Field(description="Its letters on the sheet.")
    original_name: str = Field(description="Its header as printed, tiers joined with a bar.")
    name: str = Field(description="Its physical name.")
    type: ColumnType = Field(description="Its type; `numeric` is a double.")
    markers: dict[str, int] = Field(default={}, description="Printed texts that are no value of the type, with counts.")
    unit: str | None = Field(default=None, description="Unit of measure, such as percent or GBP.")
    period: str | None = Field(default=None, description="Canonical period of a wide period column.")
    period_label: str | None = Field(default=None, description="Its header as printed.")
    samples: list[str] = Field(default=[], description="The first distinct values of a text column.")
    semantic_name: str | None = Field(default=None, description="What it means, in a word or two.")
    description: str | None = Field(default=None, description="What it means, in a sentence.")
    is_dimension: bool | None = Field(default=None, description="Whether rows are told apart by it.")
    is_measure: bool | None = Field(default=None, description="Whether it holds figures.")
    query_keywords: list[str] | None = Field(default=None, description="Words that people look for it with.")


class FileEntry(ManifestModel):
    """One table in one file: ``id`` is ``<sha256[:12]>:<member!sheet>#<nth table on the sheet>``."""

    id: str = Field(description="`<sha256[:12]>:<member!sheet>#<nth table on the sheet>`; #0 where there is no table.")
    url: str = Field(description="Where the file was downloaded.")
    filename: str = Field(description="What the publisher calls it.")
    sha256: str = Field(description="Hash of its bytes.")
    member: str | None = Field(default=None, description="Path inside an archive.")
    sheet: str | None = Field(default=None, description="Name of the sheet; none for text files.")
    hidden: bool = Field(default=False, description="Whether the sheet is hidden.")
    reader: str | None = Field(default=None, description="Which reader read the file.")
    mode: Literal["replace", "append"] = Field(
        default="replace", description="Whether it replaces the period's rows or adds to them."
    )
    layout: Layout | None = Field(default=None, description="Where the table lies on the sheet.")
    columns: list[Column] = Field(default=[], description="Its columns, left to right.")


class SourceMetadata(ManifestModel):
    """What a source's rows are."""

    record_type: str | None = Field(default=None, description="What one row is, such as one practice in one month.")
    granularity: str | None = Field(default=None, description="The smallest unit that rows describe.")
    measures: list[str] = Field(default=[], description="Columns that hold figures.")
    dimensions: list[str] = Field(default=[], description="Columns that tell rows apart.")
    tags: list[str] = Field(default=[], description="Words to find it by.")


class Enrichment(ManifestModel):
    """How a source's meaning was found."""

    method: Literal["reference", "llm", "rules", "person"] = Field(description="Who decided.")
    layers: list[str] = Field(default=[], description="The layers that answered.")
    agreement: float | None = Field(default=None, description="Share of the layers that agree.")
    confidence: float | None = Field(default=None, description="How sure the decision is, 0 to 1.")
    needs_review: bool = Field(default=False, description="Whether a person is asked.")
    reasons: list[str] = Field(default=[], description="Why, in words.")


class Source(ManifestModel):
    """One table's identity: several file entries may feed it (the same table in two files' parts)."""

    code: str = Field(description="Its code; canonical after enrichment.")
    name: str = Field(description="Its name for people.")
    table: str = Field(description="Its table in the schema staging.")
    enabled: bool = Field(default=True, description="Whether it is loaded.")
    kind: SourceKind = Field(default="data", description="What the sheet is.")
    reason: str | None = Field(default=None, description="Why it is disabled.")
    files: list[FileEntry] = Field(description="The tables that feed it.")
    description: str | None = Field(default=None, description="What it is about, in a sentence or two.")
    metadata: SourceMetadata | None = Field(default=None, description="What its rows are.")
    enrichment: Enrichment | None = Field(default=None, description="How its meaning was found.")


class ManifestHead(ManifestModel):
    """The unit that a manifest is of, and its state."""

    name: str = Field(description="`<publication>_<period>`.")
    publication: str = Field(description="Code of the publication.")
    period: str = Field(description="Code of the period.")
    period_start: date = Field(description="Its first day.")
    period_end: date = Field(description="Its last day.")
    state: State = Field(default="draft", description="How far the unit is.")
    source_url: str = Field(description="Where the release is published.")
    publication_context: dict[str, Any] = Field(
        default={}, description="Title of the page, and the lines of its notes sheets."
    )


class Manifest(ManifestModel):
    """A draft or enriched manifest."""

    manifest: ManifestHead = Field(description="The unit.")
    sources: list[Source] = Field(description="Every sheet of every file, in order.")

    @property
    def enabled(self) -> list[Source]:
        """The sources that are loaded."""
        return [s for s in self.sources if s.enabled]
