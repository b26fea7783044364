"""Reference tables of the models' keys, for the documentation: ``python -m datawarp.reference``.

A page keeps its own words; what stands between ``<!-- keys: Model -->`` and ``<!-- end -->`` is
generated, and a test fails when it differs from the models. ``<!-- keys: sections -->`` holds every
section of the configuration, so that a new one is documented without another line.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from datawarp.registry import models, settings
from datawarp.registry.registry import RegistryFile

PAGES = ("registry.md", "configuration.md")

_BLOCK = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.S)


def filled(page: str) -> str:
    """``page`` with every generated block made anew."""
    return _BLOCK.sub(lambda m: f"{m[1]}{_sections() if m[2] == 'sections' else keys_table(_model(m[2]))}{m[3]}", page)


def keys_table(model: type[BaseModel]) -> str:
    """The keys of ``model`` as a Markdown table: key, type, default, meaning."""
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = (field.description or _summary(field.annotation)).replace("|", "\\|")
        rows.append(f"| `{field.alias or name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _sections() -> str:
    """Every section of the configuration, and the models within: what its model says of it, its keys."""
    parts = []
    for name, field in settings.Settings.model_fields.items():
        for depth, section in enumerate(_models_in(field.annotation)):
            told = inspect.getdoc(section) or ""
            place = f"The section `{name}`. " if depth == 0 else ""
            parts.append(f"\n## {section.__name__}\n\n{place}{told}\n\n{keys_table(section)}")
    return "".join(parts) + "\n"


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The model that ``annotation`` is or holds, and those of its keys, outer ones first."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    inner = [model for field in annotation.model_fields.values() for model in _models_in(field.annotation)]
    return list(dict.fromkeys([annotation, *inner]))


def _model(name: str) -> type[BaseModel]:
    found = RegistryFile if name == "RegistryFile" else getattr(models, name, None) or getattr(settings, name)
    return typing.cast(type[BaseModel], found)


def _summary(annotation: Any) -> str:
    documented = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return (annotation.__doc__ or "").split("\n")[0] if documented else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, BaseModel) or value in ({}, [], "", None):
        return ""
    if isinstance(value, list) and isinstance(value[0], BaseModel):
        return ", ".join(f"`{item.model_dump(exclude_defaults=True)}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(part) for part in arguments if part is not type(None))
    if origin is dict:
        return f"{_type(arguments[1])} by text"
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is tuple:
        return "[first, last]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", date: "date", Any: "anything"}
    return names.get(annotation, str(annotation))
