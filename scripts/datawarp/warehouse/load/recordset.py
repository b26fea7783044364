"""Many rows in one statement: handed over as one JSON text, which the server takes apart with ``json_to_recordset``.

A unit has hundreds of tables at times, and thousands of columns: a statement for each would be mostly waiting, and a
list of values that long would be mostly parsing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def recordset(rows: Iterable[Mapping[str, Any]]) -> str:
    """``rows`` as the argument of ``json_to_recordset``; dates and times as their text, in ISO format."""
    return json.dumps(list(rows), ensure_ascii=False, default=str)
