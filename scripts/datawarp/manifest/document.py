"""Manifests as YAML files: read with every problem named, written with deterministic bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from datawarp.errors import ManifestError
from datawarp.files import write_bytes
from datawarp.manifest.models import Manifest

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


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
    document = manifest.model_dump(mode="python", exclude_unset=False)
    return yaml.dump(_plain(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120).encode("utf-8")


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest`` to ``path`` atomically."""
    write_bytes(path, manifest_bytes(manifest))


_OPTIONAL = frozenset(
    {"semantic_name", "description", "is_dimension", "is_measure", "query_keywords"}
    | {"metadata", "enrichment", "reason", "reader", "title"}
)


def _plain(value: Any) -> Any:
    """Tuples as lists, and enrichment keys that were never filled left out."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not (v is None and k in _OPTIONAL)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
