"""The calls of a unit's enrichment, kept in a file until the load puts them into ``tbl_enrichment_runs``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datawarp.enrich.review import ReviewItem
from datawarp.files import read_json, write_json
from datawarp.registry.paths import Paths

_MOST_CALLS = 1000  # kept for a unit; the database keeps them all


@dataclass
class Call:
    """One question to one layer, as ``tbl_enrichment_runs`` keeps it."""

    source_code: str
    layer: str
    provider: str
    model: str
    prompt_sha256: str
    prompt_version: str
    currency: str
    outcome: str = "skipped"  # answered, invalid, unreachable, over_budget
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float = 0.0
    seconds: float = 0.0
    attempts: int = 0
    cached: bool = False
    error: str | None = None
    answer: dict[str, Any] | None = None
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def record(self) -> dict[str, Any]:
        """The call as plain values."""
        return asdict(self)


@dataclass
class Discussion:
    """What the layers made of a unit's new sources: the calls, and what a person is asked."""

    calls: list[Call] = field(default_factory=list)
    items: list[ReviewItem] = field(default_factory=list)


def calls_path(paths: Paths, unit: str) -> Path:
    """Where the calls of ``unit`` are kept for its load."""
    return paths.private / "enrichment" / "calls" / f"{unit}.json"


def write_calls(paths: Paths, unit: str, calls: Sequence[Call]) -> None:
    """Add ``calls`` to those of earlier runs; nothing is written when there are none."""
    if calls:
        write_json(calls_path(paths, unit), [*read_calls(paths, unit), *(c.record() for c in calls)][-_MOST_CALLS:])


def read_calls(paths: Paths, unit: str) -> list[dict[str, Any]]:
    """The calls of ``unit``, oldest first."""
    try:
        calls = read_json(calls_path(paths, unit))
    except (FileNotFoundError, ValueError):
        return []
    return calls if isinstance(calls, list) else []
