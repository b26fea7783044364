"""Models of the registry and of the configuration: the one place where their keys are defined.

The JSON Schemas under ``config/schemas/`` and the reference pages are generated from these models.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from datawarp.errors import RegistryError
from datawarp.registry.addresses import address_problem
from datawarp.registry.periods import PERIOD_PATTERN, Period, parse_period

PUBLICATION_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Without ``_`` at the end or twice in a row: in the code of a source ``__`` is where the publication's code ends."""

Frequency = Literal["hourly", "daily", "weekly", "monthly", "quarterly", "annual", "adhoc"]
ContractMode = Literal["evolve", "freeze", "discard"]


class Model(BaseModel):
    """Base of all configuration models: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def refused(problem: str, hint: str) -> PydanticCustomError:
    """What a validator of a :class:`Model` raises: ``registry.document`` tells problem and hint with the line."""
    return PydanticCustomError("registry", "{problem}; {hint}", {"problem": problem, "hint": hint})


def _as_written(value: Any) -> Any:
    # YAML reads `period: 2025` as a number and `2025-08-31` as a date.
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, int) else value


def _readable(code: str) -> str:
    try:
        parse_period(code)
    except RegistryError as problem:
        raise refused(problem.message, problem.hint or "") from None
    return code


PeriodCode = Annotated[
    str, BeforeValidator(_as_written), AfterValidator(_readable), Field(json_schema_extra={"pattern": PERIOD_PATTERN})
]
"""A period's code as a person writes it in a YAML file."""


class FileSelection(Model):
    """Which of a release's files are data, as shell patterns on their file names."""

    include: list[str] = Field(default=["*"], description="Patterns of file names to take.")
    exclude: list[str] = Field(default=[], description="Patterns of file names to leave out.")


class SheetOverride(Model):
    """A person's word on one sheet, which overrules detection. Rows are 1-based sheet rows."""

    enabled: bool | None = Field(default=None, description="False leaves the sheet out; True makes it data.")
    header_rows: tuple[int, int] | None = Field(default=None, description="First and last header row.")
    data_rows: tuple[int, int] | None = Field(default=None, description="First and last body row.")
    columns: tuple[str, str] | None = Field(default=None, description="First and last column letter.")
    wide: bool | None = Field(default=None, description="Whether periods in columns are stored long.")
    types: dict[str, Literal["integer", "numeric", "text", "date", "timestamp", "boolean"]] = Field(
        default={}, description="Type by column letter."
    )

    @model_validator(mode="after")
    def _ranges_run_forward(self) -> Self:
        for key in ("header_rows", "data_rows"):
            rows = getattr(self, key)
            if rows and not 1 <= rows[0] <= rows[1]:
                raise refused(f"{key} {list(rows)} is no range of sheet rows", "write [first, last], counted from 1")
        for letters in (*(self.columns or ()), *self.types):
            if not re.fullmatch("[A-Z]{1,3}", letters):
                raise refused(f"{letters!r} is not a column", "write its letters in capitals, such as A or AB")
        return self


class RowBounds(Model):
    """How far a period's row count may move from the period before it."""

    max_change: float | None = Field(
        default=None,
        ge=0,
        description="Largest relative change allowed, either way; 0.5 is ±50 %. Without it none is refused, "
        "and a fall by more than half is recorded as severe drift.",
    )
    min_rows: int = Field(default=1, ge=0, description="Fewest rows that a table may have.")
    min_difference: int = Field(
        default=0, ge=0, description="Differences of at most this many rows are never a change: for small tables."
    )


class Contract(Model):
    """What a publication's releases may change without a person's word."""

    tables: ContractMode = Field(default="evolve", description="New tables: add, refuse, or leave out.")
    columns: ContractMode = Field(default="evolve", description="New columns: add, refuse, or leave out.")
    types: Literal["widen", "evolve", "freeze", "discard"] = Field(
        default="widen",
        description="Type changes: widen (= evolve), refuse the load, or keep the misfit in the marker column.",
    )
    rows: RowBounds = Field(default=RowBounds(), description="Bounds on row counts.")


class Release(Model):
    """One period of a publication and where its files are."""

    period: PeriodCode = Field(description="Period code such as aug25, 2025-08, q1-2526, fy2526, 2025-w42.")
    url: str = Field(description="Landing page, direct file, local file or local folder.")
    files: FileSelection | None = Field(default=None, description="Which of this release's files are data.")
    sheets: dict[str, SheetOverride] = Field(default={}, description="Overrides for this release alone.")

    @field_validator("url")
    @classmethod
    def _usable(cls, value: str) -> str:
        if problem := address_problem(value):
            raise refused(*problem)
        return value


class PublicationSettings(Model):
    """All that is said of a publication apart from its releases."""

    name: str = Field(min_length=1, description="Title of the publication as its publisher writes it.")
    publisher: str = Field(default="", description="Organisation that publishes it.")
    frequency: Frequency = Field(default="adhoc", description="How often a new release is expected.")
    lag_days: int | None = Field(
        default=None, ge=0, description="Days after a period's end by which its release is usually out."
    )
    landing_page: str | None = Field(default=None, description="Page that lists the releases.")
    licence: str = Field(default="", description="Licence of the data, such as OGL-UK-3.0.")
    reference_manifest: str | None = Field(
        default=None, description="Enriched manifest whose names later periods are matched to."
    )
    files: FileSelection = Field(default=FileSelection(), description="Which files of a release are data.")
    sheets: dict[str, SheetOverride] = Field(default={}, description="Overrides by sheet name, for all releases.")
    contract: Contract = Field(default=Contract(), description="What releases may change.")
    review: Literal["split", "hold"] = Field(
        default="split",
        description="A table whose match is in doubt: load it as a source of its own, or hold the unit back.",
    )
    discover: str | None = Field(
        default=None, description="Regular expression that release links on the landing page match."
    )

    @field_validator("landing_page")
    @classmethod
    def _landing_page_is_on_the_web(cls, value: str | None) -> str | None:
        if value is not None and (problem := address_problem(value, local=False)):
            raise refused(*problem)
        return value

    @field_validator("discover")
    @classmethod
    def _regular_expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as problem:
            raise refused(
                f"{value!r} is no regular expression: {problem}", "quote it with ' and escape . as \\."
            ) from None
        return value


class Publication(PublicationSettings):
    """A publication as written in ``config/publications.yaml``."""

    urls: list[Release] = Field(default=[], description="The releases, in any order.")


class Unit(Model):
    """One publication and one period: what a job of the workflow works on.

    ``url`` is as the registry has it: an http(s) address, or a path on this machine, a relative one from the
    registry's folder. So nothing that is kept of a unit changes when an installation moves. A job gets its unit
    as a plain dictionary (``model_dump(mode="json")``) in the rule's params.
    """

    publication: str
    period: str
    url: str
    settings: PublicationSettings

    @property
    def name(self) -> str:
        """``<publication>_<period>``."""
        return f"{self.publication}_{self.period}"

    @cached_property
    def when(self) -> Period:
        """The parsed period."""
        return parse_period(self.period)

    @property
    def is_local(self) -> bool:
        """Whether the release is a file or folder on this machine."""
        return not re.match(r"https?://", self.url, re.I)


def split_unit_name(name: str) -> tuple[str, str]:
    """``adhd_aug25`` → (``adhd``, ``aug25``)."""
    publication, _, period = name.rpartition("_")
    return publication, period
