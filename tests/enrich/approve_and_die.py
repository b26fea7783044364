"""Approve a unit, and die by SIGKILL when the nth file has been put into place: ``ROOT UNIT N``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from made_releases import unit

from datawarp.lifecycle.approve import approve
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


def main(root: Path, name: str, deadly: int) -> None:
    """Approve ``name``; the process survives only if fewer than ``deadly`` files are renamed."""
    rename, count = os.replace, 0

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        rename(*args, **kwargs)
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = counted
    approve(unit(*name.split("_")), Paths(root), Settings(), lambda other: unit(*other.split("_")), "statistician")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
