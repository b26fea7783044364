"""``.loaded``: the file that says what of a unit is in which database. Deterministic: no times, no load ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datawarp.files import read_json, write_json


@dataclass(frozen=True)
class LoadedFile:
    """One file entry of a source."""

    id: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class LoadedSource:
    """One source of the unit as it was delivered, whatever the table looks like by now."""

    code: str
    table: str
    rows: int
    columns: list[tuple[str, str]]
    files: list[LoadedFile]
    checksum: str


@dataclass(frozen=True)
class LoadedMarker:
    """A unit's load."""

    unit: str
    period: str
    database: str
    contract: str
    corrections: str | None
    sources: list[LoadedSource]

    def document(self) -> dict[str, Any]:
        """The marker as JSON has it."""
        return {
            "unit": self.unit,
            "period": self.period,
            "database": self.database,
            "contract": self.contract,
            "corrections": self.corrections,
            "sources": [
                {
                    "code": s.code,
                    "table": s.table,
                    "rows": s.rows,
                    "columns": [{"name": name, "type": kind} for name, kind in s.columns],
                    "files": [{"id": f.id, "sha256": f.sha256, "rows": f.rows} for f in s.files],
                    "checksum": s.checksum,
                }
                for s in sorted(self.sources, key=lambda s: s.code)
            ],
        }


def write_marker(path: Path, marker: LoadedMarker) -> None:
    """Write ``.loaded``; called after the commit, so that it never promises what is not there.

    A load that was killed while writing its marker leaves a temporary file, which goes now.
    """
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)
    write_json(path, marker.document())


def read_marker(path: Path) -> LoadedMarker:
    """The marker in ``path``; raises ``FileNotFoundError``, or ``ValueError`` when it is none."""
    document = read_json(path)
    try:
        return LoadedMarker(
            unit=document["unit"],
            period=document["period"],
            database=document["database"],
            contract=document["contract"],
            corrections=document.get("corrections"),
            sources=[
                LoadedSource(
                    code=s["code"],
                    table=s["table"],
                    rows=s["rows"],
                    columns=[(c["name"], c["type"]) for c in s["columns"]],
                    files=[LoadedFile(f["id"], f["sha256"], f["rows"]) for f in s["files"]],
                    checksum=s["checksum"],
                )
                for s in document["sources"]
            ],
        )
    except (KeyError, TypeError) as problem:
        raise ValueError(f"{path} is not a load's marker: {problem!r}") from None
