"""Typed Arrow to committed rows, against the server's own binary COPY of the same rows, and against peers.

    python benchmarks/load.py [--rows N] [--rounds N] [--peers]

A first period, the next one, and one replaced, each beside COPY into a table in the same state, of the same rows with
all columns and lineage, on the same server with the same durability. Prints ratios of interleaved medians and the peak
memory of the loading process. ``--peers`` also runs pandas.to_sql, and dlt where pip can install it into an environment
of its own; both are slow, so on a tenth of the rows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg2
import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

from warehouse_of_tests import Warehouse  # noqa: E402

from datawarp.registry.paths import Paths  # noqa: E402
from datawarp.registry.settings import Settings  # noqa: E402
from datawarp.warehouse.connection import open_connection, upgrade  # noqa: E402
from datawarp.warehouse.server import Server, ensure_server, remove_server  # noqa: E402

FIRST, NEXT = "2025-08", "2025-09"  # the periods, as rows carry them

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


class Stopwatch:
    """Wall time, and processor time of this process and of the whole server: the second is steady on a busy machine."""

    def __init__(self, server: Server) -> None:
        self._postmaster = psutil.Process(int((server.home / "data" / "postmaster.pid").read_text().split("\n", 1)[0]))

    def taken(self, work: Callable[[], object]) -> tuple[float, float]:
        """Seconds of both kinds that ``work`` takes."""
        began, used = time.monotonic(), self._used()
        work()
        return time.monotonic() - began, self._used() - used

    def _used(self) -> float:
        return time.process_time() + server_cpu(self._postmaster)


def server_cpu(postmaster: psutil.Process) -> float:
    """Processor seconds of the postmaster, of the processes it still has, and of those that ended.

    A backend that ends between being listed and being looked at is counted where the postmaster, which is looked at
    after them, keeps what its children took.
    """
    used = 0.0
    for process in (*postmaster.children(recursive=True), postmaster):
        with suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:4])
    return used


def memory_taken(work: Callable[[], object]) -> float:
    """MB that this process needs more at most during ``work``, mapped files aside, which the system may drop."""

    def anonymous() -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])

    before, done = anonymous(), threading.Event()
    seen = [before]

    def watch() -> None:
        while not done.wait(0.01):
            seen.append(anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return (max(seen) - before) / 1024


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


class Peer:
    """The server's own binary COPY of the very rows, lineage included, into a table of the same columns and index."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    def dump(self, period: str) -> None:
        """Take the rows of a period out of the warehouse."""
        with psycopg2.connect(self._url) as connection, open(self._folder / period, "wb") as file:
            query = f"COPY (SELECT * FROM staging.tbl_bench_rows WHERE _period = '{period}') TO STDOUT (FORMAT binary)"
            connection.cursor().copy_expert(query, file)
        connection.close()

    def first(self, *, frozen: bool = False) -> None:
        """Into a new table, indexed afterwards."""
        with self._cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS public.peer")
            cursor.execute("CREATE TABLE public.peer (LIKE staging.tbl_bench_rows INCLUDING DEFAULTS)")
            self._copy(cursor, FIRST, ", FREEZE" if frozen else "")
            cursor.execute("CREATE INDEX ON public.peer (_period)")

    def next(self) -> None:
        """Into a table that has rows, and its index."""
        with self._cursor() as cursor:
            self._copy(cursor, NEXT)

    def replaced(self) -> None:
        """The same, after deleting the period."""
        with self._cursor() as cursor:
            cursor.execute("DELETE FROM public.peer WHERE _period = %s", (NEXT,))
            self._copy(cursor, NEXT)

    def _copy(self, cursor: Any, period: str, options: str = "") -> None:
        with open(self._folder / period, "rb") as file:
            cursor.copy_expert(f"COPY public.peer FROM STDIN (FORMAT binary{options})", file, 1 << 18)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = psycopg2.connect(self._url)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


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
    url = fresh(server, "bench")
    os.environ["DATABASE_URL"] = url
    warehouse = Warehouse(Paths(folder), url, Settings())
    first = warehouse.prepare(warehouse.unit("aug25", "bench"), rows=table)
    following = warehouse.unit("sep25", "bench")
    peer = Peer(url, folder)
    stopwatch = Stopwatch(server)
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def take(name: str, work: Callable[[], object]) -> None:
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("CHECKPOINT")  # nobody pays for what another wrote
        times[name].append(stopwatch.taken(work))

    grew = memory_taken(lambda: warehouse.load(first))
    peer.dump(FIRST)
    warehouse.load(following, rows=table)
    peer.dump(NEXT)
    for round_ in range(rounds):
        warehouse.query("DELETE FROM datawarp.tbl_canonical_sources")
        take("first period", lambda: warehouse.load(first))
        take("COPY into a new table, frozen", lambda: peer.first(frozen=True))
        take("COPY into a new table", peer.first)
        warehouse.prepare(following, rows=table)
        take("next period", lambda: warehouse.load(following))
        take("COPY into a table with rows", peer.next)
        take("the same again", lambda: warehouse.load(following))
        warehouse.prepare(following, rows=table.set_column(6, "count_0", pa.array([round_] * rows)))
        take("period replaced", lambda: warehouse.load(following))
        take("DELETE and COPY", peer.replaced)
    print(f"{rows:,} rows, {table.num_columns} columns and 7 of lineage")
    for name, against in (
        ("first period", "COPY into a new table, frozen"),
        ("first period", "COPY into a new table"),
        ("next period", "COPY into a table with rows"),
        ("period replaced", "DELETE and COPY"),
        ("period replaced", "COPY into a table with rows"),
        ("the same again", "COPY into a table with rows"),
    ):
        ours, theirs = median(times[name]), median(times[against])
        ratios = f"{ours[0] / theirs[0]:5.2f} times (processors {ours[1] / theirs[1]:5.2f})"
        print(f"  {name:<16} {ours[0]:6.2f} s   {ratios} {theirs[0]:6.2f} s of {against}")
    print(f"  the first load took {grew:.0f} MB of memory, imports included")
    if peers:
        base = median(times["COPY into a new table"])[0]
        measure_peers(url, folder, table.slice(0, max(1, rows // 10)), base / 10)


def median(times: list[tuple[float, float]]) -> tuple[float, float]:
    """The medians of wall and processor time."""
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


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
