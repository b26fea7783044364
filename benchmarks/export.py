"""Parquet out of the warehouse, verified, against the server's own binary COPY TO of the same rows.

    python benchmarks/export.py [--rows N] [--rounds N]

Two ways: of the rows as they were loaded (what the workflow does after a load), and out of the database (what it
does when those are gone, or a column came). Both compare what is read back from disk with the database, and count
the profile of the metadata page; COPY's client only throws the bytes away. Prints ratios of interleaved medians, in
seconds and in processor time of client and server together (the figure to go by on a busy machine), and peak memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

ROOT = Path(__file__).parents[1]
# The benchmarks' own folder first: scripts/ has a load.py too.
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

from datawarp.registry.models import Unit  # noqa: E402
from datawarp.registry.paths import Paths  # noqa: E402
from datawarp.registry.settings import Settings  # noqa: E402

if TYPE_CHECKING:
    from datawarp.warehouse.server import Server

COPY = "COPY (SELECT * FROM staging.tbl_bench_rows WHERE _period = '2025-08') TO STDOUT (FORMAT binary)"


@dataclass
class Cost:
    """What one run took: seconds, processor seconds of client and server, and the client's peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def main() -> None:
    """Measure, in a database of the benchmark's own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--one", nargs=2, metavar=("FOLDER", "UNIT"), help="export once; for the benchmark itself")
    arguments.add_argument("--copy", action="store_true", help="COPY once; for the benchmark itself")
    given = arguments.parse_args()
    if given.one:
        report(exporting(Path(given.one[0]), given.one[1]))
    elif given.copy:
        report(copying())
    else:
        from datawarp.warehouse.server import ensure_server, remove_server

        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder) / "postgres"
            server = ensure_server(state)
            try:
                measure(server, Path(folder) / "run", given.rows, given.rounds)
            finally:
                remove_server(state)


def report(work: Callable[[], None]) -> None:
    """Print seconds, this process's processor seconds and its peak memory in MB."""
    began, cpu = time.monotonic(), time.process_time()
    work()
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    # Not ru_maxrss, which begins with the memory of the process that started this one.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(wall, cpu, int(peak.split()[1]) / 1024)


def exporting(folder: Path, unit: str) -> Callable[[], None]:
    """The export of a unit, everything imported."""
    from datawarp.lean import leave_out_pandas

    leave_out_pandas()
    from datawarp.publish.export import export

    return lambda: export(Unit.model_validate_json(unit), Paths(folder), Settings())


def copying() -> Callable[[], None]:
    """The server's COPY, read to its end by the client that the export uses."""
    import psycopg2

    def work() -> None:
        with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, open(os.devnull, "wb") as nowhere:
            connection.cursor().copy_expert(COPY, nowhere)
        connection.close()

    return work


def run(server: psutil.Process, *arguments: str) -> Cost:
    """One contender in a process of its own."""
    from load import server_cpu

    before = server_cpu(server)
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    wall, cpu, memory = map(float, done.stdout.split())
    time.sleep(0.2)  # its backend ends a moment later
    return Cost(wall, cpu + server_cpu(server) - before, memory)


def measure(server: Server, folder: Path, rows: int, rounds: int) -> None:
    """Load the rows in slices, so that making them needs little memory, and time the contenders in turn."""
    import pyarrow as pa
    from load import fresh, made
    from warehouse_of_tests import Warehouse

    url = fresh(server, "bench")
    os.environ["DATABASE_URL"] = url
    warehouse = Warehouse(Paths(folder), url, Settings())
    unit = warehouse.unit("aug25", "bench")
    slice_ = made(min(rows, 1_000_000))
    warehouse.load(unit, rows=pa.concat_tables([slice_] * max(1, rows // slice_.num_rows)))
    typed, kept = warehouse.paths.typed_tables(unit.name), folder / "typed"
    shutil.copytree(typed, kept)
    postmaster = psutil.Process(int((server.home / "data" / "postmaster.pid").read_text().split()[0]))
    costs: dict[str, list[Cost]] = {"as loaded": [], "out of the database": [], "COPY TO": []}
    for _ in range(rounds):
        for name in costs:
            if name == "COPY TO":
                costs[name].append(run(postmaster, "--copy"))
                continue
            for path in (folder / "output").rglob("*.parquet"):
                path.unlink()
            shutil.rmtree(typed, ignore_errors=True)
            if name == "as loaded":
                shutil.copytree(kept, typed)
            costs[name].append(run(postmaster, "--one", str(folder), unit.model_dump_json()))
    size = sum(p.stat().st_size for p in (folder / "output").rglob("*.parquet")) / 1e6
    wall = {name: statistics.median(c.wall for c in runs) for name, runs in costs.items()}
    cpu = {name: statistics.median(c.cpu for c in runs) for name, runs in costs.items()}
    print(f"{rows:,} rows, {slice_.num_columns} columns, {size:.0f} MB of Parquet; ratios to COPY TO (target 2)")
    for name, runs in costs.items():
        print(
            f"  {name:<20} {wall[name]:6.2f} s {wall[name] / wall['COPY TO']:5.2f}   "
            f"processor {cpu[name]:6.2f} s {cpu[name] / cpu['COPY TO']:5.2f}   "
            f"memory {max(c.memory for c in runs):5.0f} MB"
        )


if __name__ == "__main__":
    main()
