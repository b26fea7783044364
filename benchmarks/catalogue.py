"""The catalogue of thousands of exported units: made for the first time, after one more unit, with nothing new.

    python benchmarks/catalogue.py [--units N] [--sources N]

Invents units of three sources each, 40 periods a publication: receipts, Parquet files (links to one) and the records
of the database. Prints seconds in a process of its own, interpreter start and imports included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extras import execute_values

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(ROOT / "tests" / "warehouse")]

PERIODS = 40
SOURCES = 3
COLUMNS = [f"column_{i}" for i in range(20)]
CATALOGUE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from datawarp.lean import leave_out_pandas
leave_out_pandas()
from datawarp.publish.catalogue import catalogue
from datawarp.registry.models import Publication
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings
codes = sorted(p.name for p in (Path(sys.argv[1]) / "output/receipts").iterdir())
publications = {c: Publication(name=c, licence="OGL-UK-3.0", landing_page="https://example.org/") for c in codes}
catalogue(Paths(Path(sys.argv[1])), Settings(), Registry(Path("publications.yaml"), publications))
"""


def main() -> None:
    """Measure, in a database of the benchmark's own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--units", type=int, default=5000)
    units = arguments.parse_args().units
    from load import fresh

    from datawarp.warehouse.server import ensure_server, remove_server

    with tempfile.TemporaryDirectory() as folder:
        state, run = Path(folder) / "postgres", Path(folder) / "run"
        server = ensure_server(state)
        try:
            url = fresh(server, "bench")
            os.environ["DATABASE_URL"] = url
            with psycopg2.connect(url) as connection:
                invent(connection, run, 0, units)
                connection.commit()
                print(f"{units:,} units, {units * SOURCES:,} files")
                print(f"  the first time     {seconds(run):5.2f} s")
                print(f"  nothing new        {seconds(run):5.2f} s")
                invent(connection, run, units, units + 1)
                connection.commit()
                print(f"  after one more     {seconds(run):5.2f} s (target 2)")
            connection.close()
        finally:
            remove_server(state)


def seconds(run: Path) -> float:
    """What the catalogue takes."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as on any other machine
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", CATALOGUE, str(run), str(ROOT / "scripts")], check=True, env=environment)
    return time.monotonic() - began


def invent(connection: psycopg2.extensions.connection, run: Path, first: int, last: int) -> None:
    """Units number ``first`` to before ``last``, as exported."""
    from datawarp.publish.receipts import Exported, write_receipt
    from datawarp.registry.paths import Paths

    paths = Paths(run)
    one = run / "one.parquet"
    if not one.exists():
        run.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: ["a", "b"] for name in COLUMNS}), one)
    sources, history, files = [], [], []
    for number in range(first, last):
        publication, period = f"publication_{number // PERIODS}", f"{1980 + number % PERIODS}"
        unit, exported = f"{publication}_{period}", []
        for source in range(SOURCES):
            code = f"{publication}_source_{source}"
            sources.append((code, publication))
            history.append((unit, publication, period, date(int(period), 1, 1), date(int(period), 12, 31), code))
            files.append((unit, code, f"{number:012x}:Table {source}#1", f"{number:064x}", number))
            path = paths.parquet(code, period, unit)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(one, path)
            exported.append(Exported(code, f"tbl_{code}", paths.relative(path), 2, COLUMNS, "0" * 64, [files[-1][2]]))
        write_receipt(unit, period, exported, paths)
    with connection.cursor() as cursor:
        for table, names in (
            ("tbl_canonical_sources", "source_code, publication, name, description"),
            ("tbl_data_sources", "source_code, publication, table_name"),
        ):
            rows = [(c, p, *((f"Source {c}", "What it says.") if "description" in names else (f"tbl_{c}",)))
                    for c, p in dict.fromkeys(sources)]  # fmt: skip
            execute_values(cursor, f"INSERT INTO datawarp.{table} ({names}) VALUES %s ON CONFLICT DO NOTHING", rows)
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_column_metadata (source_code, column_name, original_name, description, "
            "position, data_type) VALUES %s ON CONFLICT DO NOTHING",
            [(c, n, n.title(), "What is in it.", i, "text")
             for c, _ in dict.fromkeys(sources) for i, n in enumerate(COLUMNS)],
        )  # fmt: skip
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_load_history (load_id, unit, publication, period, canonical_period, "
            "period_start, period_end, source_code, table_name, outcome, is_current, body_rows, rows_loaded, "
            "rows_replaced, columns, content_checksum, manifest_sha256, contract_version, started_at, seconds) "
            "VALUES %s",
            [(1, u, p, n, n, s, e, c, f"tbl_{c}", "loaded", True, 2, 2, 0, "[]", "", "", "", s, 0.1)
             for u, p, n, s, e, c in history],
        )  # fmt: skip
        execute_values(
            cursor,
            "INSERT INTO datawarp.tbl_manifest_files (unit, source_code, file_id, url, filename, sha256, columns, "
            "rows_loaded, load_id) VALUES %s",
            [(u, c, i, f"https://example.org/{n}.xlsx", f"{n}.xlsx", s, "[]", 2, 1) for u, c, i, s, n in files],
        )


if __name__ == "__main__":
    main()
