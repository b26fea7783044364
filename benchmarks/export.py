"""Parquet out of the warehouse, verified, against the server's own COPY TO of the same rows.

    python benchmarks/export.py [--rows N] [--rounds N]

Prints the ratio of interleaved medians and the exporting process's peak memory. Both sides give every row of one
period; the export also writes Parquet, reads it back, compares checksums, and counts the profile of the metadata page.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

ROOT = Path(__file__).parents[1]
# The benchmarks' own folder first: scripts/ has a load.py too.
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

from datawarp.publish.export import export  # noqa: E402
from datawarp.registry.models import Unit  # noqa: E402
from datawarp.registry.paths import Paths  # noqa: E402
from datawarp.registry.settings import Settings  # noqa: E402

COPY = "COPY (SELECT * FROM staging.tbl_bench_rows WHERE _period = '2025-08') TO STDOUT"


def main() -> None:
    """Measure, in a database of the benchmark's own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--one", nargs=2, metavar=("FOLDER", "UNIT"), help="export once; for the benchmark itself")
    given = arguments.parse_args()
    if given.one:
        export_once(Path(given.one[0]), given.one[1])
        return
    from datawarp.warehouse.server import ensure_server, remove_server

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "postgres"
        server = ensure_server(state)
        try:
            measure(server, Path(folder) / "run", given.rows, given.rounds)
        finally:
            remove_server(state)


def export_once(folder: Path, unit: str) -> None:
    """Export in this process, and print seconds and peak memory in MB."""
    began = time.monotonic()
    export(Unit.model_validate_json(unit), Paths(folder), Settings())
    print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(server: object, folder: Path, rows: int, rounds: int) -> None:
    """Load the rows in slices, so that making them needs little memory, and time both sides in turn."""
    import pyarrow as pa
    from load import fresh, made
    from warehouse_of_tests import Warehouse

    url = fresh(server, "bench")  # type: ignore[arg-type]
    os.environ["DATABASE_URL"] = url
    warehouse = Warehouse(Paths(folder), url, Settings())
    unit = warehouse.unit("aug25", "bench")
    slice_ = made(min(rows, 1_000_000))
    warehouse.load(unit, rows=pa.concat_tables([slice_] * max(1, rows // slice_.num_rows)))
    ours, theirs, memory = [], [], []
    for _ in range(rounds):
        began = time.monotonic()
        with psycopg2.connect(url) as connection, open(os.devnull, "wb") as nowhere:
            connection.cursor().copy_expert(COPY, nowhere)
        connection.close()
        theirs.append(time.monotonic() - began)
        for path in (folder / "output").rglob("*.parquet"):
            path.unlink()
        run = subprocess.run(
            [sys.executable, __file__, "--one", str(folder), unit.model_dump_json()],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds, peak = map(float, run.stdout.split())
        ours.append(seconds)
        memory.append(peak)
    mine, copy = statistics.median(ours), statistics.median(theirs)
    size = sum(p.stat().st_size for p in (folder / "output").rglob("*.parquet")) / 1e6
    print(f"{rows:,} rows: export {mine:.2f} s, COPY TO {copy:.2f} s: ratio {mine / copy:.2f} (target 2)")
    print(f"peak memory of the export {max(memory):.0f} MB, Parquet {size:.0f} MB")


if __name__ == "__main__":
    main()
