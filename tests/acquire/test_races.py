"""The download stage of several units at once, as processes: the same bytes, the same address, one store, one index."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datawarp.acquire.download import download
from datawarp.acquire.index import read_index
from datawarp.acquire.store import Origin, incoming, intact, retained, take_in
from datawarp.errors import AcquireError
from datawarp.files import read_json, write_bytes
from datawarp.lifecycle.entries import remove_empty_folders
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

BODY = b"region,count\nNorth,1\n"
HASH = hashlib.sha256(BODY).hexdigest()
JOBS, ROUNDS = 4, 60


def at_once(job: Callable[..., None], *arguments: object) -> None:
    """Run ``job(number, *arguments)`` in several processes; the first error is raised here."""
    with ProcessPoolExecutor(JOBS, mp_context=multiprocessing.get_context("fork")) as pool:
        for running in [pool.submit(job, number, *arguments) for number in range(JOBS)]:
            running.result(timeout=60)


def download_again_and_again(number: int, paths: Paths, units: list[Unit]) -> None:
    for unit in units[number::JOBS]:
        download(unit, paths, Settings())


def test_local_downloads_at_once(paths: Paths, tmp_path: Path, unit: Callable[..., Unit]) -> None:
    """Half of the units share their bytes and their address with others."""
    (tmp_path / "shared.csv").write_bytes(BODY)
    units = []
    for number in range(JOBS * ROUNDS):
        own = tmp_path / f"{number}.csv"
        own.write_bytes(BODY + str(number).encode())
        url = own if number % 3 else tmp_path / "shared.csv"
        units.append(unit(str(url), period=f"{2000 + number // 52}-w{number % 52 + 1:02d}"))
    at_once(download_again_and_again, paths, units)
    index = read_index(paths)
    for done in units:
        (file,) = read_json(paths.download_receipt(done.name))["files"]
        assert intact(paths, file["sha256"]) == paths.root / file["path"]
        assert done.name in index[file["url"]].units
    assert list(paths.incoming.iterdir()) == []


def take_in_again_and_again(number: int, paths: Paths) -> None:
    now = datetime.now(UTC)
    for turn in range(ROUNDS):
        with incoming(paths, now) as folder:
            (folder / "1").write_bytes(BODY)
            origin = Origin(f"https://x.uk/{number}/{turn}", "a.csv", "adhd", "", "", now.isoformat())
            take_in(paths, folder / "1", HASH, "csv" if number % 2 else "tsv", origin)


def remove_emptied_folders_or_take_in(number: int, paths: Paths) -> None:
    """One process does as a cleanup does with folders that it emptied, the others take in."""
    if number:
        take_in_again_and_again(number, paths)
    for _ in range(0 if number else 200 * ROUNDS):
        remove_empty_folders(paths.root, paths.store / HASH)


def test_store_folders_that_are_removed_when_empty(paths: Paths) -> None:
    at_once(remove_emptied_folders_or_take_in, paths)
    assert intact(paths, HASH)
    assert len(read_json(paths.store / HASH / "metadata.json")["origins"]) == (JOBS - 1) * ROUNDS


def mend_or_read(number: int, paths: Paths) -> None:
    """One process takes in what was damaged, others read."""
    for _ in range(0 if number else ROUNDS):
        (paths.store / HASH / "original.tsv").write_bytes(b"damaged")
        with incoming(paths, datetime.now(UTC)) as folder:
            (folder / "1").write_bytes(BODY)
            take_in(paths, folder / "1", HASH, "csv", Origin("https://x.uk/a", "a.csv", "adhd", "", "", "2026"))
    for _ in range(20 * ROUNDS if number else 0):
        intact(paths, HASH)
        retained(paths, HASH)


def test_damaged_bytes_are_replaced_under_the_eyes_of_readers(paths: Paths) -> None:
    (paths.store / HASH).mkdir(parents=True)
    at_once(mend_or_read, paths)
    assert intact(paths, HASH) == paths.store / HASH / "original.tsv"


def test_a_living_job_keeps_its_folder_however_old(paths: Paths) -> None:
    with incoming(paths, datetime.now(UTC)) as slow:
        (slow / "1").write_bytes(BODY)
        with incoming(paths, datetime.now(UTC) + timedelta(days=3)) as other:
            assert other.is_dir()
        assert (slow / "1").read_bytes() == BODY


def test_a_retained_file_that_goes_meanwhile_is_told(paths: Paths) -> None:
    """What a 304 vouched for is asked for anew; it is never recorded without its bytes."""
    stored = paths.store / HASH / "original.csv"
    for damage in (lambda: stored.unlink(), lambda: stored.write_bytes(b"damaged")):
        write_bytes(stored, BODY)
        damage()
        with pytest.raises(AcquireError, match="removed or damaged meanwhile"):
            take_in(paths, stored, HASH, "csv", Origin("https://x.uk/a", "a.csv", "adhd", "", "", "2026"))
        assert not (stored.parent / "metadata.json").exists()


def test_a_retained_file_is_as_young_as_one_just_taken_in(paths: Paths) -> None:
    stored = paths.store / HASH / "original.csv"
    write_bytes(stored, BODY)
    os.utime(stored.parent, (0, 0))
    assert retained(paths, HASH) == stored
    assert stored.parent.stat().st_mtime > 0
    stored.unlink()
    assert retained(paths, HASH) is None
