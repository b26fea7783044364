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

from datawarp.enrich.features import ColumnFeature, TableFeatures

# A pair at SURE or above is the same table; between DOUBT and SURE a person is asked.
SURE = 0.75
DOUBT = 0.5
# Where title or sheet name say plainly that it is the same table, this much of its columns is enough.
ENOUGH_STRUCTURE = 0.35
# How far the runner-up of a sure pair must lie behind it.
MARGIN = 0.04
# A rival whose size and codes agree so much less is none.
CONTENT_MARGIN = 0.3
# Where size and codes agree less, even equal labels are weighed against those of other tables.
LEAST_CONTENT = 0.5
# Titles whose words, numbers apart, are so alike belong to one family of tables.
SAME_FAMILY = 0.6

Verdict = Literal["same", "doubt", "new"]
_GENERIC = frozenset(
    ["table", "tab", "sheet", "sheet1", "data", "dataset", "worksheet", "figure", "figures", "file", "csv", "annex"]
)


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
    """The matches of a unit, in the order of its tables, and the reference tables that none continues.

    ``news`` says in words what was split, merged or has vanished, each with the code of the source concerned.
    """

    matches: list[Match]
    vanished: list[TableFeatures]
    news: list[tuple[str, str]] = field(default_factory=list)


class Labels:
    """How telling the labels of one release's tables are among themselves."""

    def __init__(self, tables: Sequence[TableFeatures]) -> None:
        self._titles = _Siblings([t.heading for t in tables])
        self._sheets = _Siblings([t.sheet or () for t in tables])
        self._files = _Siblings([t.file for t in tables])
        self._tables = tables
        self._row = {id(t): n for n, t in enumerate(tables)}

    def counted(self, table: TableFeatures) -> bool:
        """Whether numbers tell the title of ``table`` from that of another table of its release."""
        mine = _in_words(table.heading)
        return any(
            words_alike(mine, _in_words(other.heading)) >= SAME_FAMILY
            and _figures(other.heading) != _figures(table.heading)
            for other in self._tables
            if other is not table
        )

    def title(self, table: TableFeatures) -> float:
        """Likeness of the title of ``table`` to the one most like it in its release; 1 for a shared title."""
        return self._titles.nearest(self._row[id(table)])

    def sheet(self, table: TableFeatures) -> float:
        """The same of its sheet's name."""
        return self._sheets.nearest(self._row[id(table)])

    def file(self, table: TableFeatures) -> float:
        """The same of its file's name."""
        return self._files.nearest(self._row[id(table)])


class _Siblings:
    def __init__(self, labels: Sequence[tuple[str, ...]]) -> None:
        self._labels = labels
        self._found: dict[int, float] = {}

    def nearest(self, row: int) -> float:
        if row not in self._found:
            mine = self._labels[row]
            others = (label for n, label in enumerate(self._labels) if n != row)
            self._found[row] = max((words_alike(mine, other) for other in others), default=0.0)
        return self._found[row]


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
    free = [r for r in references if all(r is not m.reference for m in plain.values())]
    scores = [[compare(t, r, own, known) for r in free] for t in rest]
    chosen = _optimal([[_weight(s) for s in row] for row in scores])
    decided = iter([_decide(row, rest, free, scores, chosen) for row in range(len(rest))])
    matches = [plain[n] if n in plain else next(decided) for n in range(len(tables))]
    continued = {id(m.reference) for m in matches if m.verdict == "same"}
    vanished = [r for r in free if id(r) not in continued]
    fresh = [m for n, m in enumerate(matches) if n not in plain]
    return Assignment(matches, vanished, _news(fresh, vanished, free, scores))


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
    if score.total < DOUBT and not score.sure:
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


def compare(table: TableFeatures, reference: TableFeatures, own: Labels, known: Labels) -> Score:
    """How alike ``table`` and ``reference`` are; ``own`` and ``known`` are the labels of their releases."""
    structure, pairs, why_structure = _structure(table.columns, reference.columns)
    labels, named, apart, why_labels = _labels(table, reference, own, known)
    content, why_content = _content(table, reference, pairs)
    if table.wide != reference.wide:
        structure *= 0.7
        why_structure.append("one has its periods in columns and the other not")
    total = 0.44 * structure + 0.41 * labels + 0.15 * content
    return Score(total, structure, labels, content, (*why_labels, *why_structure, *why_content), named, apart)


