"""Columns that are gone and columns that are new which are probably one: proposed, never applied."""

from __future__ import annotations

import difflib
import re

from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load.drift import DriftEvent, Resemblance, Snapshot
from datawarp.warehouse.load.plan import MARKER
from datawarp.warehouse.types import wider

RENAME_THRESHOLD = 0.6


def renames(
    before: Snapshot, after: Snapshot, gone: list[str], new: list[str], resemblance: Resemblance | None
) -> list[DriftEvent]:
    """Pairs that are probably one column, best first, each column in at most one. A proposal, never applied."""
    scored = []
    for old in gone:
        for name in new:
            score, evidence = _likeness(before, after, old, name, resemblance)
            if score >= RENAME_THRESHOLD:
                scored.append((score, old, name, evidence))
    events: list[DriftEvent] = []
    used: set[str] = set()
    for score, old, name, evidence in sorted(scored, key=lambda s: (-s[0], s[1], s[2])):
        if {"<" + old, ">" + name} & used:
            continue
        used |= {"<" + old, ">" + name}
        events.append(
            DriftEvent(
                "column_renamed",
                "warning",
                f"{old!r} is probably {name!r} now ({score:.0%}: {', '.join(evidence)}); nothing was renamed",
                name,
                expected=before.header(old),
                found=after.header(name),
                details={"from": old, "to": name, "score": round(score, 3), "evidence": evidence},
            )
        )
    return events


def _likeness(
    before: Snapshot, after: Snapshot, old: str, new: str, resemblance: Resemblance | None
) -> tuple[float, list[str]]:
    """How probable it is that two columns are one: place 0.35, kind of values 0.35, words 0.3."""
    first, second = before.columns[old], after.columns[new]
    evidence = []
    place = _same_place(before, after, old, new)
    if place == 1:
        evidence.append("between the same columns")
    kinds: tuple[ColumnType, ColumnType] = (first["type"], second["type"])
    values = 1.0 if kinds[0] == kinds[1] else 0.5 if wider(*kinds) != "text" else 0.0
    if values and resemblance is not None and place + _words(old, new) > 0.5:
        alike = resemblance(old, new)
        if alike is not None:
            values *= alike
    if values >= 0.5:
        evidence.append(f"values of the same kind ({kinds[1]})")
    words = _words(old, new)
    if words >= 0.5:
        evidence.append("similar words")
    return 0.35 * place + 0.35 * values + 0.3 * words, evidence


def _same_place(before: Snapshot, after: Snapshot, old: str, new: str) -> float:
    """The share of the two neighbours that are the same."""
    first, second = _neighbours(before, old), _neighbours(after, new)
    return sum(a == b for a, b in zip(first, second, strict=True)) / 2


def _neighbours(snapshot: Snapshot, name: str) -> tuple[str | None, str | None]:
    names = [n for n in snapshot.columns if not n.endswith(MARKER)]
    at = names.index(name)
    return (names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None)


def _words(old: str, new: str) -> float:
    first, second = re.split(r"_+", old), re.split(r"_+", new)
    shared = len(set(first) & set(second)) / max(len(set(first)), len(set(second)))
    return max(shared, difflib.SequenceMatcher(None, old, new).ratio())
