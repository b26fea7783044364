"""The whole unit, from a release's files to verified Parquet, against dlt and against pandas with openpyxl.

    python benchmarks/end_to_end.py [--rows N …] [--rounds N] [--releases FOLDER]

Invented workbooks of N rows by 20 columns, and the real releases below FOLDER (../shared/nhs where it is) that the
peers can read: .xlsx and .csv. Everyone reads the same files and writes to the same server, in a process of their own
that is timed from its start to its end; DataWarp's runs all five stages. dlt (in an environment of its own, made
here) takes python-calamine's rows and types them itself; pandas reads with openpyxl and writes with `to_sql`. Both
take the first row of each sheet for its header. They do less: no detection, no lineage, no checks, no Parquet.

Prints ratios of interleaved medians in seconds, and in processor time of client and server together, which is the
figure to go by on a busy machine; then DataWarp's own stages.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]
RELEASES = ROOT.parent / "shared" / "nhs"
READABLE = {".xlsx", ".csv"}
TARGETS = {"dlt": 5, "pandas": 10}

OURS = """
import importlib, json, os, sys, time
release, run, scripts, publication, period = sys.argv[1:]
sys.path.insert(0, scripts)
from pathlib import Path
from datawarp.lean import leave_out_pandas
leave_out_pandas()
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
unit = Unit(publication=publication, period=period, url=release, settings=PublicationSettings(name="Bench"))
stages = {}
for module, stage in (("acquire.download", "download"), ("manifest.draft", "draft"), ("enrich.enrich", "enrich"),
                      ("warehouse.load", "load"), ("publish.export", "export")):
    began, cpu = time.monotonic(), sum(os.times()[:4])
    work = getattr(importlib.import_module(f"datawarp.{module}"), stage)
    work(unit, Paths(Path(run)), Settings())
    stages[stage] = (time.monotonic() - began, sum(os.times()[:4]) - cpu)
print(json.dumps(stages))
"""
DLT = """
import csv, sys
from pathlib import Path
import dlt
from python_calamine import CalamineWorkbook
def tables(path):
    if path.suffix == ".csv":
        with open(path, newline="", encoding="latin-1") as file:
            yield path.stem, list(csv.reader(file))
        return
    book = CalamineWorkbook.from_path(path)
    for name in book.sheet_names:
        yield name, book.get_sheet_by_name(name).to_python()
def rows(table):
    names = [str(name) or f"column {i}" for i, name in enumerate(table[0])]
    for row in table[1:]:
        yield dict(zip(names, row))
pipeline = dlt.pipeline("end_to_end", destination=dlt.destinations.postgres(sys.argv[2]), dataset_name="peer_dlt")
found = [t for path in sorted(Path(sys.argv[1]).iterdir()) for t in tables(path)]
pipeline.run([dlt.resource(rows(table), name=f"table {i} {name}", write_disposition="replace")
              for i, (name, table) in enumerate(found) if len(table) > 1])
"""
PANDAS = """
import sys
from pathlib import Path
import pandas, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[2].replace("postgresql://", "postgresql+psycopg2://"))
for path in sorted(Path(sys.argv[1]).iterdir()):
    if path.suffix == ".csv":
        frames = {path.stem: pandas.read_csv(path, encoding="latin-1", low_memory=False)}
    else:
        frames = pandas.read_excel(path, engine="openpyxl", sheet_name=None)
    for i, (name, frame) in enumerate(frames.items()):
        frame.columns = [f"{str(column)[:50]} {at}" for at, column in enumerate(frame.columns)]
        if len(frame.columns):
            frame.to_sql(f"pandas_{i}_{name}"[:60], engine, if_exists="replace", index=False, chunksize=10_000)
"""


@dataclass
class Costs:
    """What the runs of one contender took: seconds, and processor seconds of client and server."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def median(self) -> tuple[float, float]:
        return statistics.median(self.wall), statistics.median(self.cpu)