ColumnPair = tuple[ColumnFeature, ColumnFeature]


def _structure(
    table: tuple[ColumnFeature, ...], reference: tuple[ColumnFeature, ...]
) -> tuple[float, list[ColumnPair], list[str]]:
    """Share of columns in common, by header and then renamed ones by likeness; the pairs; why."""
    if not table and not reference:
        return 1.0, [], ["neither has columns apart from periods"]
    mine, theirs = {c.header: c for c in table}, {c.header: c for c in reference}
    pairs = [(mine[h], theirs[h]) for h in mine if h in theirs]
    same = len(pairs)
    credit = sum(_type_credit(a, b) for a, b in pairs)
    gone = [h for h in theirs if h not in mine]
    renamed = []
    for likeness, header, before in _renamed([h for h in mine if h not in theirs], gone):
        if _type_credit(mine[header], theirs[before]) == 1:
            gone.remove(before)
            renamed.append((before, header))
            pairs.append((mine[header], theirs[before]))
            credit += 0.8 * likeness
    new = len(mine) - same - len(renamed)
    size = same + len(renamed) + 0.5 * (new + len(gone)) + 0.5 * max(new, len(gone))
    reasons = [f"{same} of {len(mine)} columns are the same"]
    if renamed:
        reasons.append("renamed: " + _some([f"{a!r} to {b!r}" for a, b in renamed]))
    if gone:
        reasons.append("gone: " + _some([repr(g) for g in gone]))
    if new:
        reasons.append(f"{new} new columns")
    return credit / size, pairs, reasons


def _some(items: list[str], most: int = 5) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _type_credit(a: ColumnFeature, b: ColumnFeature) -> float:
    numeric = {"integer", "numeric"}
    return 1.0 if a.type == b.type or {a.type, b.type} <= numeric else 0.85


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b))


def _renamed(fresh: list[str], gone: list[str]) -> list[tuple[float, str, str]]:
    """Headers that became others: likeness, now, before; each once, the most alike first."""
    words = {h: frozenset(h.split()) for h in (*fresh, *gone)}
    # `denominator` and `denom` begin alike.
    stems = {h: frozenset(w[:3] for w in words[h]) for h in words}
    alike = []
    for header in fresh:
        for before in gone:
            likeness = max(_overlap(words[header], words[before]), 0.9 * _overlap(stems[header], stems[before]))
            if likeness >= 0.5:
                alike.append((likeness, header, before))
    taken: set[str] = set()
    found = []
    for likeness, header, before in sorted(alike, key=lambda a: -a[0]):
        if header not in taken and f"\0{before}" not in taken:
            taken |= {header, f"\0{before}"}
            found.append((likeness, header, before))
    return found


def _content(table: TableFeatures, reference: TableFeatures, pairs: list[ColumnPair]) -> tuple[float, list[str]]:
    """Likeness of size, and of the first codes and names in the columns that correspond."""
    larger = max(table.n_rows, reference.n_rows, 1)
    parts = [min(table.n_rows, reference.n_rows) / larger]
    reasons = [] if parts[0] > 0.5 else [f"{reference.n_rows} rows before, {table.n_rows} now"]
    shares = [
        len(a.samples & b.samples) / min(len(a.samples), len(b.samples)) for a, b in pairs if a.samples and b.samples
    ]
    if shares:
        share = sum(shares) / len(shares)
        parts.extend([share, share])
        reasons.append(f"{share:.0%} of the first codes and names are the same")
    return sum(parts) / len(parts), reasons


