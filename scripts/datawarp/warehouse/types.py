"""The types of columns: in manifests, in Arrow, in PostgreSQL, how they widen, and how values print.

How a value prints depends on the value alone: a 5 that went through a double column and a 5 that came as an
integer are the same text, so that the order in which periods are loaded leaves no trace.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from datawarp.arrow_types import arrow_type
from datawarp.manifest.models import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_EXACT = 2**53  # beyond it, doubles skip integers

POSTGRES: dict[ColumnType, str] = {
    "integer": "bigint",
    "numeric": "double precision",
    "text": "text",
    "date": "date",
    "timestamp": "timestamp without time zone",
    "boolean": "boolean",
}
FROM_POSTGRES: dict[str, ColumnType] = {name: kind for kind, name in POSTGRES.items()}

_WIDER: dict[frozenset[ColumnType], ColumnType] = {
    frozenset(("integer", "numeric")): "numeric",
    frozenset(("date", "timestamp")): "timestamp",
}

# How stored values become another type. {0} is the quoted column. Equal to `printed` for every value.
_TEXT_OF: dict[ColumnType, str] = {
    "text": "{0}",
    "integer": "{0}::text",
    "numeric": "{0}::text::numeric::text",  # through numeric: no exponent, and -0 is 0
    "date": "{0}::text",
    "timestamp": "CASE WHEN {0} = date_trunc('day', {0}) THEN {0}::date::text ELSE {0}::text END",
    "boolean": "{0}::text",
}


def wider(first: ColumnType, second: ColumnType) -> ColumnType:
    """The narrowest type that holds the values of both."""
    return first if first == second else _WIDER.get(frozenset((first, second)), "text")


def conversion(old: ColumnType, new: ColumnType) -> str:
    """SQL that turns stored ``old`` values into ``new`` ones; ``{0}`` stands for the quoted column."""
    return _TEXT_OF[old] if new == "text" else f"{{0}}::{POSTGRES[new]}"


@lru_cache(maxsize=64)
def column_type(arrow: pa.DataType) -> ColumnType | None:
    """The column type of an Arrow type; None for one that no typed table has."""
    import pyarrow as pa

    tests: tuple[tuple[Callable[[Any], bool], ColumnType], ...] = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "numeric"),
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_null, "integer"),
    )
    return next((kind for test, kind in tests if test(arrow)), None)


def printed(value: Any) -> str | None:
    """A value as a text column holds it: ``5``, ``0.25``, ``2024-01-31``, ``2024-01-31 12:30:00``, ``true``."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime):
        if (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0):
            return value.date().isoformat()
        text = value.isoformat(sep=" ")
        return text.rstrip("0") if value.microsecond else text
    return value.isoformat() if isinstance(value, date) else str(value)


def _number_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_INFINITE = (float("inf"), float("-inf"))


def fitted(value: Any, kind: ColumnType) -> Any:
    """``value`` as one of type ``kind`` when nothing of it is lost, else None.

    ``007`` is no number and 2.5 no integer; ``2.50`` may become the number 2.5.
    """
    text = printed(value)
    if text is None or kind == "text":
        return text
    try:
        return _READ[kind](text)
    except ValueError:
        return None


def _read_integer(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _read_number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    # Digits that a double does not hold would be lost.
    return number if number not in _INFINITE and Decimal(repr(number)) == Decimal(text) else None


def _read_date(text: str) -> date:
    return date.fromisoformat(text)


_READ: dict[ColumnType, Callable[[str], Any]] = {
    "integer": _read_integer,
    "numeric": _read_number,
    "date": _read_date,
    "timestamp": datetime.fromisoformat,
    "boolean": {"true": True, "false": False}.get,
}


def converted(values: pa.Array, old: ColumnType, new: ColumnType) -> tuple[pa.Array, pa.Array | None]:
    """``values`` as type ``new``, and, where some do not fit, those as printed (null elsewhere)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(new)
    if old == new or (old, new) == ("date", "timestamp"):
        return values.cast(target), None
    if old == "integer" and new == "text":
        return values.cast(target), None
    if old == "integer" and new == "numeric":
        try:
            return values.cast(target, safe=True), None
        except pa.ArrowInvalid:
            pass  # some are beyond the exact range: each is looked at below
    encoded = pc.dictionary_encode(values)
    distinct = encoded.dictionary.to_pylist()
    found = [fitted(value, new) for value in distinct]
    misfits = [printed(v) if f is None and v is not None else None for v, f in zip(distinct, found, strict=True)]
    fitting = pa.array(found, target).take(encoded.indices)
    if not any(m is not None for m in misfits):
        return fitting, None
    return fitting, pa.array(misfits, pa.string()).take(encoded.indices)
