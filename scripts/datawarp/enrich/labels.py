"""How alike the labels of two tables are: title, sheet, file, place on the sheet; and what labels can tell.

A word says as much as it tells the tables of a release apart: ``deliveries by method of onset, induced`` beside
``deliveries by method of onset, surgical`` says ``induced``. So words that every table of a release has count
little, and labels that differ as much as those of two tables of one release do are no evidence of sameness.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from datawarp.enrich.features import TableFeatures

Label = tuple[str, ...]

# What a word counts that all tables of a release have, one that begins like another or abbreviates it, a number.
SHARED_WORD = 0.25
SHORTENED = 0.8
NUMBER = 2.0
# Titles whose words, numbers apart, are so alike belong to one family of tables.
SAME_FAMILY = 0.6

_GENERIC = frozenset(
    ["table", "tab", "sheet", "sheet1", "data", "dataset", "worksheet", "figure", "figures", "file", "csv", "annex"]
)
_COUNTER = re.compile(r"[a-z]{0,2}\d+[a-z]?")
# Words that make a label say the opposite.
_OPPOSITES = frozenset(["non", "not", "no", "without", "excluding", "except", "un", "neither"])
# A number beside one of these is part of what is counted; other numbers may change (`the 148 organisations`).
_BEFORE_NUMBERS = frozenset(
    [
        *("aged", "age", "ages", "over", "under", "above", "below", "than", "within", "least", "most", "per", "covid"),
        *("type", "stage", "category", "dose", "band", "grade", "tier", "level", "part", "phase", "cohort", "key"),
    ]
)
_BEHIND_NUMBERS = frozenset(
    [
        *("week", "weeks", "day", "days", "month", "months", "year", "years", "hour", "hours", "minute", "minutes"),
        *("percent", "plus", "dose", "doses", "older", "over"),
    ]
)


def speaks(label: Sequence[str]) -> bool:
    """Whether a label says what a table is about, unlike ``Table 4``, ``A1`` or ``Sheet1``."""
    return any(w not in _GENERIC and len(w) > 1 and not _COUNTER.fullmatch(w) for w in label)


def words_alike(a: Sequence[str], b: Sequence[str], weight: Callable[[str], float] | None = None) -> float:
    """Likeness of two labels by shared words, numbers counting double; 1 for equal labels alone.

    ``weight`` is what a word counts, 1 without it.
    """
    if tuple(a) == tuple(b):
        return 1.0
    if not a or not b:
        return 0.0
    mine, theirs = set(a), set(b)
    worth = {w: (NUMBER if w[0].isdigit() else 1.0) * (weight(w) if weight else 1.0) for w in mine | theirs}
    left, right, abbreviated = _differing(a, b)
    shared = every = sum(worth[w] for w in mine & theirs)
    for short, long in abbreviated:
        one = max(sum(worth[w] for w in short), sum(worth[w] for w in long))
        shared += SHORTENED * one
        every += one
    every += sum(worth[w] for w in {*left, *right})
    return min(0.99, shared / every) if every else 0.99


def replaced(a: Sequence[str], b: Sequence[str], weight: Callable[[str], float] | None = None) -> bool:
    """Whether ``b`` says something else than ``a``, and not only more or less: a telling word for another, a `non`."""
    left, right, _ = _differing(a, b)
    if _OPPOSITES & {*left, *right}:
        return True
    sides = ([w for w in side if speaks((w,)) and (weight is None or weight(w) == 1.0)] for side in (left, right))
    return all(sides)


def _differing(a: Sequence[str], b: Sequence[str]) -> tuple[list[str], list[str], list[tuple[list[str], list[str]]]]:
    """The words that only ``a`` has, that only ``b`` has, and those of both that are short for others."""
    left = [w for w in dict.fromkeys(a) if w not in b]
    right = [w for w in dict.fromkeys(b) if w not in a]
    abbreviated = _shortened(left, right)
    for word, meant in _shortened(right, left):
        if not any(word[0] in long for _, long in abbreviated) and not any(
            w in s for w in meant for s, _ in abbreviated
        ):
            abbreviated.append((word, meant))
    taken = {w for short, long in abbreviated for w in (*short, *long)}
    return [w for w in left if w not in taken], [w for w in right if w not in taken], abbreviated


def _shortened(short: Sequence[str], long: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """Words of ``short`` that begin a word of ``long``, or spell the initials of words that follow each other."""
    found, free = [], list(long)
    for word in dict.fromkeys(short):
        if not word.isalpha():
            continue
        size = len(word)
        runs = [free[n : n + size] for n in range(len(free) - size + 1)] if 2 <= size <= 6 else []
        meant = next((run for run in runs if "".join(w[0] for w in run) == word), None)
        if meant is None and size >= 3:
            meant = next(([w] for w in free if len(w) > size and w.startswith(word)), None)
        if meant is not None:
            found.append(([word], meant))
            free = [w for w in free if w not in meant]
    return found


def qualified_figures(label: Sequence[str]) -> Label:
    """The numbers of a label that say what is counted: ages, waiting times, types; not ``148 organisations``."""
    found = []
    for n, word in enumerate(label):
        if not word[0].isdigit():
            continue
        before = label[n - 1] if n else ""
        behind = next((w for w in label[n + 1 :] if not w[0].isdigit()), "")
        earlier = next((w for w in reversed(label[:n]) if not w[0].isdigit()), "")
        if {before, earlier} & _BEFORE_NUMBERS or behind in _BEHIND_NUMBERS or not word.isdigit():
            found.append(word)
    return tuple(found)


class Labels:
    """How telling the labels of one release's tables are among themselves."""

    def __init__(self, tables: Sequence[TableFeatures]) -> None:
        self._titles = _Siblings([t.heading for t in tables])
        self._sheets = _Siblings([t.sheet or () for t in tables])
        self._files = _Siblings([t.file for t in tables])
        self._tables = tables
        self._row = {id(t): n for n, t in enumerate(tables)}
        self._twins = Counter(_twin_key(t) for t in tables)
        self._headers = [_headers(t) for t in tables]
        self._alike: dict[int, frozenset[int]] = {}

    def counted(self, table: TableFeatures) -> bool:
        """Whether numbers tell the title of ``table`` from that of another table of its release."""
        mine = _in_words(table.heading)
        return any(
            words_alike(mine, _in_words(other.heading)) >= SAME_FAMILY
            and _figures(other.heading) != _figures(table.heading)
            for other in self._tables
            if other is not table
        )

    def twins(self, table: TableFeatures) -> int:
        """How many tables of the release differ from ``table`` in numbers of sheet, file and place alone; with it."""
        return self._twins[_twin_key(table)]

    def title(self, table: TableFeatures, confusable: bool = False) -> float:
        """Likeness of the title of ``table`` to the one most like it in its release; 1 for a shared title.

        Only tables of like columns count where it is asked for what the table can be ``confusable`` with.
        """
        return self._titles.nearest(self._row[id(table)], self._like(table) if confusable else None)

    def sheet(self, table: TableFeatures, confusable: bool = False) -> float:
        """The same of its sheet's name."""
        return self._sheets.nearest(self._row[id(table)], self._like(table) if confusable else None)

    def file(self, table: TableFeatures, confusable: bool = False) -> float:
        """The same of its file's name."""
        return self._files.nearest(self._row[id(table)], self._like(table) if confusable else None)

    def _like(self, table: TableFeatures) -> frozenset[int]:
        """The rows of the tables whose columns are like those of ``table``."""
        row = self._row[id(table)]
        if row not in self._alike:
            mine = self._headers[row]
            self._alike[row] = frozenset(n for n, other in enumerate(self._headers) if n != row and _like(mine, other))
        return self._alike[row]

    def of_titles(self, other: Labels) -> Callable[[str], float]:
        """What a word counts in the titles of this release and of ``other``."""
        return _joint(self._titles, other._titles)

    def of_sheets(self, other: Labels) -> Callable[[str], float]:
        """The same in names of sheets."""
        return _joint(self._sheets, other._sheets)

    def of_files(self, other: Labels) -> Callable[[str], float]:
        """The same in names of files."""
        return _joint(self._files, other._files)