def _labels(
    table: TableFeatures, reference: TableFeatures, own: Labels, known: Labels
) -> tuple[float, bool, bool, list[str]]:
    """Likeness of title, sheet, file and place; whether one names the table; whether they tell it apart."""
    parts: list[tuple[float, float]] = []
    reasons: list[str] = []
    named = False
    told: bool | None = None  # whether the most telling label that differs speaks against the pair

    title: float | None = None
    if table.heading and reference.heading:
        title = words_alike(table.heading, reference.heading)
        parts.append((3.0, title))
        reasons.append("the title is the same" if title == 1 else f"the titles are alike to {title:.0%}")
        if title == 1 and own.title(table) < 1 and known.title(reference) < 1:
            named = True
    sheet: float | None = None
    if table.sheet is not None and reference.sheet is not None:
        sheet = words_alike(table.sheet, reference.sheet) if table.sheet or reference.sheet else 1.0
        parts.append((3.0, sheet))
        reasons.append(
            f"the sheet is again {table.entry.sheet!r}"
            if sheet == 1
            else f"sheet {reference.entry.sheet!r} before, {table.entry.sheet!r} now"
        )
        if sheet == 1 and speaks(table.sheet) and own.sheet(table) < 1 and known.sheet(reference) < 1:
            named = True
    file = words_alike(table.file, reference.file) if table.file or reference.file else 1.0
    parts.append((3.0 if table.sheet is None else 1.0, file))
    if file < 1:
        reasons.append(f"file {reference.entry.filename!r} before, {table.entry.filename!r} now")
    if table.nth != reference.nth:
        parts.append((1.0, 0.0))
        reasons.append(f"table {reference.nth} of its sheet before, table {table.nth} now")

    if not named:
        if title is not None and title < 1:
            told = title <= max(own.title(table), known.title(reference)) or (
                _figures(table.heading) != _figures(reference.heading)
                and (own.counted(table) or known.counted(reference))
            )
        elif (sheet is not None and sheet < 1 and title is None) or (title == 1 and sheet is not None and sheet < 1):
            told = sheet <= max(own.sheet(table), known.sheet(reference))
        elif sheet is None and file < 1:
            told = file <= max(own.file(table), known.file(reference))
    if told:
        reasons.append("the labels differ as much as those of two tables of one release")
    weight = sum(w for w, _ in parts)
    return sum(w * s for w, s in parts) / weight, named, bool(told), reasons


def words_alike(a: Sequence[str], b: Sequence[str]) -> float:
    """Likeness of two labels by shared words, numbers counting double; 1 for equal labels alone."""
    if tuple(a) == tuple(b):
        return 1.0
    if not a or not b:
        return 0.0
    mine, theirs = set(a), set(b)
    shared = sum(2.0 if w[0].isdigit() else 1.0 for w in mine & theirs)
    every = sum(2.0 if w[0].isdigit() else 1.0 for w in mine | theirs)
    return min(0.99, shared / every)


def _in_words(label: Sequence[str]) -> tuple[str, ...]:
    return tuple(w for w in label if not w[0].isdigit())


def _figures(label: Sequence[str]) -> tuple[str, ...]:
    return tuple(w for w in label if w[0].isdigit())


def speaks(label: Sequence[str]) -> bool:
    """Whether a label says what a table is about, unlike ``Table 4`` or ``Sheet1``."""
    return any(w not in _GENERIC and not w[0].isdigit() and len(w) > 1 for w in label)


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
            parts = _some([m.table.where for m in heirs])
            told.append((gone.source, f"{gone.source} ({gone.where}) seems split into {parts}"))
        elif heirs:
            text = f"{gone.source} ({gone.where}) has vanished; {heirs[0].table.where} is like it"
            told.append((gone.source, text))
        else:
            told.append((gone.source, f"{gone.source} ({gone.where}) has vanished"))
    for row, match in fresh:
        parents = [r for r in vanished if _akin(scores[row][column[id(r)]])]
        if len(parents) > 1:
            text = f"{match.table.where} seems merged from {_some([p.source for p in parents])}"
            told.append((parents[0].source, text))
    return told


def _akin(score: Score) -> bool:
    return score.structure >= 0.7 and score.labels >= 0.3


def _optimal(weights: list[list[float]]) -> dict[int, int]:
    """Row → column of the one-to-one assignment with the largest sum; zeros are never assigned."""
    best = {r: max(range(len(row)), key=row.__getitem__) for r, row in enumerate(weights) if row and max(row) > 0}
    if len(set(best.values())) == len(best):
        return best
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(weights, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if weights[r][c] > 0}
