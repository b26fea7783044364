"""What one load is: its unit, number and terms; and what became of each of its sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from datawarp.registry.models import Contract, Unit
from datawarp.warehouse.load.drift import DriftEvent
from datawarp.warehouse.load.marker import LoadedFile


@dataclass(frozen=True)
class LoadContext:
    """One load of a unit: its number, and versions of all that decides what it loads."""

    unit: Unit
    load_id: int
    manifest_sha256: str
    contract_version: str
    corrections_version: str | None

    @property
    def contract(self) -> Contract:
        """The contract that the load is held to."""
        return self.unit.settings.contract


Outcome = Literal["loaded", "unchanged", "removed"]


@dataclass
class Written:
    """What the load did to one source, when it began and how many seconds its rows took."""

    code: str
    table: str
    outcome: Outcome
    started: datetime
    seconds: float = 0.0
    rows: int = 0
    body: int = 0
    replaced: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    checksum: str = ""
    files: list[LoadedFile] = field(default_factory=list)
    events: list[DriftEvent] = field(default_factory=list)
