"""Canonical source codes, by rule alone: from printed titles, sheet names, file names, publication.

A code holds no period, version or file name; no model has a say in it, so the same release gives
the same code whatever models are configured. It begins with the publication's code, which makes it
unique among publications, and is unique within the unit and against the codes ``taken`` before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from datawarp.enrich import words
from datawarp.enrich.features import TableFeatures

# PostgreSQL cuts names at 63 bytes: room for `tbl_` before and for suffixes of indexes behind.
LONGEST_CODE = 52
_SAYS_NOTHING = frozenset(["table", "tab", "sheet", "sheet1", "data", "dataset", "worksheet", "figures", "file", "csv"])


def table_name(code: str) -> str:
    """The staging table of a source."""
    return f"tbl_{code}"


def name_sources(
    publication: str, publication_name: str, tables: Sequence[TableFeatures], taken: Iterable[str] = ()
) -> list[str]:
    """One code for each of ``tables``, in their order.

    ``taken`` are codes of the publication that other tables have already.
    """
    known = _phrase(publication, publication_name)
    used = set(taken)
    candidates = [_candidates(t, known) for t in tables]
    _drop_common_words(candidates)
    counts = [Counter(tuple(c[level]) for c in candidates) for level in range(4)]
    codes = []
    for labels in candidates:
        code = _code(publication, _choose(labels, counts))
        if code in used:
            number = 2
            while (numbered := f"{code[: LONGEST_CODE - len(str(number)) - 1].rstrip('_')}_{number}") in used:
                number += 1
            code = numbered
        used.add(code)
        codes.append(code)
    return codes


def _phrase(publication: str, publication_name: str) -> tuple[list[str], list[str]]:
    return publication.split("_"), words.significant(words.timeless(publication_name))


def _candidates(table: TableFeatures, known: tuple[list[str], list[str]]) -> list[list[str]]:
    """Labels of a table: title, sheet, title with sheet, file with sheet."""
    title = _without_phrases(list(table.title), known)
    sheet = _without_phrases([w for w in table.sheet or () if w not in words.STOP_WORDS], known)
    file = _without_phrases([w for w in table.file if w not in words.STOP_WORDS], known)
    return [
        title,
        sheet,
        [*title, *(w for w in sheet if w not in title)],
        [*file, *(w for w in sheet if w not in file)],
    ]


def _without_phrases(label: list[str], known: tuple[list[str], list[str]]) -> list[str]:
    """``label`` without the runs of two and more words that repeat the publication's code or name."""
    if not label:
        return label
    kept = list(label)
    for phrase in known:
        if len(phrase) == 1 and phrase[0] in kept:
            kept.remove(phrase[0])
        for size in range(min(len(phrase), len(kept)), 1, -1):
            runs = {tuple(phrase[i : i + size]) for i in range(len(phrase) - size + 1)}
            for start in range(len(kept) - size, -1, -1):
                if tuple(kept[start : start + size]) in runs:
                    del kept[start : start + size]
    return kept


def _drop_common_words(candidates: list[list[list[str]]]) -> None:
    """Shorten long labels that begin alike: what most titles of the unit share tells none from another."""
    for level in (0, 2):
        long = [c[level] for c in candidates if len("_".join(c[level])) > LONGEST_CODE // 2]
        if len(long) < 4:
            continue
        shares = Counter(w for label in long for w in set(label))
        for candidate in candidates:
            label = candidate[level]
            kept = [w for w in label if shares[w] <= len(long) / 2]
            if kept and len("_".join(label)) > LONGEST_CODE // 2:
                candidate[level] = kept


def _choose(labels: list[list[str]], counts: list[Counter[tuple[str, ...]]]) -> list[str]:
    """The first label that says something and that no other table of the unit has."""
    for level, label in enumerate(labels):
        if _speaks(label) and counts[level][tuple(label)] == 1:
            return label
    for level, label in enumerate(labels):
        if label and counts[level][tuple(label)] == 1:
            return label
    return next((label for label in labels if _speaks(label)), next((label for label in labels if label), []))


def _speaks(label: list[str]) -> bool:
    return any(w not in _SAYS_NOTHING and not w[0].isdigit() and len(w) > 1 for w in label)


def _code(publication: str, label: list[str]) -> str:
    code = publication[:LONGEST_CODE]
    for word in label:
        if len(code) + len(word) + 1 > LONGEST_CODE:
            break
        code = f"{code}_{word}"
    return code
