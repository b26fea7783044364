"""JSON Schemas of the files that a person writes, for editors: ``python -m datawarp.schemas``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from datawarp.files import write_bytes
from datawarp.lifecycle.retention import RetentionPolicy
from datawarp.registry.models import Model
from datawarp.registry.registry import RegistryFile
from datawarp.registry.settings import Settings
from datawarp.warehouse.corrections import CorrectionFile

SCHEMAS: dict[str, type[Model]] = {
    "publications.schema.json": RegistryFile,
    "config.schema.json": Settings,
    "retention.schema.json": RetentionPolicy,
    "corrections.schema.json": CorrectionFile,
}


def schema_bytes(model: type[BaseModel]) -> bytes:
    """The JSON Schema (draft 2020-12) of ``model`` as a file's bytes."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


def write_schemas(folder: Path) -> None:
    """Write all schemas into ``folder``."""
    for name, model in SCHEMAS.items():
        write_bytes(folder / name, schema_bytes(model))


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1] if len(sys.argv) > 1 else "config/schemas"))
