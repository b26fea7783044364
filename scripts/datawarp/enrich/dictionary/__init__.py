"""The dictionary of NHS terms, codes and columns: data files beside this module, each with its sources."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from datawarp.enrich.words import STOP_WORDS
from datawarp.quick_yaml import load_yaml


@dataclass(frozen=True)
class Concept:
    """What a column header stands for.

    ``exact`` is whether the whole header is the concept, and not only a part of it, ``from_values``
    whether the values say so. ``level`` is the organisation level that the values are of.
    """

    name: str
    description: str
    role: str | None = None
    level: str | None = None
    keywords: list[str] = field(default_factory=list)
    exact: bool = False
    from_values: bool = False


@dataclass(frozen=True)
class CodeShape:
    """The printed form of a kind of code, such as a practice's: a letter and five digits."""

    name: str
    pattern: re.Pattern[str]
    description: str
    level: str | None = None


class Dictionary:
    """Terms, column concepts, code shapes and organisation levels, looked up by words."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self._found: dict[tuple[str, ...], Concept | None] = {}
        self.terms: dict[str, str] = {str(k).lower(): str(v) for k, v in documents["terms"]["terms"].items()}
        self.levels: dict[str, str] = {
            str(word): level["name"] for level in documents["organisations"]["levels"] for word in level["words"]
        }
        self._level_order = [level["name"] for level in documents["organisations"]["levels"]]
        self.identifies_records = frozenset(documents["columns"].get("identify_records", []))

    @cached_property
    def codes(self) -> list[CodeShape]:
        """The shapes of codes, the most particular first."""
        return [
            CodeShape(c["name"], re.compile(c["pattern"]), c["description"], c.get("level"))
            for c in self._documents["organisations"]["codes"]
        ]

    @cached_property
    def _concepts(self) -> dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]]:
        """The columns that the words of a header stand for, each with its place: the first one counts."""
        found: dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]] = {}
        for place, entry in enumerate(self._documents["columns"]["columns"]):
            for header in entry["headers"]:
                found.setdefault(tuple(str(header).split()), []).append((place, entry))
        return found

    def concept(self, header: Sequence[str]) -> Concept | None:
        """The concept whose words ``header`` is or, failing that, ends or begins with; longest first."""
        spelled = tuple(header)
        if spelled not in self._found:
            self._found[spelled] = self._concept(spelled)
        return self._found[spelled]

    def _concept(self, spelled: tuple[str, ...]) -> Concept | None:
        whole = self._concepts.get(spelled)
        if whole:
            return _meant(whole[0][1], exact=True)
        for size in range(len(spelled) - 1, 0, -1):
            ends = (spelled[-size:], spelled[:size])
            parts = [found for words in ends for found in self._concepts.get(words, ()) if not found[1].get("whole")]
            if parts:
                return _meant(min(parts, key=lambda found: found[0])[1], exact=False)
        return None

    def shape(self, samples: Sequence[str]) -> CodeShape | None:
        """The kind of code or value that all ``samples`` are; ``None`` for fewer than two."""
        if len(samples) < 2:
            return None
        return next((code for code in self.codes if all(code.pattern.fullmatch(s) for s in samples)), None)

    def spelled_out(self, header: Sequence[str]) -> list[str]:
        """``header`` with abbreviations replaced by what they stand for, in lower case; ``at`` stays a small word."""
        meant = [word if word in STOP_WORDS else self.terms.get(word, word) for word in header]
        return [w for text in meant for w in re.findall(r"[a-z0-9]+", text.lower())]

    def spelled_out_text(self, text: str) -> str:
        """``text`` with what abbreviations stand for in brackets behind the first of each."""
        seen: set[str] = set()

        def explain(match: re.Match[str]) -> str:
            word = match[0]
            full = self.terms.get(word.lower())
            if full is None or word.lower() in seen or not word.isupper() or full.lower() in text.lower():
                return word
            seen.add(word.lower())
            return f"{word} ({full})"

        return re.sub(r"[A-Za-z][A-Za-z0-9]*", explain, text.replace("_", " "))

    def order_of_level(self, level: str) -> int:
        """Finest level first: person, practice, provider … nation."""
        return self._level_order.index(level)


def _meant(entry: Mapping[str, Any], exact: bool) -> Concept:
    return Concept(
        entry["name"],
        entry["description"],
        entry.get("role"),
        entry.get("level"),
        list(entry.get("keywords", [])),
        exact,
    )


@lru_cache(maxsize=1)
def load_dictionary() -> Dictionary:
    """The dictionary that ships with DataWarp."""
    folder = files(__package__)
    names = ("terms", "organisations", "columns")
    return Dictionary({name: load_yaml(folder.joinpath(f"{name}.yaml").read_bytes()) for name in names})
