"""YAML read and written quickly: the values and the bytes of PyYAML's safe classes over libyaml, without their detours.

Those make a node of every value, ask a list of patterns for the type of every single word, and take each value through
a queue of generators. Here values come straight from the parser's events and go straight to the emitter's, and what a
text stands for is found once, however often it occurs: most words of a manifest are its keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.nodes import ScalarNode
from yaml.representer import SafeRepresenter
from yaml.resolver import BaseResolver, Resolver

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_TEXT = BaseResolver.DEFAULT_SCALAR_TAG
_NULL, _BOOL, _INT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int"))
# Types whose values never change, so that one value does for every text alike.
_UNCHANGING = frozenset({_NULL, _BOOL, _INT, *(f"tag:yaml.org,2002:{name}" for name in ("float", "timestamp"))})
_RESOLVER = Resolver()
_CONSTRUCTOR = SafeConstructor()


class _Unusual(Exception):
    """A document with anchors, tags, merged keys or the like, which PyYAML is to read."""


def load_yaml(data: bytes | str) -> Any:
    """The one document in ``data`` as plain values; raises ``yaml.YAMLError``."""
    try:
        return _document(_Loader(data).get_event)
    except _Unusual:
        return yaml.load(data, Loader=_Loader)


def _document(get: Callable[[], Any]) -> Any:
    get()  # the stream's start
    if type(get()) is StreamEndEvent:
        return None
    value = _value(get(), get)
    get()  # the document's end
    if type(get()) is not StreamEndEvent:
        raise _Unusual
    return value


def _value(event: Any, get: Callable[[], Any]) -> Any:
    """The value that begins with ``event``; ``get`` gives the events that follow."""
    kind = type(event)
    if kind is AliasEvent or event.anchor is not None or event.tag is not None:
        raise _Unusual
    if kind is ScalarEvent:
        return _plain(event.value) if event.implicit[0] else event.value
    if kind is MappingStartEvent:
        found = {}
        while type(event := get()) is not MappingEndEvent:
            if type(event) is not ScalarEvent:
                raise _Unusual
            key = _value(event, get)
            found[key] = _value(get(), get)
        return found
    values = []
    while type(event := get()) is not SequenceEndEvent:
        values.append(_value(event, get))
    return values


@lru_cache(maxsize=65536)
def _plain(text: str) -> Any:
    """The value of a text without quotes."""
    tag = _tag(text)
    if tag == _TEXT:
        return text
    if tag not in _UNCHANGING:
        raise _Unusual
    return _CONSTRUCTOR.construct_object(ScalarNode(tag, text))


@lru_cache(maxsize=65536)
def _tag(text: str) -> str:
    """The type that YAML takes a text without quotes for."""
    return str(_RESOLVER.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def yaml_bytes(value: Any, *, without: frozenset[str] = frozenset()) -> bytes:
    """``value``, of plain values, as UTF-8; mappings keep their order, tuples are lists.

    Keys in ``without`` are left out where nothing (``None``) is said about them.
    """
    stream = BytesIO()
    emit = _Dumper(stream, allow_unicode=True, width=120, encoding="utf-8").emit
    emit(StreamStartEvent(encoding="utf-8"))
    emit(DocumentStartEvent(explicit=False))
    _emit(value, emit, without)
    emit(DocumentEndEvent(explicit=False))
    emit(StreamEndEvent())
    return stream.getvalue()


_MAPPING_BEGINS = MappingStartEvent(None, BaseResolver.DEFAULT_MAPPING_TAG, True, flow_style=False)
_LIST_BEGINS = SequenceStartEvent(None, BaseResolver.DEFAULT_SEQUENCE_TAG, True, flow_style=False)
_MAPPING_ENDS, _LIST_ENDS = MappingEndEvent(), SequenceEndEvent()


def _emit(value: Any, emit: Callable[[Any], None], without: frozenset[str]) -> None:
    kind = type(value)
    if kind is str:
        emit(_scalar(_TEXT, value))
    elif value is None:
        emit(_scalar(_NULL, "null"))
    elif kind is dict:
        emit(_MAPPING_BEGINS)
        for key, held in value.items():
            if held is not None or key not in without:
                _emit(key, emit, without)
                _emit(held, emit, without)
        emit(_MAPPING_ENDS)
    elif kind is list or kind is tuple:
        emit(_LIST_BEGINS)
        for held in value:
            _emit(held, emit, without)
        emit(_LIST_ENDS)
    elif kind is bool:
        emit(_scalar(_BOOL, "true" if value else "false"))
    elif kind is int:
        emit(_scalar(_INT, str(value)))
    else:
        node = SafeRepresenter().represent_data(value)
        emit(_scalar(node.tag, node.value))


@lru_cache(maxsize=65536)
def _scalar(tag: str, text: str) -> ScalarEvent:
    """A text of type ``tag``; whether the tag is plain without being said, with quotes and without."""
    return ScalarEvent(None, tag, (_tag(text) == tag, tag == _TEXT), text)
