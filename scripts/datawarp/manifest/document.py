"""Manifests as YAML files: read with every problem named, written with deterministic bytes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.representer import SafeRepresenter
from yaml.resolver import BaseResolver, Resolver

from datawarp.errors import ManifestError
from datawarp.files import write_bytes
from datawarp.manifest.models import Manifest

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_AnyDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TEXT, _LIST, _MAPPING = (
    BaseResolver.DEFAULT_SCALAR_TAG,
    BaseResolver.DEFAULT_SEQUENCE_TAG,
    BaseResolver.DEFAULT_MAPPING_TAG,
)
_NULL, _BOOL, _INT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int"))
_IMPLICIT = Resolver()


@lru_cache(maxsize=65536)
def _tag(text: str) -> str:
    """The type that YAML takes a text without quotes for."""
    return str(_IMPLICIT.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


class _Dumper(_AnyDumper):  # type: ignore[misc]
    """Asks for the type of a text once, however often it occurs: most of a manifest's words are its keys."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _tag(value) if implicit[0] else _TEXT
        return _LIST if kind is SequenceNode else _MAPPING


def read_manifest(path: Path) -> Manifest:
    """The manifest in ``path``; raises :class:`ManifestError` naming file and key."""
    try:
        document = yaml.load(path.read_bytes(), Loader=_Loader)
    except FileNotFoundError:
        raise ManifestError("there is no such manifest", where=str(path)) from None
    except yaml.YAMLError as problem:
        raise ManifestError(f"not valid YAML: {problem}", where=str(path)) from None
    try:
        return Manifest.model_validate(document)
    except ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:20]]
        raise ManifestError("not a manifest: " + "; ".join(lines), where=str(path)) from None


def manifest_bytes(manifest: Manifest) -> bytes:
    """``manifest`` as YAML; what was never set is left out, keys keep the model's order."""
    document = _node(manifest.model_dump(mode="python", exclude_unset=False))
    return yaml.serialize(document, Dumper=_Dumper, allow_unicode=True, width=120).encode("utf-8")


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest`` to ``path`` atomically."""
    write_bytes(path, manifest_bytes(manifest))


_OPTIONAL = frozenset(
    {"semantic_name", "description", "is_dimension", "is_measure", "query_keywords"}
    | {"metadata", "enrichment", "reason", "reader", "title"}
)


def _node(value: Any) -> Node:
    """A value as a YAML node: tuples as lists, and enrichment keys that were never filled left out."""
    kind = type(value)
    if kind is str:
        return ScalarNode(_TEXT, value)
    if value is None:
        return ScalarNode(_NULL, "null")
    if kind is dict:
        pairs = [(_node(k), _node(v)) for k, v in value.items() if not (v is None and k in _OPTIONAL)]
        return MappingNode(_MAPPING, pairs, flow_style=False)
    if kind is list or kind is tuple:
        return SequenceNode(_LIST, [_node(v) for v in value], flow_style=False)
    if kind is bool:
        return ScalarNode(_BOOL, "true" if value else "false")
    if kind is int:
        return ScalarNode(_INT, str(value))
    return SafeRepresenter().represent_data(value)
