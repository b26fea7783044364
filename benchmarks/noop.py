"""How long `snakemake all` takes to find that nothing is to be done, beside `snakemake --version` and GNU make.

    python benchmarks/noop.py [UNITS …]

Prints the median of a few calls in turn, in seconds, and the ratio to Snakemake's own start. The trees are
files alone: no job runs and no database is asked.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from workflow.tree import build_tree  # noqa: E402

from datawarp.operations.pending import targets  # noqa: E402
from datawarp.registry.paths import Paths  # noqa: E402

CALLS = 5


def main(sizes: list[int]) -> None:
    snakemake = [sys.executable, "-m", "snakemake"]
    workflow = [*snakemake, "--snakefile", str(ROOT / "Snakefile")]
    environment = {**os.environ, "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            periods = min(size, 100)
            units = build_tree(folder, size // periods, periods)
            peers = {
                "snakemake --version": [*snakemake, "--version"],
                "snakemake all": [*workflow, "all"],
            }
            if shutil.which("make"):
                write_makefile(folder, units)
                peers["make -n"] = ["make", "-n", "all"]
            times: dict[str, list[float]] = {peer: [] for peer in peers}
            for _ in range(CALLS):
                for peer, command in peers.items():
                    began = time.perf_counter()
                    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
                    times[peer].append(time.perf_counter() - began)
            start = statistics.median(times["snakemake --version"])
            for peer, measured in times.items():
                median = statistics.median(measured)
                print(f"{len(units):>6,} units  {peer:<20} {median:6.2f} s  {median / start:5.1f} ×")


def write_makefile(folder: Path, units: list[str]) -> None:
    """The same units for GNU make: four files made one from the other."""
    paths = Paths(folder)
    lines = []
    for unit in units:
        files = [paths.relative(p) for p in targets(unit, paths).values()]
        lines += [f"{made}: {source}\n\ttouch $@" for source, made in pairwise(files)]
    last = " ".join(paths.relative(targets(unit, paths)["export"]) for unit in units)
    (folder / "Makefile").write_text(f"all: {last}\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [15, 5000])
