"""Keep a job's process lean: a job is short, and what libraries load or look for without need is most of its start.

Imported before all else, since pydantic and numpy read their settings when they are imported.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys

# pydantic would read the metadata of every installed package in search of plugins, numpy start a thread for each core.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A manifest or a sheet is hundreds of thousands of objects, none of them garbage: Python would look through all of
# them again and again while they are made (half of the time that reading a manifest takes), and once more before it
# ends (a sixth of a short job), when the system takes everything back anyway.
_NEW_OBJECTS_BEFORE_A_LOOK = 50_000
gc.set_threshold(_NEW_OBJECTS_BEFORE_A_LOOK)
atexit.register(gc.freeze)


class _LeftOut:
    """Stands first where Python looks for modules, and has none of one name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == self.name:
            raise ModuleNotFoundError("left out of this process", name=fullname)


def leave_out(name: str) -> None:
    """Make ``import <name>`` fail in this process for good, unless it is imported already.

    For what libraries import where it is there and do without where it is not: pyarrow numpy, and pandas.
    """
    if name not in sys.modules and not any(isinstance(f, _LeftOut) and f.name == name for f in sys.meta_path):
        sys.meta_path.insert(0, _LeftOut(name))


def leave_out_pandas() -> None:
    """Leave pandas out.

    No stage needs it, but pyarrow imports it (half a second and 40 MB) as soon as it is handed a Python
    list, only to find out that the list is no pandas object.
    """
    leave_out("pandas")


def bring_back(name: str) -> None:
    """Let ``name`` be imported after all, by whoever asks for it from now on."""
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if not (isinstance(finder, _LeftOut) and finder.name == name)
    ]
