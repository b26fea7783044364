"""The store and its index, under many hands at once."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datawarp.acquire.index import IndexEntry, forget, read_index, update_index
from datawarp.acquire.store import Origin, incoming, intact, take_in
from datawarp.errors import AcquireError
from datawarp.files import read_json
from datawarp.registry.paths import Paths

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BODY = b"a,b\n1,2\n"
HASH = hashlib.sha256(BODY).hexdigest()


def origin(url: str = "https://x.uk/a.csv") -> Origin:
    return Origin(url, "a.csv", "adhd", "NHS England", "OGL-UK-3.0", NOW.isoformat())


def entry(unit: str = "adhd_aug25") -> IndexEntry:
    return IndexEntry(HASH, len(BODY), "a.csv", '"e"', None, NOW.isoformat(), NOW.isoformat(), (unit,))


def arrive(folder: Path, name: str = "arrived", body: bytes = BODY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    return folder / name


def test_the_same_bytes_from_two_addresses_are_stored_once(paths: Paths, tmp_path: Path) -> None:
    first = take_in(paths, arrive(tmp_path), HASH, "csv", origin())
    second = take_in(paths, arrive(tmp_path), HASH, "csv", origin("https://x.uk/copy.csv"))
    assert first == second == paths.store / HASH / "original.csv"
    assert first.read_bytes() == BODY
    metadata = read_json(paths.store / HASH / "metadata.json")
    assert (metadata["sha256"], metadata["size_bytes"]) == (HASH, len(BODY))
    assert [o["url"] for o in metadata["origins"]] == ["https://x.uk/a.csv", "https://x.uk/copy.csv"]
    assert metadata["origins"][0]["licence"] == "OGL-UK-3.0"


def test_a_second_visit_changes_nothing(paths: Paths, tmp_path: Path) -> None:
    stored = take_in(paths, arrive(tmp_path), HASH, "csv", origin())
    before = [(p.name, p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(stored.parent.glob("[!.]*"))]
    take_in(paths, arrive(tmp_path), HASH, "csv", origin())
    assert [(p.name, p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(stored.parent.glob("[!.]*"))] == before


def test_damaged_bytes_are_noticed_and_replaced(paths: Paths, tmp_path: Path) -> None:
    stored = take_in(paths, arrive(tmp_path), HASH, "csv", origin())
    stored.write_bytes(BODY[:-1])
    assert intact(paths, HASH) is None
    take_in(paths, arrive(tmp_path), HASH, "csv", origin())
    assert intact(paths, HASH) == stored


def test_the_index_survives_many_jobs_at_once(paths: Paths) -> None:
    def job(number: int) -> None:
        update_index(
            paths, f"adhd_w{number}", {f"https://x.uk/{number}": entry(f"adhd_w{number}"), "https://x.uk/all": entry()}
        )

    threads = [threading.Thread(target=job, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index = read_index(paths)
    assert len(index) == 25
    assert set(index["https://x.uk/all"].units) >= {f"adhd_w{n}" for n in range(24)}
    written = read_json(paths.download_index)["https://x.uk/3"]
    assert set(written) >= {"sha256", "etag", "last_modified", "size_bytes", "downloaded_at", "last_used", "units"}


def test_an_address_that_a_unit_no_longer_uses_loses_it(paths: Paths) -> None:
    update_index(paths, "adhd_aug25", {"https://x.uk/old": entry(), "https://x.uk/both": entry()})
    update_index(paths, "adhd_aug25", {"https://x.uk/both": entry()})
    index = read_index(paths)
    assert index["https://x.uk/old"].units == ()
    assert index["https://x.uk/both"].units == ("adhd_aug25",)


def test_a_broken_index_is_told_and_kept(paths: Paths) -> None:
    paths.download_index.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"https://x.uk": {"sha256": 1}}'):
        paths.download_index.write_text(text)
        with pytest.raises(AcquireError, match="not a download index"):
            update_index(paths, "adhd_aug25", {"https://x.uk/a": entry()})
        assert paths.download_index.read_text() == text


def test_what_a_killed_job_left_goes_after_a_day(paths: Paths) -> None:
    for name, age in (("old", 2 * 86_400), ("young", 60)):
        folder = paths.incoming / name
        arrive(folder)
        os.utime(folder, (time.time() - age, time.time() - age))
    with incoming(paths, datetime.now(UTC)) as folder:
        assert folder.is_dir()
    assert [p.name for p in paths.incoming.iterdir()] == ["young"]


def test_addresses_are_forgotten_by_name(paths: Paths) -> None:
    update_index(paths, "adhd_aug25", {"https://x.uk/a": entry(), "https://x.uk/b": entry()})
    forget(paths, {"https://x.uk/a", "https://x.uk/never"})
    assert set(read_index(paths)) == {"https://x.uk/b"}
