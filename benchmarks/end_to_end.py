"""The whole unit, from a release's file to verified Parquet, against dlt and against pandas with openpyxl.

    python benchmarks/end_to_end.py [--rows N] [--rounds N]

One invented workbook of N rows by 20 columns. DataWarp: download, draft, enrich, load and export, a process for all
of them. dlt (in an environment of its own, made here): python-calamine's rows into PostgreSQL. pandas:
`read_excel` with openpyxl, then `to_sql`. The peers do less: no lineage, no checks, no Parquet. Prints ratios of
interleaved medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

OURS = """
import sys, time
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from datawarp.lean import leave_out_pandas
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
leave_out_pandas()
began = time.monotonic()
from datawarp.acquire.download import download
from datawarp.manifest.draft import draft
from datawarp.enrich.enrich import enrich
from datawarp.warehouse.load import load
from datawarp.publish.export import export
unit = Unit(publication="bench", period="aug25", url=sys.argv[1], settings=PublicationSettings(name="Bench"))
for stage in (download, draft, enrich, load, export):
    stage(unit, Paths(Path(sys.argv[2])), Settings())
print(time.monotonic() - began)
"""
DLT = """
import sys, time
began = time.monotonic()
import dlt
from python_calamine import CalamineWorkbook
def rows():
    names, *body = CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).to_python()
    for row in body:
        yield dict(zip(names, row))
pipeline = dlt.pipeline("end_to_end", destination=dlt.destinations.postgres(sys.argv[2]), dataset_name="peer_dlt")
pipeline.run(rows(), table_name="rows", write_disposition="replace")
print(time.monotonic() - began)
"""
PANDAS = """
import sys, time
began = time.monotonic()
import pandas, sqlalchemy
frame = pandas.read_excel(sys.argv[1], engine="openpyxl")
engine = sqlalchemy.create_engine(sys.argv[2].replace("postgresql://", "postgresql+psycopg2://"))
frame.to_sql("peer_pandas", engine, if_exists="replace", index=False, chunksize=10_000)
print(time.monotonic() - began)
"""


def main() -> None:
    """Measure, in databases of the benchmark's own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    from datawarp.warehouse.server import ensure_server, remove_server

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "postgres"
        server = ensure_server(state)
        try:
            measure(server, Path(folder), given.rows, given.rounds)
        finally:
            remove_server(state)


def benchmark(name: str) -> Any:
    """Another benchmark as a module; by its path, as scripts/ has files of the same names."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def seconds(python: Path | str, code: str, *arguments: str) -> float:
    """What ``code`` prints, run by ``python`` in a process of its own."""
    run = subprocess.run([str(python), "-c", code, *arguments], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


def environment_of_dlt(folder: Path) -> Path | None:
    """The Python of an environment with dlt; None, said aloud, where it cannot be installed."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "dlt[postgres]", "python-calamine"]
    if subprocess.run(install, check=False).returncode:
        print("dlt could not be installed; it is left out")
        return None
    return python


def measure(server: object, folder: Path, rows: int, rounds: int) -> None:
    """Time the contenders in turn."""
    make_workbook, fresh = benchmark("draft").make_workbook, benchmark("load").fresh

    release = folder / "release"
    release.mkdir()
    workbook = release / "bench.xlsx"
    make_workbook(workbook, rows, 20)
    dlt = environment_of_dlt(folder / "dlt")
    times: dict[str, list[float]] = {"DataWarp": [], "dlt": [], "pandas": []}
    for _ in range(rounds):
        url = fresh(server, "bench")  # type: ignore[arg-type]
        os.environ["DATABASE_URL"] = url
        shutil.rmtree(folder / "run", ignore_errors=True)
        times["DataWarp"].append(
            seconds(sys.executable, OURS, str(release), str(folder / "run"), str(ROOT / "scripts"))
        )
        if dlt is not None:
            times["dlt"].append(seconds(dlt, DLT, str(workbook), url))
        times["pandas"].append(seconds(sys.executable, PANDAS, str(workbook), url))
    ours = statistics.median(times["DataWarp"])
    print(f"{rows:,} rows of 20 columns: DataWarp {ours:.1f} s from file to verified Parquet")
    for peer, target in (("dlt", 5), ("pandas", 10)):
        if times[peer]:
            median = statistics.median(times[peer])
            print(f"{peer}: {median:.1f} s, {median / ours:.1f} times as long (target {target})")


if __name__ == "__main__":
    main()
