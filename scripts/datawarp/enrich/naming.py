"""Canonical source codes, by rule alone: from printed titles, sheet names, file names, publication.

A code holds no period, version or file name; no model has a say in it, so the same release gives
the same code whatever models are configured. It begins with the publication's code, and is unique
within the unit and against the codes ``taken`` before.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from datawarp.enrich import titles, words
from datawarp.enrich.features import TableFeatures
from datawarp.enrich.labels import qualified_figures, speaks

# PostgreSQL cuts names at 63 bytes: room for `tbl_` before and for suffixes of indexes behind.
LONGEST_CODE = 56
_LONGEST_STEM = 40

Label = tuple[str, ...]


def table_name(code: str) -> str:
    """The staging table of a source."""
    return f"tbl_{code}"


def name_sources(
    publication: str,
    publication_name: str,
    tables: Sequence[TableFeatures],
    taken: Iterable[str] = (),
    publications: Iterable[str] = (),
) -> list[str]:
    """One code for each of ``tables``, in their order.

    ``taken`` are codes that other tables have already. ``publications`` are the codes of all publications: no
    source of one is called as a source of another could be, whichever is enriched first.
    """
    known = _Known(publication, publication_name)
    publication, others = stem(publication), {stem(p) for p in publications}
    foreign = tuple(p for p in others if p.startswith(f"{publication}_"))
    labels = _labels(tables, known, LONGEST_CODE - len(publication) - 1)
    counts = Counter((n, _code(publication, label)) for table in labels for n, label in enumerate(table.makeshift))
    used = set(taken)
    codes = []
    for table in labels:
        code = _choose(publication, table, lambda n, code: counts[n, code] == 1)
        code = _free(_at_home(publication, code, foreign), used)
        used.add(code)
        codes.append(code)
    return codes


class _Known:
    """Words that a code needs not say again, because the publication's code and name say them."""

    def __init__(self, publication: str, name: str) -> None:
        phrases = (tuple(publication.split("_")), tuple(words.significant(words.timeless(name))))
        self.phrases = tuple(sorted(phrases, key=len, reverse=True))
        self.words = {w for phrase in self.phrases for w in phrase}

    def cut(self, label: Sequence[str]) -> Label:
        """``label`` without the runs of two and more words that repeat the publication's code or name."""
        kept = list(label)
        if all(w in self.words for w in kept):
            return ()
        for phrase in self.phrases:
            if len(phrase) == 1 and phrase[0] in kept:
                kept.remove(phrase[0])
            for size in range(min(len(phrase), len(kept)), 1, -1):
                runs = {phrase[i : i + size] for i in range(len(phrase) - size + 1)}
                for start in range(len(kept) - size, -1, -1):
                    if tuple(kept[start : start + size]) in runs:
                        del kept[start : start + size]
        return tuple(kept)


@dataclass(frozen=True)
class _Labels:
    """What a table may be called: plain labels, the most telling first, and labels for want of better."""

    plain: tuple[Label, ...]
    makeshift: tuple[Label, ...]


def _labels(tables: Sequence[TableFeatures], known: _Known, room: int) -> list[_Labels]:
    """The labels of each table; their order is the same for all tables."""
    telling = _telling_words(tables)
    parts = [_parts(t) for t in tables]
    shares = Counter(part for one in parts for part in set(one))
    found = []
    for table, of_title in zip(tables, parts, strict=True):
        title, caption = known.cut(_lasting(table.title)), known.cut(_lasting(table.caption))
        sheet = known.cut(_without_stop_words(table.sheet or ()))
        file = known.cut(_without_stop_words(table.file))
        own = known.cut([w for w in table.heading if w in telling])
        rare, first = map(known.cut, _rarest(of_title, shares, len(tables), room))
        stub = ("by", *words.tokens(table.columns[0].header)) if table.columns else ()
        if len("".join(sheet)) < 6 and own:
            sheet = ()  # an abbreviation, where words are printed above the table
        plain = (title, caption, rare, sheet, first, _joined(sheet, caption), own, file)
        makeshift = (
            *plain,
            _joined(sheet, own),
            table.sheet or (),
            _joined(table.sheet or (), stub),
            _joined(title, stub),
        )
        found.append(_Labels(plain, makeshift))
    return found


def _lasting(label: Label) -> Label:
    """``label`` without numbers that may be others next time: ``the 148 organisations``."""
    kept = qualified_figures(label)
    return tuple(w for w in label if not w[0].isdigit() or w in kept)


def _without_stop_words(label: Sequence[str]) -> Label:
    """Long names of sheets and files without small words; in short ones they may be abbreviations (``AT``)."""
    return tuple(label) if len(label) <= 4 else tuple(w for w in label if w not in words.STOP_WORDS)


