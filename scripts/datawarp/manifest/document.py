"""Manifests as YAML files: read with every problem named, written with deterministic bytes."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from datawarp.errors import ManifestError
from datawarp.files import write_bytes
from datawarp.manifest.models import Manifest
from datawarp.quick_yaml import load_yaml, yaml_bytes

# Keys of enrichment and the like, which most sources and columns do not have.
_OPTIONAL = frozenset(
    {"semantic_name", "description", "is_dimension", "is_measure", "query_keywords"}
    | {"metadata", "enrichment", "reason", "reader", "title"}
)


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
    """``manifest`` as YAML; keys that were never filled are left out, the others keep the model's order."""
    return yaml_bytes(manifest.model_dump(mode="python"), without=_OPTIONAL)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest`` to ``path`` atomically."""
    write_bytes(path, manifest_bytes(manifest))
