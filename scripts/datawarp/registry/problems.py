"""What is wrong with values that a person wrote, in the words of the file they stand in."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: at ``location`` (keys and list indexes) or, if known, on ``line`` (1-based)."""

    location: Location
    message: str
    hint: str = ""
    line: int = 0
    at_key: bool = False


def model_problems(model: type[M], data: Any, within: Location = ()) -> tuple[M | None, list[Problem]]:
    """``data`` as a ``model``, or all that is wrong with it; ``within`` is where ``data`` stands in its file."""
    try:
        return model.model_validate(data), []
    except ValidationError as refused:
        return None, [_explained(model, error, within) for error in refused.errors()]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of ``known``, or all of them when none is near and they are few."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"use one of {', '.join(names)}" if names and len(names) <= 20 else ""


def _explained(model: type[BaseModel], error: ErrorDetails, within: Location) -> Problem:
    location = within + tuple(part for part in error["loc"] if part != "[key]")
    told = ".".join(str(part) for part in location)
    last = str(location[-1]) if location else ""
    parent = ".".join(str(part) for part in location[:-1])
    place = f"{parent}: " if parent else ""
    context = error.get("ctx") or {}
    match error["type"]:
        case "extra_forbidden":
            known = _keys_at(model, tuple(error["loc"][:-1]))
            return Problem(location, f"{place}unknown key {last!r}", did_you_mean(last, known), at_key=True)
        case "missing":
            return Problem(location[:-1], f"{place}the key {last!r} is missing", f"add `{last}: …`")
        case "literal_error":
            choices = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
            return Problem(
                location, f"{told}: {error['input']!r} is not one of {', '.join(choices)}",
                did_you_mean(str(error["input"]), choices),
            )  # fmt: skip
        case "registry":
            return Problem(location, f"{told}: {context['problem']}", str(context["hint"]))
        case _:
            expected = error["msg"][:1].lower() + error["msg"][1:]
            return Problem(location, f"{told}: {expected}, found {_short(error['input'])}")


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys allowed at ``location`` of ``model``."""
    kind: Any = model
    for part in location:
        held = _model_of(kind)
        if held is not None:
            field = held.model_fields.get(str(part))
            if field is None:
                return []
            kind = field.annotation
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if arguments else None
    held = _model_of(kind)
    return list(held.model_fields) if held else []


def _model_of(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next((held for part in typing.get_args(kind) if (held := _model_of(part))), None)
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
