"""A tree of units that are built, as files alone: enough for whoever asks what is pending."""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

from datawarp.operations.pending import targets
from datawarp.registry.paths import Paths

# Any time that is past; each stage's file is a second newer than the one before.
BEGAN = 1_700_000_000


def units_of(publications: int, periods: int) -> list[tuple[str, str]]:
    """Publication and period of every unit: monthly from January 2000 on."""
    months = [f"{2000 + n // 12}-{n % 12 + 1:02d}" for n in range(periods)]
    return [(f"series_{n}", month) for n in range(publications) for month in months]


def build_tree(folder: Path, publications: int, periods: int) -> list[str]:
    """Write registry, files of all stages and catalogue below ``folder``; returns the units' names."""
    paths = Paths(folder)
    units = units_of(publications, periods)
    entries: dict[str, dict[str, object]] = {}
    for code, period in units:
        releases = entries.setdefault(code, {"name": code, "urls": []})["urls"]
        assert isinstance(releases, list)
        releases.append({"period": period, "url": address(code, period)})
        unit = f"{code}_{period}"
        for stage, path in targets(unit, paths).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            receipt = {"unit": unit, "stage": stage, "url": address(code, period), "files": [], "sources": []}
            path.write_text(json.dumps(receipt))
    (folder / "config").mkdir()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    (folder / "config" / "publications.yaml").write_text(yaml.dump({"publications": entries}, Dumper=dumper))
    for made in (paths.catalog, paths.datapackage):
        made.write_text("{}")
    for n, _ in enumerate(units):
        code, period = units[n]
        for step, path in enumerate(targets(f"{code}_{period}", paths).values()):
            os.utime(path, (BEGAN + step, BEGAN + step))
    return [f"{code}_{period}" for code, period in units]


def address(code: str, period: str) -> str:
    return f"https://example.org/{code}/{period}.csv"
