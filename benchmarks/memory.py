"""Peak memory of every job that leads one CSV of five million rows from download to Parquet.

    python benchmarks/memory.py [--rows N]

Runs the real workflow in a temporary folder with the embedded database, and watches its processes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as csv

PROJECT = Path(__file__).resolve().parents[1]
STAGES = ("download", "draft", "enrich", "load", "export", "catalogue")
BLOCK = 500_000


def write_release(path: Path, rows: int) -> None:
    """A table of 12 columns: codes with leading zeros, a period, a name, whole numbers and rates."""
    random = np.random.default_rng(1)
    writer = None
    for start in range(0, rows, BLOCK):
        n = min(BLOCK, rows - start)
        columns: dict[str, object] = {
            "org_code": pa.array([f"{i % 1000:03d}" for i in range(n)]),
            "month": pa.array(["2025-08"] * n),
            "region": pa.array([f"Region {i % 7}" for i in range(n)]),
        }
        columns |= {f"count_{j}": random.integers(0, 10**6, n) for j in range(5)}
        columns |= {f"rate_{j}": random.random(n).round(4) for j in range(4)}
        table = pa.table(columns)
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def peaks(command: list[str]) -> tuple[int, dict[str, int]]:
    """The exit status of ``command`` and the largest resident set of each stage's job, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    found: dict[str, int] = {}
    while process.poll() is None:
        try:
            for child in psutil.Process(process.pid).children(recursive=True):
                words = " ".join(child.cmdline())
                stage = next((s for s in STAGES if words.endswith(f".{s}.py")), None)
                if stage:
                    found[stage] = max(found.get(stage, 0), child.memory_info().rss)
        except psutil.Error:
            continue
        time.sleep(0.05)
    return process.returncode, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_release(root / "big.csv", rows)
        (root / "config").mkdir()
        registry = root / "config" / "publications.yaml"
        registry.write_text(
            f"publications: {{big: {{name: Big, urls: [{{period: aug25, url: {root / 'big.csv'}}}]}}}}\n"
        )
        began = time.monotonic()
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
        status, found = peaks([*snakemake, "--directory", str(root), "--cores", "1", "all"])
        seconds = time.monotonic() - began
        size = (root / "big.csv").stat().st_size / 1e6
        print(f"{rows:,} rows, {size:.0f} MB of CSV, {seconds:.0f} s, exit status {status}")
        for stage in STAGES:
            print(f"  {stage:<10} {found.get(stage, 0) / 1e6:6.0f} MB")
        print(f"  largest    {max(found.values(), default=0) / 1e6:6.0f} MB")
        sys.path.insert(0, str(PROJECT / "scripts"))
        from datawarp.warehouse.server import remove_server

        remove_server(root / ".datawarp" / "postgres")
    return status


if __name__ == "__main__":
    sys.exit(main())
