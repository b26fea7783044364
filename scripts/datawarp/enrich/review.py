"""Review: ``manifests/review/<unit>.yaml`` says what is in doubt, and what a person decided.

The file is made to be edited: each item has its question, what will happen on approval (``proposal``), the
evidence, and a ``state``. A person may change ``proposal`` before ``snakemake approve_<unit>``. What is decided is
kept for good in :mod:`datawarp.enrich.decided` and obeyed by every later run; open items are written anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from datawarp.enrich.decisions import COLUMN_FIELDS, SOURCE_FIELDS, TableKey, table_key
from datawarp.errors import EnrichError
from datawarp.files import write_bytes
from datawarp.quick_yaml import load_yaml

if TYPE_CHECKING:
    from datawarp.enrich.features import TableFeatures
    from datawarp.enrich.matching import Match

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

State = Literal["open", "approved", "rejected"]


class ReviewModel(BaseModel):
    """Base of the models of a review file: a slip of the pen is noticed."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class TablePlace(ReviewModel):
    """A table of the release: words of its file's name, its sheet, which table of the sheet."""

    file: str
    sheet: str
    nth: int

    @property
    def key(self) -> TableKey:
        """As decisions name it."""
        return (self.file, self.sheet, self.nth)


class Continued(ReviewModel):
    """A table of an earlier release that the one in question perhaps continues."""

    unit: str
    source: str
    table: TablePlace


class ReviewItem(ReviewModel):
    """One question.

    ``kind`` is match (is this table the source ``proposal``?) or meaning (is ``proposal`` the right ``field`` of the
    source, or of its ``column``?).
    """

    kind: Literal["match", "meaning"]
    state: State = "open"
    question: str
    source: str = Field(description="The source as it is loaded now.")
    table: TablePlace | None = None
    continues: Continued | None = Field(default=None, description="The table that a match is about.")
    file_id: str | None = None
    column: str | None = None
    field: str | None = None
    proposal: Any = Field(description="What approval does; change it before approving if you know better.")
    alternatives: dict[str, Any] = Field(default={}, description="What else it could be; every layer's answer.")
    evidence: list[str] = []
    confidence: float | None = None
    decided_by: str | None = None
    decided_at: str | None = None
    note: str | None = None

    @property
    def subject(self) -> tuple[Any, ...]:
        """What is asked about; the same in every run."""
        return (self.kind, self.table.key if self.table else self.source, self.column, self.field)


class Review(ReviewModel):
    """All questions about a unit."""

    unit: str
    publication: str
    period: str
    news: list[str] = Field(default=[], description="What was split, merged or has vanished, in words.")
    items: list[ReviewItem] = []

    def open(self, kind: str | None = None) -> list[ReviewItem]:
        """The items that nobody has decided."""
        return [i for i in self.items if i.state == "open" and kind in (None, i.kind)]

    @property
    def marked(self) -> list[ReviewItem]:
        """The items that a person has marked in the file, and no command has carried out."""
        return [i for i in self.items if i.state != "open" and i.decided_by is None]


def read_review(path: Path) -> Review | None:
    """The review in ``path``, ``None`` when there is none; raises :class:`EnrichError` naming what is wrong."""
    try:
        document = load_yaml(path.read_bytes())
    except FileNotFoundError:
        return None
    except yaml.YAMLError as problem:
        raise EnrichError(f"not valid YAML: {problem}", where=str(path), hint="correct the file") from None
    try:
        review = Review.model_validate(document)
    except ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:10]]
        raise EnrichError("not a review: " + "; ".join(lines), where=str(path), hint="correct the file") from None
    check_fields(review.items, str(path))
    return review


def check_fields(items: Iterable[ReviewItem], where: str) -> None:
    """Raise :class:`EnrichError` for an item about a field that nobody can describe."""
    for item in items:
        names = SOURCE_FIELDS if item.column is None else COLUMN_FIELDS
        if item.kind == "meaning" and item.field not in names:
            raise EnrichError(
                f"{item.field!r} is no field that can be described", where=where, hint=f"one of {', '.join(names)}"
            )


def write_review(path: Path, review: Review) -> None:
    """Write ``review``; a review without items and news is removed."""
    if not review.items and not review.news:
        path.unlink(missing_ok=True)
        return
    document = review.model_dump(mode="json", exclude_none=True)
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    write_bytes(path, text.encode("utf-8"))


def renewed(old: Review | None, new: Review, decided: Iterable[ReviewItem] = ()) -> Review:
    """``new`` with the ``decided`` items, and those that a person marked in ``old``, which are asked no more."""
    decided = list({i.subject: i for i in (*decided, *(old.marked if old else ()))}.values())
    subjects = {i.subject for i in decided}
    return new.model_copy(update={"items": [*decided, *(i for i in new.items if i.subject not in subjects)]})


def match_items(doubts: Iterable[tuple[str, Match]]) -> list[ReviewItem]:
    """A question for each table that perhaps continues a source."""
    items = []
    for code, match in doubts:
        if match.reference is None:
            continue
        items.append(
            ReviewItem(
                kind="match",
                question=f"Is {match.table.where} the same table as {match.reference.source}?",
                source=code,
                table=_place(match.table),
                continues=Continued(unit=match.origin, source=match.reference.source, table=_place(match.reference)),
                file_id=match.table.entry.id,
                proposal=match.reference.source,
                alternatives={"keep apart": code},
                evidence=list(match.reasons),
                confidence=round(match.score.total, 3) if match.score else None,
            )
        )
    return items


def _place(table: TableFeatures) -> TablePlace:
    file, sheet, nth = table_key(table)
    return TablePlace(file=file, sheet=sheet, nth=nth)
