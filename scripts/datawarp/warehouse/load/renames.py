"""Columns that are gone and columns that are new which are probably one: proposed, never applied."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datawarp.manifest.models import ColumnType
from datawarp.warehouse.load.drift import DriftEvent, Resemblance, Snapshot
from datawarp.warehouse.load.plan import MARKER
from datawarp.warehouse.types import wider

RENAME_THRESHOLD = 0.6


@dataclass(frozen=True)
class _Pair:
    """A column that is gone and one that is new: how alike they are in place, kind of values and words, 0 to 1 each."""

    old: str
    new: str
    kind: ColumnType
    place: float
    values: float
    words: float

    @property
    def score(self) -> float:
        """How probable it is that the two are one."""
        return _score(self.place, self.values, self.words)

    @property
    def evidence(self) -> list[str]:
        """What speaks for it, in words."""
        evidence = []
        if self.place == 1:
            evidence.append("between the same columns")
        if self.values >= 0.5:
            evidence.append(f"values of the same kind ({self.kind})")
        if self.words >= 0.5:
            evidence.append("similar words")
        return evidence


def renames(
    before: Snapshot, after: Snapshot, gone: Sequence[str], new: Sequence[str], resemblance: Resemblance | None
) -> list[DriftEvent]:
    """Pairs that are probably one column, best first, each column in at most one. A proposal, never applied."""
    pairs = list(_possible(before, after, gone, new))
    if resemblance is not None:
        pairs = _by_values(pairs, resemblance)
    events: list[DriftEvent] = []
    used: set[str] = set()
    for pair in sorted(pairs, key=lambda p: (-p.score, p.old, p.new)):
        if pair.score < RENAME_THRESHOLD or {"<" + pair.old, ">" + pair.new} & used:
            continue
        used |= {"<" + pair.old, ">" + pair.new}
        events.append(
            DriftEvent(
                "column_renamed",
                "warning",
                f"{pair.old!r} is probably {pair.new!r} now ({pair.score:.0%}: {', '.join(pair.evidence)}); "
                "nothing was renamed",
                pair.new,
                expected=before.header(pair.old),
                found=after.header(pair.new),
                details={
                    "from": pair.old,
                    "to": pair.new,
                    "score": round(pair.score, 3),
                    "evidence": pair.evidence,
                },
            )
        )
    return events


def _score(place: float, values: float, words: float) -> float:
    return 0.35 * place + 0.35 * values + 0.3 * words


def _possible(before: Snapshot, after: Snapshot, gone: Sequence[str], new: Sequence[str]) -> Iterator[_Pair]:
    """The pairs that may be one column as far as can be told without their values.

    Hundreds of columns that are gone and hundreds that are new are many pairs, so bounds that are quickly had go first.
    """
    if not (gone and new):
        return
    first, second = _neighbours(before), _neighbours(after)
    words = {name: set(re.split(r"_+", name)) for name in (*gone, *new)}
    matcher = difflib.SequenceMatcher(None)
    for name in new:
        matcher.set_seq2(name)
        kind: ColumnType = after.columns[name]["type"]
        for old in gone:
            place = sum(a == b for a, b in zip(first[old], second[name], strict=True)) / 2
            was: ColumnType = before.columns[old]["type"]
            values = 1.0 if was == kind else 0.5 if wider(was, kind) != "text" else 0.0
            if _score(place, values, 1.0) < RENAME_THRESHOLD:
                continue
            matcher.set_seq1(old)
            shared = len(words[old] & words[name]) / max(len(words[old]), len(words[name]))
            if _score(place, values, max(shared, matcher.quick_ratio())) < RENAME_THRESHOLD:
                continue
            pair = _Pair(old, name, kind, place, values, max(shared, matcher.ratio()))
            if pair.score >= RENAME_THRESHOLD:
                yield pair


def _by_values(pairs: list[_Pair], resemblance: Resemblance) -> list[_Pair]:
    """The pairs, each held to how alike its columns' values are, where that is worth asking."""
    asked = [(p.old, p.new) for p in pairs if p.values and p.place + p.words > 0.5]
    alike = resemblance(asked) if asked else {}
    held = []
    for pair in pairs:
        likeness = alike.get((pair.old, pair.new))
        values = pair.values if likeness is None else pair.values * likeness
        held.append(_Pair(pair.old, pair.new, pair.kind, pair.place, values, pair.words))
    return held


def _neighbours(snapshot: Snapshot) -> dict[str, tuple[str | None, str | None]]:
    """The columns beside each column, markers passed over."""
    names = [n for n in snapshot.columns if not n.endswith(MARKER)]
    return dict(zip(names, zip([None, *names], [*names[1:], None], strict=False), strict=True))
