"""Which table of a release continues which table of the publication: scored, one to one, with reasons.

A pair of tables is compared by labels (title, sheet, file, place on the sheet), by structure (headers,
types) and by content (size, first codes). The best one-to-one assignment over the whole unit is taken,
and a pair of it counts only where the evidence is plain. Labels that differ as much as those of two
tables of one release do are no evidence of sameness, however alike the columns are: ``waiting 1-2
weeks`` and ``waiting 2-4 weeks`` are two tables. A likely pair without plain evidence is a doubt, for a
person to settle; what is in doubt or unmatched is a table of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from datawarp.enrich.assignment import best_assignment
from datawarp.enrich.features import TableFeatures
from datawarp.enrich.labels import Labels, compare_labels
from datawarp.enrich.structure import compare_columns, compare_contents, listed

# A pair at SURE or above is the same table; between DOUBT and SURE a person is asked.
SURE = 0.75
DOUBT = 0.5
# Where title or sheet name say plainly that it is the same table, this much of its columns is enough.
ENOUGH_STRUCTURE = 0.35
# Columns and content so alike are worth a question even under labels that have nothing in common.
SAME_STRUCTURE, SAME_CONTENT = 0.6, 0.8
# How far the runner-up of a sure pair must lie behind it.
MARGIN = 0.04
# A rival whose size and codes agree so much less is none.
CONTENT_MARGIN = 0.3
# Where size and codes agree less, even equal labels are weighed against those of other tables.
LEAST_CONTENT = 0.5

Verdict = Literal["same", "doubt", "new"]


@dataclass(frozen=True)
class Score:
    """How alike two tables are, 0 to 1, and why.

    ``named`` is whether a title or sheet name that no other table has is the same in both; ``apart``
    whether their labels differ as those of two tables of one release do.
    """

    total: float
    structure: float
    labels: float
    content: float
    reasons: tuple[str, ...]
    named: bool = False
    apart: bool = False

    @property
    def sure(self) -> bool:
        """Whether the pair alone, rivals aside, is plainly the same table."""
        if self.apart:
            return False
        return self.total >= SURE or (self.named and self.labels > 0.9 and self.structure >= ENOUGH_STRUCTURE)

    @property
    def likely(self) -> bool:
        """Whether the pair is worth a question."""
        return self.sure or self.total >= DOUBT or (self.structure >= SAME_STRUCTURE and self.content >= SAME_CONTENT)


@dataclass
class Match:
    """What a table of the release is: the same as ``reference``, perhaps so, or new."""

    table: TableFeatures
    verdict: Verdict
    reference: TableFeatures | None = None
    score: Score | None = None
    reasons: list[str] = field(default_factory=list)
    origin: str = ""  # the release that the reference is of


@dataclass
class Assignment:
    """The matches of a unit, in the order of its tables, and the reference tables that none continues.

    ``news`` says in words what was split, merged or has vanished, each with the code of the source concerned.
    """

    matches: list[Match]
    vanished: list[TableFeatures]
    news: list[tuple[str, str]] = field(default_factory=list)


def assign(
    tables: Sequence[TableFeatures],
    references: Sequence[TableFeatures],
    release: Sequence[TableFeatures] | None = None,
    publication: Sequence[TableFeatures] | None = None,
) -> Assignment:
    """Match ``tables`` to ``references`` one to one, so that the sum of the scores is largest.

    ``release`` and ``publication`` are all tables of either side where these are only some of them: how
    telling a label is depends on its neighbours.
    """
    own, known = Labels(release or tables), Labels(publication or references)
    plain = _plain_pairs(tables, references, own, known)
    rest = [t for n, t in enumerate(tables) if n not in plain]
    settled = {id(m.reference) for m in plain.values()}
    free = [r for r in references if id(r) not in settled]
    scores = [[compare(t, r, own, known) for r in free] for t in rest]
    chosen = _optimal([[_weight(s) for s in row] for row in scores])
    decided = iter([_decide(row, rest, free, scores, chosen) for row in range(len(rest))])
    matches = [plain[n] if n in plain else next(decided) for n in range(len(tables))]
    continued = {id(m.reference) for m in matches if m.verdict == "same"}
    vanished = [r for r in free if id(r) not in continued]
    fresh = [m for n, m in enumerate(matches) if n not in plain]
    return Assignment(matches, vanished, _news(fresh, vanished, free, scores))


def compare(table: TableFeatures, reference: TableFeatures, own: Labels, known: Labels) -> Score:
    """How alike ``table`` and ``reference`` are; ``own`` and ``known`` are the labels of their releases."""
    structure, pairs, why_structure = compare_columns(table, reference)
    labels = compare_labels(table, reference, own, known)
    content, why_content = compare_contents(table, reference, pairs)
    total = 0.44 * structure + 0.41 * labels.score + 0.15 * content
    reasons = (*labels.reasons, *why_structure, *why_content)
    return Score(total, structure, labels.score, content, reasons, labels.named, labels.apart)


def _plain_pairs(
    tables: Sequence[TableFeatures], references: Sequence[TableFeatures], own: Labels, known: Labels
) -> dict[int, Match]:
    """Tables whose labels are those of one reference and of nothing else, and whose columns agree; by position."""
    mine, theirs = Counter(t.labels for t in tables), Counter(r.labels for r in references)
    by_labels = {r.labels: r for r in references if theirs[r.labels] == 1}
    found = {}
    for position, table in enumerate(tables):
        reference = by_labels.get(table.labels) if mine[table.labels] == 1 else None
        if reference is not None:
            score = compare(table, reference, own, known)
            if score.sure and score.content >= LEAST_CONTENT:
                found[position] = Match(table, "same", reference, score, list(score.reasons))
    return found


def _decide(
    row: int,
    tables: Sequence[TableFeatures],
    references: Sequence[TableFeatures],
    scores: list[list[Score]],
    chosen: dict[int, int],
) -> Match:
    column = chosen.get(row)
    if column is None:
        return Match(tables[row], "new", reasons=_why_new(references, scores[row]))
    score = scores[row][column]
    rival = _rival(row, column, scores, chosen)
    reasons = list(score.reasons)
    if rival:
        reasons.append("other pairs of tables are about as alike")
    return Match(tables[row], "same" if score.sure and not rival else "doubt", references[column], score, reasons)


def _weight(score: Score) -> float:
    if not score.likely:
        return 0.0
    # Plain pairs go first: no sum of likely ones outweighs them.
    return score.total + (1.0 if score.sure else 0.0) + (0.5 if score.named and not score.apart else 0.0)


def _rival(row: int, column: int, scores: list[list[Score]], chosen: dict[int, int]) -> bool:
    """Whether another pairing of this table, or of this reference, is about as good."""
    mine = scores[row][column]
    taken = {c: r for r, c in chosen.items()}
    for other, score in enumerate(scores[row]):
        if other == column or not _rivals(score, mine):
            continue
        swapped = taken.get(other)
        if swapped is None:
            if score.total > mine.total - MARGIN:
                return True
        elif score.total + scores[swapped][column].total > mine.total + scores[swapped][other].total - MARGIN:
            return True
    return any(
        scores[r][column].total > mine.total - MARGIN
        for r in range(len(scores))
        if r not in chosen and r != row and _rivals(scores[r][column], mine)
    )


def _rivals(score: Score, mine: Score) -> bool:
    """Whether ``score`` can stand against ``mine``: neither name nor content rule it out."""
    return not score.apart and score.named >= mine.named and score.content > mine.content - CONTENT_MARGIN


def _why_new(references: Sequence[TableFeatures], scores: Sequence[Score]) -> list[str]:
    if not references:
        return ["no earlier table is left that it could be"]
    best = max(range(len(references)), key=lambda c: scores[c].total)
    nearest = f"no earlier table is like it; nearest is {references[best].source} at {scores[best].total:.2f}"
    return [nearest, *scores[best].reasons]


def _news(
    matches: Sequence[Match],
    vanished: Sequence[TableFeatures],
    references: Sequence[TableFeatures],
    scores: Sequence[Sequence[Score]],
) -> list[tuple[str, str]]:
    """What became of the tables that none continues: source and words."""
    column = {id(r): n for n, r in enumerate(references)}
    fresh = [(row, m) for row, m in enumerate(matches) if m.verdict != "same"]
    told = []
    for gone in vanished:
        heirs = [m for row, m in fresh if _akin(scores[row][column[id(gone)]])]
        if len(heirs) > 1:
            parts = listed([m.table.where for m in heirs])
            told.append((gone.source, f"{gone.source} ({gone.where}) seems split into {parts}"))
        elif heirs:
            text = f"{gone.source} ({gone.where}) has vanished; {heirs[0].table.where} is like it"
            told.append((gone.source, text))
        else:
            told.append((gone.source, f"{gone.source} ({gone.where}) has vanished"))
    for row, match in fresh:
        parents = [r for r in vanished if _akin(scores[row][column[id(r)]])]
        if len(parents) > 1:
            text = f"{match.table.where} seems merged from {listed([p.source for p in parents])}"
            told.append((parents[0].source, text))
    return told


def _akin(score: Score) -> bool:
    return score.structure >= 0.7 and score.labels >= 0.3


def _optimal(weights: list[list[float]]) -> dict[int, int]:
    """Row → column of the one-to-one assignment with the largest sum; zeros are never assigned."""
    best = {r: max(range(len(row)), key=row.__getitem__) for r, row in enumerate(weights) if row and max(row) > 0}
    if len(set(best.values())) == len(best):
        return best
    return {row: column for row, column in best_assignment(weights) if weights[row][column] > 0}
