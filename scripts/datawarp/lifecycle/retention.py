"""Which releases stay in use, which move to the archive, and which copies may go: ``config/retention.yaml``.

A release's age is counted from the last day of its period, so that it is the same on every machine and
after every restore. Three kinds are never archived, whatever a rule says: the newest period of a
publication, a reference period, and the only period in use of any of its sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from datawarp.errors import LifecycleError
from datawarp.registry.document import Document
from datawarp.registry.models import Model, refused
from datawarp.registry.periods import Period, parse_period
from datawarp.registry.problems import model_problems

_SPAN = re.compile(r"(\d+)\s*([dwmy])", re.I)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class RetentionRule(Model):
    """What stays in use of the publications that a pattern names; the first rule that fits counts."""

    pattern: str = Field(description="Shell pattern on publication codes, such as adhd or gp_*.")
    keep_periods: int | None = Field(default=None, ge=1, description="Newest periods that stay in use.")
    keep_days: int | None = Field(default=None, ge=0, description="Days after a period's end that it stays in use.")
    destination: str = Field(default="archive", description="archive, or s3://bucket/prefix once it is verified there.")
    purge_db: bool = Field(default=False, description="Whether archived periods leave the database as well.")
    delete_after: int | None = Field(
        default=None,
        ge=0,
        description="Days after which archived files leave this disk; only those that the bucket verifiably has.",
    )

    @field_validator("destination")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        if value != "archive" and not value.startswith("s3://"):
            raise refused(f"{value!r} is no destination", "write archive, or s3://bucket/prefix")
        return value

    @model_validator(mode="after")
    def _keeps_something(self) -> RetentionRule:
        if self.keep_periods is None and self.keep_days is None:
            raise refused("the rule does not say what stays in use", "add keep_periods, keep_days or both")
        if self.delete_after is not None and self.destination == "archive":
            raise refused("delete_after would delete the only copy", "add destination: s3://bucket/prefix")
        return self


class Generations(Model):
    """How many backups are kept; the newest good one always is."""

    daily: int = Field(default=7, ge=1, description="Days whose newest backup is kept.")
    weekly: int = Field(default=4, ge=0, description="ISO weeks whose newest backup is kept.")
    monthly: int = Field(default=12, ge=0, description="Months whose newest backup is kept.")


class Transition(Model):
    """When the bucket moves objects to a cheaper storage class, where it can."""

    after_days: int = Field(default=90, ge=1, description="Days after upload.")
    storage_class: str = Field(default="STANDARD_IA", description="The class, as the endpoint names it.")


class BucketSettings(Model):
    """The bucket that `sync` and `restore_<unit>` use without `--config to=` or `from=`."""

    location: str | None = Field(default=None, description="s3://bucket or s3://bucket/prefix.")
    transition: Transition | None = Field(
        default=None, description="A rule to set in the bucket; without it the bucket's rules are left alone."
    )


class RetentionPolicy(Model):
    """The whole of ``config/retention.yaml``."""

    rules: list[RetentionRule] = Field(default=[], description="What stays in use, first match first.")
    backups: Generations = Field(default=Generations(), description="How long backups are kept.")
    bucket: BucketSettings = Field(default=BucketSettings(), description="Where copies go.")

    def rule_for(self, publication: str) -> RetentionRule | None:
        """The first rule whose pattern fits."""
        return next((r for r in self.rules if fnmatchcase(publication, r.pattern)), None)


@dataclass(frozen=True)
class Holding:
    """One exported unit as retention sees it; ``sources`` are the codes of the tables it feeds."""

    unit: str
    publication: str
    period: Period
    sources: frozenset[str]
    is_reference: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether a unit is due for the archive, and why or why not."""

    holding: Holding
    archive: bool
    reason: str


def read_policy(path: Path) -> RetentionPolicy:
    """The policy in ``path``; the defaults where there is no such file.

    Raises one :class:`RegistryError` that lists all problems of the file, each with its line.
    """
    if not path.exists():
        return RetentionPolicy()
    document = Document.read(path)
    policy, problems = model_problems(RetentionPolicy, document.data)
    if policy is None:
        document.fail(problems)
    return policy


def parse_span(text: str) -> timedelta:
    """``90d``, ``12w``, ``6m`` (of 30 days) or ``2y`` (of 365 days); raises :class:`LifecycleError`."""
    match = _SPAN.fullmatch(str(text).strip())
    if not match:
        raise LifecycleError(
            f"{text!r} is not a length of time", hint="write it as 90d, 12w, 6m or 2y: days, weeks, months, years"
        )
    return timedelta(days=int(match[1]) * _DAYS[match[2].lower()])


def decide(
    holdings: Iterable[Holding], policy: RetentionPolicy, today: date, older_than: timedelta | None = None
) -> list[Decision]:
    """For each unit in use, oldest first, whether it goes to the archive.

    ``older_than`` counts instead of the policy's rules. A unit that is due but holds the only period in
    use of one of its sources stays; so does, of several such units, the newest.
    """
    ordered = sorted(holdings, key=lambda h: (h.period.order, h.unit))
    in_use: dict[str, int] = {}
    newest: dict[str, str] = {}
    rank: dict[str, int] = {}
    seen: dict[str, int] = {}
    for holding in reversed(ordered):
        newest.setdefault(holding.publication, holding.unit)
        rank[holding.unit] = seen.get(holding.publication, 0)
        seen[holding.publication] = rank[holding.unit] + 1
        for source in holding.sources:
            in_use[source] = in_use.get(source, 0) + 1
    decisions = []
    for holding in ordered:
        due, reason = _due(holding, rank[holding.unit], policy, today, older_than)
        if due:
            alone = sorted(s for s in holding.sources if in_use[s] == 1)
            if newest[holding.publication] == holding.unit:
                due, reason = False, f"protected: the newest period of {holding.publication}"
            elif holding.is_reference:
                due, reason = False, f"protected: the reference period of {holding.publication}"
            elif alone:
                due, reason = False, f"protected: the only period in use of {', '.join(alone)}"
        if due:
            for source in holding.sources:
                in_use[source] -= 1
        decisions.append(Decision(holding, due, reason))
    return decisions


def _due(
    holding: Holding, rank: int, policy: RetentionPolicy, today: date, older_than: timedelta | None
) -> tuple[bool, str]:
    """Whether a rule (or ``older_than``) wants the unit archived, apart from what is protected."""
    age = (today - holding.period.end).days
    if older_than is not None:
        due = age > older_than.days
        return due, f"its period ended {age} days ago, {'more' if due else 'not more'} than {older_than.days}"
    rule = policy.rule_for(holding.publication)
    if rule is None:
        return False, "no retention rule names its publication"
    if rule.keep_periods is not None and rank < rule.keep_periods:
        return False, f"among the newest {rule.keep_periods} periods"
    if rule.keep_days is not None and age <= rule.keep_days:
        return False, f"its period ended {age} days ago, not more than {rule.keep_days}"
    return True, f"rule {rule.pattern!r}: number {rank + 1} from the newest, ended {age} days ago"


def holding_of(unit: str, publication: str, period: str, sources: Iterable[str], is_reference: bool) -> Holding:
    """A holding from the names in a receipt; raises :class:`RegistryError` for a period nobody can read."""
    return Holding(unit, publication, parse_period(period), frozenset(sources), is_reference)
