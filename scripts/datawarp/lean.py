"""Keep a job's process lean."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("left out of this process", name="pandas")
        return None


def leave_out_pandas() -> None:
    """Make ``import pandas`` fail in this process for good.

    No stage needs pandas, but pyarrow imports it (half a second and 40 MB) as soon as it is handed a Python
    list, only to find out that the list is no pandas object.
    """
    if "pandas" not in sys.modules and not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())