def _twin_key(table: TableFeatures) -> tuple[object, ...]:
    words = (table.heading, _in_words(table.sheet or ()), _in_words(table.file))
    return (*words, frozenset(c.header for c in table.columns))


Headers = tuple[frozenset[str], frozenset[str]]


def _headers(table: TableFeatures) -> Headers:
    """All headers, and those that say what rows are about."""
    every = frozenset(c.header for c in table.columns)
    return every, frozenset(c.header for c in table.columns if c.type == "text")


def _like(a: Headers, b: Headers) -> bool:
    return all(2 * len(one & other) >= len(one | other) for one, other in zip(a, b, strict=True))


class _Siblings:
    """Labels of one kind in one release."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels
        self._found: dict[tuple[int, bool], float] = {}
        distinct = {label for label in labels if label}
        counts = Counter(w for label in distinct for w in set(label))
        self.known = frozenset(counts)
        self.common = frozenset(w for w, n in counts.items() if n == len(distinct) > 1)

    def weight(self, word: str) -> float:
        return SHARED_WORD if word in self.common else 1.0

    def nearest(self, row: int, among: frozenset[int] | None = None) -> float:
        """Likeness to the label most like that of ``row``, of all or of those ``among`` which are looked at."""
        key = (row, among is None)
        if key not in self._found:
            mine = self._labels[row]
            others = (n for n in range(len(self._labels)) if n != row and (among is None or n in among))
            self._found[key] = max((words_alike(mine, self._labels[n], self.weight) for n in others), default=0.0)
        return self._found[key]


def _joint(own: _Siblings, known: _Siblings) -> Callable[[str], float]:
    """What a word tells in either release: one that only one of them has counts as it does there."""

    def weight(word: str) -> float:
        return max(side.weight(word) for side in (own, known) if word in side.known)

    return weight


@dataclass
class Likeness:
    """How alike the labels of two tables are.

    ``named`` is whether a title or sheet name that no other table has is the same in both; ``apart`` whether the
    labels differ as those of two tables of one release do.
    """

    score: float
    named: bool
    apart: bool
    reasons: list[str] = field(default_factory=list)


def compare_labels(table: TableFeatures, reference: TableFeatures, own: Labels, known: Labels) -> Likeness:
    """Likeness of title, sheet, file and place; ``own`` and ``known`` are the labels of the two releases."""
    parts: list[tuple[float, float]] = []
    reasons: list[str] = []
    named = False

    title: float | None = None
    if table.heading and reference.heading:
        title = words_alike(table.heading, reference.heading, own.of_titles(known))
        parts.append((3.0, title))
        reasons.append("the title is the same" if title == 1 else f"the titles are alike to {title:.0%}")
        named = title == 1 and own.title(table) < 1 and known.title(reference) < 1
    sheet: float | None = None
    if table.sheet is not None and reference.sheet is not None:
        sheet = words_alike(table.sheet, reference.sheet, own.of_sheets(known))
        parts.append((3.0, sheet))
        reasons.append(
            f"the sheet is again {table.entry.sheet!r}"
            if sheet == 1
            else f"sheet {reference.entry.sheet!r} before, {table.entry.sheet!r} now"
        )
        named = named or (sheet == 1 and speaks(table.sheet) and own.sheet(table) < 1 and known.sheet(reference) < 1)
    file = words_alike(table.file, reference.file, own.of_files(known))
    parts.append((3.0 if table.sheet is None else 1.0, file))
    if file < 1:
        reasons.append(f"file {reference.entry.filename!r} before, {table.entry.filename!r} now")
    if table.nth != reference.nth:
        parts.append((1.0, 0.0))
        reasons.append(f"table {reference.nth} of its sheet before, table {table.nth} now")

    apart = not named and _apart(table, reference, own, known, title, sheet, file)
    if apart:
        reasons.append("the labels differ as much as those of two tables of one release")
    elif not named and (before := known.twins(reference)) != (now := own.twins(table)):
        # One was put in or taken out, and all behind it may have moved on.
        apart = True
        reasons.append(f"{before} tables of these labels and columns before, {now} now: numbers alone tell them apart")
    score = sum(w * s for w, s in parts) / sum(w for w, _ in parts)
    return Likeness(score, named, apart, reasons)


def _apart(
    table: TableFeatures,
    reference: TableFeatures,
    own: Labels,
    known: Labels,
    title: float | None,
    sheet: float | None,
    file: float,
) -> bool:
    """Whether the most telling label that differs speaks against the pair."""
    if title is not None and title < 1:
        a, b = table.heading, reference.heading
        if title <= max(own.title(table, confusable=True), known.title(reference, confusable=True)):
            return True
        if replaced(a, b, own.of_titles(known)) or qualified_figures(a) != qualified_figures(b):
            return True
        return _figures(a) != _figures(b) and (own.counted(table) or known.counted(reference))
    if sheet is not None:
        return sheet < 1 and sheet <= max(own.sheet(table, confusable=True), known.sheet(reference, confusable=True))
    if file == 1:
        return False
    return file <= max(own.file(table, confusable=True), known.file(reference, confusable=True)) or replaced(
        table.file, reference.file, own.of_files(known)
    )


def _in_words(label: Sequence[str]) -> Label:
    return tuple(w for w in label if not w[0].isdigit())


def _figures(label: Sequence[str]) -> Label:
    return tuple(w for w in label if w[0].isdigit())
