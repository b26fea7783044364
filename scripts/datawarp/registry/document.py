"""YAML configuration files: read fast, and every problem told with its line and a hint.

A sound file is parsed once by libyaml. Only when something is wrong is the file parsed again with
line marks, so that thousands of releases cost a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from datawarp.errors import RegistryError
from datawarp.registry.problems import Location, Problem

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _DuplicateKeys(Exception):
    """Raised on the fast path alone; the slow path says which keys and where."""


class _StrictLoader(_Loader):  # type: ignore[misc]
    """Safe YAML whose keys are texts as written (``on`` stays ``on``) and occur once; dates are texts too."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        written = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(written)) != len(node.value):
            raise _DuplicateKeys
        self.flatten_mapping(node)
        # an anchor merged in with `<<` stands before the mapping's own keys, which overrule it
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_yaml_map(self, node: yaml.MappingNode) -> Iterator[dict[Hashable, Any]]:
        data: dict[Hashable, Any] = {}
        yield data
        data.update(self.construct_mapping(node))


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _StrictLoader.construct_yaml_map)
# Dates stay text: a day such as 2025-02-30 is then the period's error, on its line.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class Document:
    """A YAML file whose top is a mapping: ``data`` as plain values, and lines by location on demand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {}
        self._tree: yaml.Node | None = None

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document in ``path``; raises :class:`RegistryError` for a missing, unreadable or broken file."""
        document = cls(path)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            raise RegistryError("there is no such file", where=str(path), hint="give its path, or make it") from None
        except (OSError, UnicodeDecodeError) as problem:
            raise RegistryError(f"cannot be read: {problem}", where=str(path), hint="save it as UTF-8") from None
        try:
            data = yaml.load(text, Loader=_StrictLoader)
        except _DuplicateKeys:
            document._tree = yaml.compose(text, Loader=_Loader)
            document.fail(_odd_keys(document._tree))
        except (yaml.YAMLError, RecursionError, ValueError) as problem:
            document.fail([_syntax_problem(problem)])
        if data is not None and not isinstance(data, dict):
            found = "list" if isinstance(data, list) else "text" if isinstance(data, str) else type(data).__name__
            document.fail([Problem((), f"expected keys and values, found a {found}", "begin with `key:`", line=1)])
        document.data = data or {}
        return document

    def line(self, problem: Problem) -> int:
        """The 1-based line of a problem, or of the deepest part of its location that is there; 0 if unknown."""
        if problem.line:
            return problem.line
        if self._tree is None:
            self._tree = yaml.compose(self.path.read_bytes().decode("utf-8-sig"), Loader=_Loader)
        node, line = self._tree, 1
        for depth, part in enumerate(problem.location):
            found = _child(node, part)
            if found is None:
                break
            key, node = found
            last = depth == len(problem.location) - 1
            line = (key if last and problem.at_key else node).start_mark.line + 1
        return line

    def fail(self, problems: Iterable[Problem]) -> NoReturn:
        """Raise one :class:`RegistryError` that lists ``problems`` in the order of their lines."""
        lines = []
        placed = sorted(((self.line(p), p) for p in problems), key=lambda pair: pair[0])
        for line, problem in placed:
            told = f"{self.path}:{line}: {problem.message}"
            lines.append(f"{told}\n    what to do: {problem.hint}" if problem.hint else told)
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise RegistryError("\n  ".join([f"{count} in {self.path}", *lines]))


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    return None


def _odd_keys(node: yaml.Node | None, place: Location = ()) -> list[Problem]:
    """Keys that occur twice in one mapping, or that are no plain text."""
    problems: list[Problem] = []
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            problems += _odd_keys(value, (*place, index))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            told = ".".join(str(part) for part in place)
            if not isinstance(key, yaml.ScalarNode):
                problems.append(Problem(place, f"{told}: a key must be a plain text", line=line))
                continue
            if key.value in first:
                problems.append(
                    Problem(
                        (*place, key.value),
                        f"{told + ': ' if told else ''}the key {key.value!r} is written twice, first on line "
                        f"{first[key.value]}",
                        "keep one of the two, or join them",
                        line=line,
                    )
                )
            first.setdefault(key.value, line)
            problems += _odd_keys(value, (*place, key.value))
    return problems


def _syntax_problem(problem: Exception) -> Problem:
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    said = ", ".join(
        str(part) for part in (getattr(problem, "context", None), getattr(problem, "problem", None)) if part
    )
    line = mark.line + 1 if mark else 1
    hint = "indent with spaces, not tabs" if "'\\t'" in said else "check indentation, quotes, colons and brackets there"
    return Problem((), f"not valid YAML: {said or problem}", hint, line=line)
