"""The types of columns in Arrow: on the sheet, in the cache between the stages and on the way to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(column_type: str) -> pa.DataType:
    """The Arrow type of a column type as manifests name it (``integer``, ``numeric``, …)."""
    import pyarrow as pa

    return {
        "integer": pa.int64(),
        "numeric": pa.float64(),
        "text": pa.string(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "boolean": pa.bool_(),
    }[column_type]
