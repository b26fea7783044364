"""Earlier versions of Parquet files: ``output/.versions/<source>/period=<_period>/<unit>/<sha256[:16]>.parquet``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from datawarp.files import sha256_file
from datawarp.registry.paths import Paths


def keep_version(path: Path, paths: Paths, keep: int) -> None:
    """Keep the bytes of ``path``, which is about to be replaced, as its newest earlier version.

    Of each file the ``keep`` newest versions stay.
    """
    if not keep or not path.is_file():
        return
    source, period = path.parent.parent.name, path.parent.name
    folder = paths.versions / source / period / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / f"{sha256_file(path)[:16]}.parquet"
    version.unlink(missing_ok=True)
    try:
        os.link(path, version)
    except OSError:  # a file system without hard links
        shutil.copy2(path, version)
    kept = sorted(folder.glob("*.parquet"), key=lambda v: v.stat().st_mtime_ns, reverse=True)
    for old in kept[keep:]:
        old.unlink()


def retire(path: Path, paths: Paths, keep: int) -> None:
    """Take a Parquet file out of use; it stays as an earlier version."""
    keep_version(path, paths, keep)
    path.unlink(missing_ok=True)
    remove_empty(path.parent, paths.output / "parquet")


def remove_empty(folder: Path, top: Path) -> None:
    """Remove ``folder`` and the folders above it, below ``top``, as far as they are empty."""
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
