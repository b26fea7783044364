"""Typed Arrow to committed rows, against the server's own binary COPY of the same rows, and against peers.

    python benchmarks/load.py [--rows N] [--rounds N] [--peers]

Prints ratios of interleaved medians and the peak memory of the loading process. ``--peers`` also runs pandas.to_sql,
and dlt where pip can install it into an environment of its own; both are slow, so on a tenth of the rows.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg2
import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

from warehouse_of_tests import Warehouse  # noqa: E402

from datawarp.registry.paths import Paths  # noqa: E402
from datawarp.registry.settings import Settings  # noqa: E402
from datawarp.warehouse.connection import open_connection, upgrade  # noqa: E402
from datawarp.warehouse.server import Server, ensure_server, remove_server  # noqa: E402

DLT = """
import sys, time
import pyarrow as pa, dlt
table = pa.ipc.open_file(sys.argv[1]).read_all()
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(sys.argv[2]), dataset_name="dlt_bench")
began = time.monotonic()
pipeline.run(table, table_name="rows", write_disposition="replace")
print(time.monotonic() - began)
"""


def made(rows: int) -> pa.Table:
    """Twenty mixed columns as statistical releases have them: codes, names, counts, rates, dates, markers."""
    random = np.random.default_rng(1)
    orgs = pa.array([f"R{i:04}" for i in range(500)])
    names = pa.array([f"NHS Example Trust number {i}" for i in range(500)])
    which = pa.array(random.integers(0, 500, rows))
    columns: dict[str, pa.Array] = {"org_code": orgs.take(which), "org_name": names.take(which)}
    for i in range(4):
        columns[f"label_{i}"] = pa.array([f"Label {i} {j}" for j in range(40)]).take(
            pa.array(random.integers(0, 40, rows))
        )
    for i in range(7):
        columns[f"count_{i}"] = pa.array(random.integers(0, 100_000, rows), mask=random.random(rows) < 0.05)
    for i in range(5):
        columns[f"rate_{i}"] = pa.array(random.random(rows).round(4), mask=random.random(rows) < 0.05)
    columns["day"] = pa.array(random.integers(19000, 20000, rows).astype("int32"), pa.date32())
    columns["count_0_marker"] = pa.array(["*"]).take(pa.array(np.zeros(rows, "int64"), mask=random.random(rows) > 0.05))
    return pa.table(columns)


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def fresh(server: Server, name: str) -> str:
    """An empty, migrated database."""
    admin = psycopg2.connect(server.url("postgres"))
    admin.autocommit = True
    admin.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    admin.cursor().execute(f"CREATE DATABASE {name}")
    admin.close()
    url = server.url(name)
    connection = open_connection(url)
    upgrade(connection)
    connection.close()
    return url


def own_copy(url: str, dumped: bytes) -> Callable[[], None]:
    """The server's own binary COPY of the very rows, lineage included, into a new table with the same index."""

    def work() -> None:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS public.peer")
            cursor.execute("CREATE TABLE public.peer (LIKE staging.tbl_bench_rows INCLUDING DEFAULTS)")
            cursor.copy_expert("COPY public.peer FROM STDIN WITH (FORMAT binary)", io.BytesIO(dumped), 1 << 18)
            cursor.execute("CREATE INDEX ON public.peer (_period)")
        connection.close()

    return work


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--peers", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "postgres"
        server = ensure_server(state)
        try:
            measure(server, Path(folder), given.rows, given.rounds, given.peers)
        finally:
            remove_server(state)


def measure(server: Server, folder: Path, rows: int, rounds: int, peers: bool) -> None:
    table = made(rows)
    paths = Paths(folder)
    url = fresh(server, "bench")
    os.environ["DATABASE_URL"] = url
    warehouse = Warehouse(paths, url, Settings())
    unit = warehouse.prepare(warehouse.unit("aug25", "bench"), rows=table)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    warehouse.load(unit)
    grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    dumped = io.BytesIO()
    with psycopg2.connect(url) as connection:
        connection.cursor().copy_expert("COPY staging.tbl_bench_rows TO STDOUT WITH (FORMAT binary)", dumped)
    connection.close()
    ours, theirs, replaced, unchanged = [], [], [], []
    for round_ in range(rounds):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        ours.append(timed(lambda: warehouse.load(unit)))
        theirs.append(timed(own_copy(url, dumped.getvalue())))
        unchanged.append(timed(lambda: warehouse.load(unit)))
        changed = warehouse.prepare(unit, rows=table.set_column(6, "count_0", pa.array([round_] * rows)))
        replaced.append(timed(lambda changed=changed: warehouse.load(changed)))
        warehouse.prepare(unit, rows=table)
    base = statistics.median(theirs)
    print(f"{rows:,} rows, {table.num_columns} columns and 7 of lineage; server's own binary COPY {base:.2f} s")
    for name, times in (("load", ours), ("the period replaced", replaced), ("the same again", unchanged)):
        print(f"  {name:<22} {statistics.median(times):6.2f} s   {statistics.median(times) / base:5.2f} times")
    print(f"  the first load took {grew / 1024:.0f} MB of memory, imports included")
    if peers:
        measure_peers(url, folder, table.slice(0, max(1, rows // 10)), base / 10)


def measure_peers(url: str, folder: Path, table: pa.Table, base: float) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    frame = table.to_pandas()
    took = timed(lambda: frame.to_sql("peer_pandas", engine, schema="public", if_exists="replace", index=False))
    print(f"  {'pandas.to_sql':<22} {took:6.2f} s   {took / base:5.1f} times, per row")
    dlt = dlt_seconds(url, folder, table)
    print(f"  {'dlt':<22} {dlt:6.2f} s   {dlt / base:5.1f} times, per row" if dlt else "  dlt: not installable here")


def dlt_seconds(url: str, folder: Path, table: pa.Table) -> float | None:
    environment = folder / "dlt"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "dlt[postgres]", "pyarrow", "pandas"]
    if subprocess.run(install, check=False, capture_output=True).returncode != 0:
        return None
    file = folder / "rows.arrow"
    with pa.ipc.new_file(str(file), table.schema) as writer:
        writer.write_table(table)
    done = subprocess.run(
        [python, "-c", DLT, file, url],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"HOME": str(folder)},
    )
    return float(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else None


if __name__ == "__main__":
    main()
