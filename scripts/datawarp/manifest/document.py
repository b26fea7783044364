"""Manifests as YAML files: read with every problem named, written with deterministic bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.representer import SafeRepresenter

from datawarp.errors import ManifestError
from datawarp.files import write_bytes
from datawarp.manifest.models import Manifest
from datawarp.quick_yaml import BOOL, INT, LIST, MAPPING, NULL, TEXT, QuickDumper, load_yaml


def read_manifest(path: Path) -> Manifest:
    """The manifest in ``path``; raises :class:`ManifestError` naming file and key."""
    try:
        document = load_yaml(path.read_bytes())
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
    return yaml.serialize(document, Dumper=QuickDumper, allow_unicode=True, width=120).encode("utf-8")


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
        return ScalarNode(TEXT, value)
    if value is None:
        return ScalarNode(NULL, "null")
    if kind is dict:
        pairs = [(_node(k), _node(v)) for k, v in value.items() if not (v is None and k in _OPTIONAL)]
        return MappingNode(MAPPING, pairs, flow_style=False)
    if kind is list or kind is tuple:
        return SequenceNode(LIST, [_node(v) for v in value], flow_style=False)
    if kind is bool:
        return ScalarNode(BOOL, "true" if value else "false")
    if kind is int:
        return ScalarNode(INT, str(value))
    return SafeRepresenter().represent_data(value)
