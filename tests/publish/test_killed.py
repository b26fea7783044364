"""An export that is killed at any of its changes to a folder leaves each file old or new, and the next one ends it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from exporting import export_in_a_process
from warehouse_of_tests import Warehouse

from datawarp.files import read_json, sha256_file
from datawarp.operations.pending import pending_units
from datawarp.publish.export import export

JULY = pa.table({"org_code": ["007", "R1A"], "patients": pa.array([5, 70], pa.int64())})
AUGUST = JULY.set_column(1, "patients", pa.array([2.5, 3.0], pa.float64()))
STAFF = JULY.select(["org_code"])
CHANGES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir"}


def export_and_die(given: tuple[str, str, str], at: int) -> bool:
    """Export in a process that ends itself with SIGKILL before its ``at``-th change to a folder; whether it did.

    The process is a copy of this one, as importing everything anew for each moment would take minutes.
    """
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL)
        return status != 0
    changes = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal changes
        if event in CHANGES and str(arguments[0]).startswith(given[0]):
            changes += 1
            if changes == at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(watch)
        export_in_a_process(given)
        os._exit(0)
    finally:
        os._exit(1)


def contents(output: Path) -> dict[str, str]:
    """Hashes of all files that are published, temporary ones left out."""
    files = (p for top in ("parquet", "receipts", "metadata", ".versions") for p in (output / top).rglob("*"))
    return {str(p.relative_to(output)): sha256_file(p) for p in files if p.is_file() and p.suffix != ".tmp"}


def test_at_any_moment(warehouse: Warehouse) -> None:
    paths = warehouse.paths
    july = warehouse.unit("jul25")
    for unit, table in ((july, JULY), (warehouse.unit("aug25"), JULY)):
        warehouse.load(unit, waits=table, staff=STAFF, beds=STAFF)
        export(unit, paths, warehouse.settings)
    before, kept = contents(paths.output), paths.root.with_name("kept")
    # A column of july is now wider, so august follows; a source is gone, and one is as it was.
    warehouse.load(july, waits=AUGUST, staff=STAFF)
    shutil.copytree(paths.root, kept, symlinks=True)
    export(july, paths, warehouse.settings)
    after = contents(paths.output)
    assert len(before.keys() & after.keys()) > 4
    assert before != after
    given = (str(paths.root), warehouse.url, july.model_dump_json())
    moments = 0
    while True:
        shutil.rmtree(paths.root)
        shutil.copytree(kept, paths.root, symlinks=True)  # with the time stamps
        killed = export_and_die(given, moments + 1)
        found = contents(paths.output)
        if not killed:
            assert found == after
            break
        moments += 1
        for name, digest in found.items():
            assert digest in (before.get(name), after.get(name)), f"{name} is neither old nor new at {moments}"
        assert all(pq.read_table(p).num_rows == 2 for p in paths.output.rglob("*.parquet"))
        due = july.name in pending_units([july], paths)
        assert due or found == after, f"moment {moments}: not due, and not done"
        export(july, paths, warehouse.settings)
        assert contents(paths.output) == after, f"moment {moments}"
        left = {p.relative_to(paths.output).parts[0] for p in paths.output.rglob("*.tmp")}
        assert left <= {"metadata", "receipts"}, "nothing that readers of a data set would come upon"
        for entry in read_json(paths.export_receipt("adhd_aug25"))["sources"]:
            assert sha256_file(paths.root / entry["parquet"]) == entry["sha256"]
    assert moments > 30
