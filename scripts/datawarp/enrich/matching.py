"""Which table of a release continues which table of the publication: scored, one to one, with reasons.

A pair of tables is compared by labels (title, sheet, file, place on the sheet) and by structure
(headers, types, units, size). The best one-to-one assignment over the whole unit is taken, and a pair
of it counts only where the evidence is plain; a pair that is likely but not plain is a doubt, for a
person to settle. What is in doubt or unmatched is a table of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

from datawarp.enrich.features import ColumnFeature, TableFeatures

# A pair at SURE or above is the same table; between DOUBT and SURE a person is asked.
SURE = 0.75
DOUBT = 0.5
# How far the runner-up of a sure pair must lie behind it.
MARGIN = 0.05

Verdict = Literal["same", "doubt", "new"]


@dataclass(frozen=True)
class Score:
    """How alike two tables are, 0 to 1, and why."""

    total: float
    structure: float
    labels: float
    reasons: tuple[str, ...]
    vetoed: bool = False


@dataclass
class Match:
    """What a table of the release is: the same as ``reference``, perhaps so, or new."""

    table: TableFeatures
    verdict: Verdict
    reference: TableFeatures | None = None
    score: Score | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass
class Assignment:
    """The matches of a unit, in the order of its tables, and the reference tables that none continues."""

    matches: list[Match]
    vanished: list[TableFeatures]


def assign(tables: Sequence[TableFeatures], references: Sequence[TableFeatures]) -> Assignment:
    """Match ``tables`` to ``references`` one to one, so that the sum of the scores is largest."""
    numbered = _numbers_tell_apart(tables) | _numbers_tell_apart(references)
    scores = [[compare(t, r, numbered) for r in references] for t in tables]
    chosen = _optimal([[0.0 if s.vetoed or s.total < DOUBT else s.total for s in row] for row in scores])
    matches = []
    for row, table in enumerate(tables):
        column = chosen.get(row)
        if column is None:
            matches.append(Match(table, "new", reasons=_why_new(table, references, scores[row])))
            continue
        score = scores[row][column]
        rivals = [s.total for c, s in enumerate(scores[row]) if c != column and c not in chosen.values()]
        rivals += [scores[r][column].total for r in range(len(tables)) if r != row and r not in chosen]
        close = [s for s in rivals if s > score.total - MARGIN]
        verdict: Verdict = "same" if score.total >= SURE and not close else "doubt"
        reasons = list(score.reasons)
        if close:
            reasons.append("another table is about as like it")
        matches.append(Match(table, verdict, references[column], score, reasons))
    continued = {id(m.reference) for m in matches if m.verdict == "same"}
    return Assignment(matches, [r for r in references if id(r) not in continued])


def compare(table: TableFeatures, reference: TableFeatures, numbered: frozenset[tuple[str, ...]]) -> Score:
    """How alike ``table`` and ``reference`` are.

    ``numbered`` holds the titles' words, numbers left out, that several tables share: their numbers tell
    them apart (``waiting 1-2 weeks``, ``waiting 2-4 weeks``), while elsewhere a number in a title may change.
    """
    structure, why_structure = _structure(table.columns, reference.columns)
    labels, why_labels, vetoed = _labels(table, reference, numbered)
    if table.wide != reference.wide:
        structure *= 0.7
        why_structure.append("one has its periods in columns and the other not")
    total = 0.5 * structure + 0.5 * labels
    return Score(total, structure, labels, (*why_labels, *why_structure), vetoed)


def _structure(table: tuple[ColumnFeature, ...], reference: tuple[ColumnFeature, ...]) -> tuple[float, list[str]]:
    """Share of columns in common: by header, then renamed columns by likeness and place."""
    if not table and not reference:
        return 1.0, ["neither has columns apart from periods"]
    mine, theirs = {c.header: c for c in table}, {c.header: c for c in reference}
    common = [h for h in mine if h in theirs]
    credit = sum(_kind_credit(mine[h], theirs[h]) for h in common)
    gone = [h for h in theirs if h not in mine]
    renamed = []
    for header in [h for h in mine if h not in theirs]:
        best = max(gone, key=lambda g: _alike(header, g), default=None)
        if best is not None and _alike(header, best) >= 0.6 and mine[header].type == theirs[best].type:
            gone.remove(best)
            renamed.append((best, header))
            credit += 0.8 * _alike(header, best)
    new = len(mine) - len(common) - len(renamed)
    size = len(common) + len(renamed) + 0.5 * (new + len(gone)) + 0.5 * max(new, len(gone))
    reasons = [f"{len(common)} of {len(mine)} columns are the same"]
    if renamed:
        reasons.append("renamed: " + ", ".join(f"{a!r} to {b!r}" for a, b in renamed[:5]))
    if gone:
        reasons.append(f"gone: {', '.join(repr(g) for g in gone[:5])}" + (" …" if len(gone) > 5 else ""))
    if new:
        reasons.append(f"{new} new columns")
    return credit / size, reasons


def _kind_credit(a: ColumnFeature, b: ColumnFeature) -> float:
    numeric = {"integer", "numeric"}
    return 1.0 if a.type == b.type or {a.type, b.type} <= numeric else 0.85


def _alike(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def _labels(
    table: TableFeatures, reference: TableFeatures, numbered: frozenset[tuple[str, ...]]
) -> tuple[float, list[str], bool]:
    """Likeness of title, sheet, file and place; whether they contradict each other."""
    parts: list[tuple[float, float]] = []
    reasons: list[str] = []
    vetoed = False
    if table.title and reference.title:
        likeness = _words_alike(table.title, reference.title)
        skeleton = _skeleton(table.title)
        if _numbers(table.title) != _numbers(reference.title) and (
            skeleton in numbered or _skeleton(reference.title) in numbered
        ):
            vetoed = True
            reasons.append("the numbers in the titles differ, and numbers tell the tables of this release apart")
        parts.append((3.0, likeness))
        reasons.append("the title is the same" if likeness == 1 else f"the titles are alike to {likeness:.0%}")
    if table.sheet is not None and reference.sheet is not None:
        likeness = _words_alike(table.sheet, reference.sheet) if table.sheet or reference.sheet else 1.0
        parts.append((3.0, likeness))
        reasons.append(
            f"the sheet is again {table.entry.sheet!r}"
            if likeness == 1
            else f"sheet {reference.entry.sheet!r} and {table.entry.sheet!r}"
        )
    file = _words_alike(table.file, reference.file) if table.file or reference.file else 1.0
    parts.append((3.0 if table.sheet is None else 1.0, file))
    if file < 1:
        reasons.append(f"file {reference.entry.filename!r} and {table.entry.filename!r}")
    if table.nth != reference.nth:
        parts.append((1.0, 0.0))
        reasons.append(f"table {reference.nth} of its sheet and table {table.nth}")
    weight = sum(w for w, _ in parts)
    return sum(w * s for w, s in parts) / weight, reasons, vetoed


def _words_alike(a: Sequence[str], b: Sequence[str]) -> float:
    """Likeness of two labels: shared words, numbers counting double, order counting a little."""
    if tuple(a) == tuple(b):
        return 1.0
    if not a or not b:
        return 0.0
    mine, theirs = set(a), set(b)
    weight = {w: 2.0 if w[0].isdigit() else 1.0 for w in mine | theirs}
    shared = sum(weight[w] for w in mine & theirs)
    return min(0.99, shared / sum(weight.values()))


def _numbers(label: Sequence[str]) -> tuple[str, ...]:
    return tuple(w for w in label if w[0].isdigit())


def _skeleton(label: Sequence[str]) -> tuple[str, ...]:
    return tuple(w for w in label if not w[0].isdigit())


def _numbers_tell_apart(tables: Sequence[TableFeatures]) -> frozenset[tuple[str, ...]]:
    """The skeletons of titles that several tables share with different numbers."""
    seen: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for table in tables:
        seen.setdefault(_skeleton(table.title), set()).add(_numbers(table.title))
    return frozenset(s for s, found in seen.items() if s and len(found) > 1)


def _why_new(table: TableFeatures, references: Sequence[TableFeatures], scores: Sequence[Score]) -> list[str]:
    if not references:
        return ["the first release of this publication"]
    best = max(range(len(references)), key=lambda c: scores[c].total)
    return [
        f"no earlier table is like it; nearest is {references[best].source} at {scores[best].total:.2f}",
        *scores[best].reasons,
    ]


def _optimal(weights: list[list[float]]) -> dict[int, int]:
    """Row → column of the one-to-one assignment with the largest sum; zeros are never assigned."""
    best = {r: max(range(len(row)), key=row.__getitem__) for r, row in enumerate(weights) if row and max(row) > 0}
    if len(set(best.values())) == len(best):
        return best
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(weights, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if weights[r][c] > 0}
