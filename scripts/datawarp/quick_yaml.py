"""YAML read and written quickly: the values and the bytes of PyYAML's safe classes over libyaml, without their detours.

Those ask a list of patterns for the type of every single word, and take every value through a queue of generators.
Here a text's type and value are found once, however often it occurs: most words of a manifest are its keys.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver, Resolver

_AnyLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_AnyDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

TEXT, LIST, MAPPING = (
    BaseResolver.DEFAULT_SCALAR_TAG,
    BaseResolver.DEFAULT_SEQUENCE_TAG,
    BaseResolver.DEFAULT_MAPPING_TAG,
)
NULL, BOOL, INT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int"))
_UNCHANGING = frozenset({NULL, BOOL, INT, *(f"tag:yaml.org,2002:{name}" for name in ("float", "timestamp"))})
_IMPLICIT = Resolver()
_SAFE = SafeConstructor()


@lru_cache(maxsize=65536)
def _tag(text: str) -> str:
    """The type that YAML takes a text without quotes for."""
    return str(_IMPLICIT.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=65536)
def _scalar(tag: str, text: str) -> Any:
    return _SAFE.construct_object(ScalarNode(tag, text))


class _Tags:
    """Tells the type of a node without a tag of its own."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _tag(value) if implicit[0] else TEXT
        return LIST if kind is SequenceNode else MAPPING


class QuickLoader(_Tags, _AnyLoader):  # type: ignore[misc]
    """For ``yaml.load``: one document of plain values. A mapping or list that holds itself is refused."""

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        return None if node is None else self._value(node, {})

    def _value(self, node: Node, made: dict[Node, Any]) -> Any:
        """The value of ``node``; ``made`` are the lists and mappings so far, ``None`` for those not yet done."""
        tag = node.tag
        if tag == TEXT and type(node) is ScalarNode:
            return node.value
        if tag in _UNCHANGING and type(node) is ScalarNode:
            return _scalar(tag, node.value)
        if node in made:  # an alias
            if made[node] is None:
                raise ConstructorError(None, None, "found unconstructable recursive node", node.start_mark)
            return made[node]
        made[node] = None
        if tag == MAPPING and type(node) is MappingNode and all(key.tag == TEXT for key, _ in node.value):
            value: Any = {key.value: self._value(held, made) for key, held in node.value}
        elif tag == LIST and type(node) is SequenceNode:
            value = [self._value(held, made) for held in node.value]
        else:  # merged keys, keys that are no texts, sets, other tags
            value = self.construct_object(node, deep=True)
        made[node] = value
        return value


class QuickDumper(_Tags, _AnyDumper):  # type: ignore[misc]
    """For ``yaml.serialize``."""


def load_yaml(data: bytes | str) -> Any:
    """The one document in ``data``; raises ``yaml.YAMLError``."""
    return yaml.load(data, Loader=QuickLoader)