def main() -> None:
    """Measure, in databases of the benchmark's own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, nargs="*", default=[100_000])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--releases", type=Path, default=RELEASES)
    given = arguments.parse_args()
    from datawarp.warehouse.server import ensure_server, remove_server

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "postgres"
        server = ensure_server(state)
        try:
            bench = Bench(server, Path(folder))
            for rows in given.rows:
                release = Path(folder) / f"invented_{rows}" / "2025"
                release.mkdir(parents=True)
                benchmark("draft").make_workbook(release / "bench.xlsx", rows, 20)
                bench.compare(f"{rows:,} rows of 20 columns", [release], given.rounds)
                shutil.rmtree(release)
            if real := releases(given.releases):
                bench.compare(f"{len(real)} real releases", real, given.rounds)
            else:
                print(f"no real releases below {given.releases}: left out")
        finally:
            remove_server(state)


def releases(folder: Path) -> list[Path]:
    """The releases whose files everyone can read, a folder each."""
    found = sorted({path.parent for path in folder.rglob("*") if path.is_file() and path.parent != folder})
    return [release for release in found if {p.suffix for p in release.iterdir()} <= READABLE]


def benchmark(name: str) -> Any:
    """Another benchmark as a module; by its path, as scripts/ has files of the same names."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Bench:
    """The contenders, and the server that all of them write to."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._postmaster = psutil.Process(int((server.home / "data" / "postmaster.pid").read_text().split()[0]))
        self._dlt = self._environment_of_dlt()

    def _environment_of_dlt(self) -> Path | None:
        """The Python of an environment with dlt; None, said aloud, where it cannot be installed."""
        venv.create(self._folder / "dlt", with_pip=True)
        python = self._folder / "dlt" / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "-q", "dlt[postgres]", "python-calamine"]
        if subprocess.run(install, check=False).returncode:
            print("dlt could not be installed; it is left out")
            return None
        return python

    def compare(self, title: str, found: list[Path], rounds: int) -> None:
        """Time the contenders in turn, and print what they took for all of ``found``."""
        costs = {name: Costs() for name in ("DataWarp", "dlt", "pandas") if name != "dlt" or self._dlt}
        stages: dict[str, list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for name, cost in costs.items():
                shutil.rmtree(self._folder / "run", ignore_errors=True)
                url = benchmark("load").fresh(self._server, "bench")
                began, cpu = time.monotonic(), self._cpu()
                for release in found:
                    printed = self._run(name, release, url)
                    for stage, took in (json.loads(printed) if name == "DataWarp" else {}).items():
                        stages.setdefault(stage, []).append(took)
                cost.wall.append(time.monotonic() - began)
                time.sleep(0.2)  # the last backend ends a moment later
                cost.cpu.append(self._cpu() - cpu)
        wall, cpu = costs.pop("DataWarp").median()
        print(f"{title}: DataWarp {wall:.1f} s, {cpu:.1f} s of processor time")
        for stage, took in stages.items():
            mean = [sum(part) / rounds for part in zip(*took, strict=True)]
            print(f"    {stage:<10} {mean[0]:6.2f} s, {mean[1]:6.2f} s of processor time in this process")
        for peer, cost in costs.items():
            theirs = cost.median()
            print(
                f"  {peer}: {theirs[0]:.1f} s, {theirs[0] / wall:.1f} times as long; {theirs[1]:.1f} s of processor "
                f"time, {theirs[1] / cpu:.1f} times as much (target {TARGETS[peer]})"
            )

    def _cpu(self) -> float:
        """Processor seconds of this process' children so far, and of the server."""
        return float(benchmark("load").server_cpu(self._postmaster)) + sum(os.times()[2:4])

    def _run(self, name: str, release: Path, url: str) -> str:
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "DATABASE_URL": url,
            "DLT_DATA_DIR": str(self._folder / "run" / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        unit = (release.parent.name, release.name)  # as the real releases' folders are called
        commands = {
            "DataWarp": [sys.executable, "-c", OURS, release, self._folder / "run", ROOT / "scripts", *unit],
            "dlt": [self._dlt, "-c", DLT, release, url],
            "pandas": [sys.executable, "-W", "ignore", "-c", PANDAS, release, url],
        }
        done = subprocess.run(
            [str(word) for word in commands[name]], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode:
            print(
                f"  {name} fails on {release.parent.name}/{release.name}: {done.stderr.strip().splitlines()[-1][:160]}"
            )
            return "{}"
        return done.stdout


if __name__ == "__main__":
    main()