def _joined(first: Label, second: Label) -> Label:
    return first + tuple(w for w in second if w not in first)


def _parts(table: TableFeatures) -> list[Label]:
    """The title's parts between commas, colons and dashes, as words."""
    printed = words.timeless(words.split_number(titles.title_of(table.entry))[1])
    found = [_lasting(tuple(words.significant(words.unmarked(part)))) for part in re.split(r"[,:;()]| - ", printed)]
    return [part for part in found if part]


def _rarest(parts: Sequence[Label], shares: Mapping[Label, int], tables: int, room: int) -> tuple[Label, Label]:
    """The parts of a title that at most half of the release's tables have, the rarest first while there is room.

    None where there is no room for all of the rarest; then, as the second best, the longest of them.
    """
    telling = [n for n in range(len(parts)) if shares[parts[n]] <= max(1, tables / 2)]
    rarest = [n for n in telling if shares[parts[n]] == min(shares[parts[m]] for m in telling)]
    whole = _fitting(parts, sorted(telling, key=lambda n: shares[parts[n]]), room)
    longest = sorted(rarest, key=lambda n: -len("_".join(parts[n])))
    some = _fitting(parts, longest, room)
    some = some if set(longest[:1]) <= set(some) else longest[:1]
    whole = whole if set(rarest) <= set(whole) else []
    return _words_of(parts, whole), _words_of(parts, some)


def _words_of(parts: Sequence[Label], places: Sequence[int]) -> Label:
    return tuple(w for n in sorted(places) for w in parts[n])


def _fitting(parts: Sequence[Label], order: Sequence[int], room: int) -> list[int]:
    """The places of ``order`` whose parts fit into ``room`` together, the first ones first."""
    chosen: list[int] = []
    for n in order:
        if len("_".join(w for m in (*chosen, n) for w in parts[m])) <= room:
            chosen.append(n)
    return chosen


def _telling_words(tables: Sequence[TableFeatures]) -> set[str]:
    """Words that at most half of the unit's titles share."""
    shares = Counter(w for t in tables for w in set(t.heading))
    return {w for w, n in shares.items() if n <= max(1, len(tables) / 2)}


def _choose(publication: str, labels: _Labels, alone: Callable[[int, str], bool]) -> str:
    """The first label that says something, fits and that no other table has; else one that is cut or makeshift."""
    best = labels.plain[:6]  # title, caption, rare parts of the title, sheet, rarest part, sheet and caption
    if not any(labels.plain) and alone(0, _code(publication, ())):
        return _code(publication, ())
    whole = [n for n, label in enumerate(best) if len("_".join((publication, *label))) <= LONGEST_CODE]
    plain = range(len(labels.plain))
    every = range(len(labels.makeshift))
    for places, telling in ((whole, True), (plain, True), (plain, False), (every, True), (every, False)):
        for n in places:
            label = labels.makeshift[n]
            code = _code(publication, label)
            if label and (speaks(label) or not telling) and alone(n, code):
                return code
    return next((_code(publication, label) for label in labels.makeshift if label), publication)


def stem(publication: str) -> str:
    """What codes of the publication's sources begin with: its code, shortened where no room would be left."""
    if len(publication) <= _LONGEST_STEM:
        return publication
    return f"{publication[: _LONGEST_STEM - 7]}_{hashlib.sha256(publication.encode()).hexdigest()[:6]}"


def owner(code: str, publications: Iterable[str]) -> str | None:
    """The publication whose sources are called like ``code``: the longest code that it begins with."""
    return max((p for p in publications if code == p or code.startswith(f"{p}_")), key=len, default=None)


def _at_home(publication: str, code: str, foreign: Sequence[str]) -> str:
    """``code``, or like it what is no name of the publications ``foreign``: ``gp__practice_list``."""
    label, digest = code[len(publication) :].strip("_"), hashlib.sha256(publication.encode()).hexdigest()
    marks = iter(["", *(digest[:n] for n in range(6, 17))])
    while owner(code, foreign) is not None:
        code = f"{publication}_{next(marks)}_{label}"[:LONGEST_CODE].rstrip("_")
    return code


def _free(code: str, used: set[str]) -> str:
    number, candidate = 1, code
    while candidate in used:
        number += 1
        candidate = f"{code[: LONGEST_CODE - len(str(number)) - 1].rstrip('_')}_{number}"
    return candidate


def _code(publication: str, label: Label) -> str:
    code = publication
    for word in label:
        if len(code) + len(word) + 1 > LONGEST_CODE:
            break
        code = f"{code}_{word}"
    return re.sub(r"(?:_(?:by|not|per|than|between|over|under|did|do|does|via|including|excluding))+$", "", code)
