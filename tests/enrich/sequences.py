"""Sequences of made-up releases, read from a compact notation: what continues what is part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from made_releases import manifest

from datawarp.enrich.derive import Derived, derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.reference import gather
from datawarp.manifest.models import Column, FileEntry, Layout, Manifest, WidePeriods
from datawarp.registry.periods import Period, parse_period

TYPES = {"#": "integer", "%": "numeric"}


@dataclass(frozen=True)
class Sequence:
    """Releases of one publication; ``expected`` says by period and table which source it is, ``?`` if in doubt."""

    code: str
    name: str
    drafts: dict[str, Manifest]
    expected: dict[str, list[str]]


@dataclass(frozen=True)
class Pair:
    """Two tables of a sequence: what was expected of them and what became of them."""

    sequence: str
    one: str
    other: str
    same: bool
    together: bool
    open_to_doubt: bool


def read_sequences(path: Path) -> Iterator[Sequence]:
    """The sequences of a file; the notation is described at its head."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for code, releases in document["sequences"].items():
        name = releases.pop("name")
        drafts, expected = {}, {}
        for period, tables in releases.items():
            entries = [_entry(line, str(period), document["columns"]) for line in tables.values()]
            drafts[str(period)] = _draft(code, str(period), entries)
            expected[str(period)] = list(tables)
        yield Sequence(code, name, drafts, expected)


def followed(sequence: Sequence) -> dict[str, Derived]:
    """Each release enriched from those before it, as the workflow does."""
    made: dict[str, Derived] = {}
    for period, draft in sequence.drafts.items():
        before = [made[p].manifest for p in reversed(made)]
        stages = [gather(before[:1], previous=True), gather(before[1:])] if before else []
        made[period] = derive(draft, stages, sequence.name, load_dictionary())
    return made


def pairs(sequence: Sequence, made: dict[str, Derived]) -> Iterator[Pair]:
    """Every two tables of the sequence."""
    places = []
    for period, derived in made.items():
        codes = {e.id: s.code for s in derived.manifest.enabled for e in s.files}
        entries = [s.files[0] for s in sequence.drafts[period].sources]
        places += [(period, label, codes[e.id]) for label, e in zip(sequence.expected[period], entries, strict=True)]
    for (p, a, one), (q, b, other) in combinations(places, 2):
        same = a.rstrip("?") == b.rstrip("?")
        yield Pair(sequence.code, f"{p} {a}", f"{q} {b}", same, one == other, "?" in a + b)


def _draft(publication: str, period: str, entries: list[FileEntry]) -> Manifest:
    titles = [e.layout.title if e.layout and e.layout.title else e.sheet or e.filename for e in entries]
    return manifest(publication, period, entries, titles)


def _entry(line: str, period: str, lists: dict[str, str]) -> FileEntry:
    file, place, title, columns, rows = (part.strip() for part in line.split("|"))
    sheet, _, nth = place.partition("#")
    heading = [t.strip() for t in title.split(" / ") if t.strip()]
    described: list[Column] = []
    wide: list[str] = []
    for text in _spread(columns, lists):
        if text.startswith("@"):
            wide = [_letters(len(described) + n) for n in range(int(text[1:]))]
            described += [_month(letter, n, parse_period(period)) for n, letter in enumerate(wide)]
        else:
            described.append(_column(text, _letters(len(described))))
    layout = Layout(
        header_rows=(5, 5),
        data_rows=(6, 5 + int(rows)),
        columns=("A", _letters(len(described) - 1)),
        n_rows=int(rows),
        n_columns=len(described),
        title=heading[0].removeprefix("Title: ") if heading else None,
        heading=heading,
        wide_periods=WidePeriods(columns=wide) if wide else None,
    )
    identity = f"{abs(hash(file)) % 10**12:012d}:{sheet or file}#{nth or 1}"
    return FileEntry(
        id=identity, url=file, filename=file, sha256="0" * 64, sheet=sheet or None, layout=layout, columns=described
    )


def _spread(columns: str, lists: dict[str, str]) -> Iterator[str]:
    for text in columns.split(";"):
        name = text.strip()
        yield from _spread(lists[name[1:]], lists) if name.startswith("*") else [name]


def _column(text: str, letter: str) -> Column:
    header, _, values = text.partition("=")
    kind = TYPES.get(header[-1], "text")
    header = header if kind == "text" else header[:-1]
    described: dict[str, Any] = {"type": kind, "samples": values.split(",") if values else []}
    return Column(column=letter, original_name=header, name=header.lower().replace(" ", "_"), **described)


def _month(letter: str, n: int, when: Period) -> Column:
    label = f"Week {n + 1}"
    return Column(
        column=letter, original_name=label, name=f"week_{n}", type="integer", period=f"{when.start.year}-W{n + 1:02d}",
        period_label=label,
    )  # fmt: skip


def _letters(n: int) -> str:
    return chr(65 + n) if n < 26 else chr(64 + n // 26) + chr(65 + n % 26)
