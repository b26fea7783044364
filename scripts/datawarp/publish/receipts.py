"""Export receipts: which Parquet files a unit has, and the hash of each."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from datawarp.files import json_bytes, read_json, replacing, sha256_file, write_json
from datawarp.registry.paths import Paths


@dataclass(frozen=True)
class Exported:
    """One source of a unit as exported; in a receipt as it stands here. ``parquet`` is relative to the run's folder."""

    code: str
    table: str
    parquet: str
    rows: int
    columns: list[str]
    sha256: str
    source_files: list[str]


def write_receipt(unit: str, period: str, exported: list[Exported], paths: Paths) -> None:
    """Write the receipt of ``unit``, whose period is written ``period`` in the registry.

    Call it with the locks of all its sources held, so that it says what is there.
    """
    receipt = {"unit": unit, "period": period, "sources": [asdict(entry) for entry in exported]}
    with FileLock(paths.export_lock(f"unit-{unit}")):
        write_json(paths.export_receipt(unit), receipt)


def update_receipt(unit: str, code: str, paths: Paths) -> None:
    """Bring one source's entry in the receipt of ``unit`` into line with its Parquet file.

    The receipt keeps its time stamp: a unit that was due stays due, one that was not stays done.
    """
    with FileLock(paths.export_lock(f"unit-{unit}")):
        path = paths.export_receipt(unit)
        if not path.is_file():
            return
        receipt = read_json(path)
        for entry in receipt["sources"]:
            if entry["code"] == code and (paths.root / entry["parquet"]).is_file():
                entry.update(asdict(as_it_is(Exported(**entry), paths)))
        stamp = path.stat()
        with replacing(path) as temporary:
            temporary.write_bytes(json_bytes(receipt))
            os.utime(temporary, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def read_receipt(path: Path) -> list[Exported]:
    """The sources in a receipt; none when there is no receipt."""
    try:
        receipt: dict[str, Any] = read_json(path)
    except FileNotFoundError:
        return []
    return [Exported(**entry) for entry in receipt["sources"]]


def as_it_is(entry: Exported, paths: Paths) -> Exported:
    """``entry`` with rows, columns and hash of the file that is there now."""
    import pyarrow.parquet as pq

    path = paths.root / entry.parquet
    digest = sha256_file(path)
    if digest == entry.sha256:
        return entry
    with pq.ParquetFile(path) as file:
        return Exported(
            entry.code,
            entry.table,
            entry.parquet,
            file.metadata.num_rows,
            file.schema_arrow.names,
            digest,
            entry.source_files,
        )
