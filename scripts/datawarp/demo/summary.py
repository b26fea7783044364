"""What the demo built, told from its receipts, and a question to ask of it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datawarp.demo.releases import DemoPublication
from datawarp.files import read_json
from datawarp.registry.paths import Paths


def summary(paths: Paths, releases: Sequence[DemoPublication]) -> str:
    """A table of publications with units, tables, rows and Parquet files, and a query that works as printed."""
    head = ("publication", "units", "tables", "rows", "files")
    lines: list[tuple[str, ...]] = []
    everything: list[dict[str, Any]] = []
    for publication in releases:
        receipts = [paths.export_receipt(f"{publication.code}_{r.period}") for r in publication.releases]
        built = [read_json(receipt) for receipt in receipts if receipt.is_file()]
        sources = [source for receipt in built for source in receipt["sources"]]
        everything += sources
        lines.append(_line(publication.code, len(built), sources))
    units = sum(int(line[1]) for line in lines)
    lines.append(_line("in all", units, everything))
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    table = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *lines)
    ]
    folder = os.path.relpath(paths.root)
    return "\n".join(
        [
            "",
            "Built:",
            "",
            *(f"  {line}" for line in table),
            "",
            f"Parquet is in {folder}/output/parquet, a page per table in {folder}/output/metadata,",
            f"the catalogue in {folder}/output/catalog.parquet. Ask the warehouse something:",
            "",
            f"  {query_command(paths, question(everything))}",
            "",
        ]
    )


def _line(name: str, units: int, sources: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    listed = list(sources)
    tables = len({source["table"] for source in listed})
    rows = sum(source["rows"] for source in listed)
    return name, str(units), str(tables), f"{rows:,}", str(len(listed))


def question(sources: Sequence[dict[str, Any]]) -> str:
    """A query on the table of waits by region, or on the largest table where there is no such one."""
    wanted = ("region", "patients_waiting", "median_wait_weeks")
    for source in sources:
        if set(wanted) <= set(source["columns"]):
            return f"SELECT _period, {', '.join(wanted)} FROM staging.{source['table']} ORDER BY region, _period"  # noqa: S608
    largest = max(sources, key=lambda s: int(s["rows"]))
    return f"SELECT _period, count(*) AS rows FROM staging.{largest['table']} GROUP BY _period ORDER BY _period"  # noqa: S608


def query_command(paths: Paths, sql: str) -> str:
    """The command that asks ``sql`` of the warehouse of this run, as one types it in the current folder."""
    python = Path(sys.executable)
    here = Path.cwd()
    short = str(python.relative_to(here)) if python.is_relative_to(here) else str(python)
    folder = shlex.quote(os.path.relpath(paths.root))
    return f'{shlex.quote(short)} -m datawarp.query --directory {folder} "{sql}"'
