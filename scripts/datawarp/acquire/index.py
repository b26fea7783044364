"""``downloads/index.json``: what each address gave last, and which units use it.

A JSON object with one address a line, sorted. Thousands of units each write it once, so an entry's
line is parsed only when that entry is asked for. The lock makes it safe under jobs that run at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError
from datawarp.files import write_bytes
from datawarp.registry.paths import Paths

_LINE = re.compile(r'("(?:[^"\\]|\\.)*"): (\{.*\}),?')


@dataclass(frozen=True)
class IndexEntry:
    """What an address gave when it was last asked. Times are ISO 8601 in UTC; for ``answered_by`` see `Validators`."""

    sha256: str
    size_bytes: int
    filename: str
    etag: str | None
    last_modified: str | None
    downloaded_at: str
    last_used: str
    units: tuple[str, ...]
    answered_by: str = ""

    @property
    def validators(self) -> Validators:
        return Validators(self.etag, self.last_modified, self.answered_by)


class Index(Mapping[str, IndexEntry]):
    """The entries by address. ``lines`` maps each address, as JSON text, to its entry, as JSON text."""

    def __init__(self, path: Path, lines: dict[str, str]) -> None:
        self.path = path
        self.lines = lines

    def __getitem__(self, url: str) -> IndexEntry:
        text = self.lines[json.dumps(url)]
        try:
            entry = json.loads(text)
            return IndexEntry(**{**entry, "units": tuple(entry["units"])})
        except (ValueError, TypeError, KeyError) as problem:
            raise _no_index(self.path, problem) from None

    def __iter__(self) -> Iterator[str]:
        return (json.loads(key) for key in self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def put(self, url: str, entry: IndexEntry) -> None:
        """Set the entry of ``url``."""
        self.lines[json.dumps(url)] = json.dumps({**vars(entry), "units": list(entry.units)})

    def used_by(self, unit: str) -> list[str]:
        """The addresses that ``unit`` uses."""
        text = json.dumps(unit)
        near = [json.loads(key) for key, line in self.lines.items() if text in line]
        return [url for url in near if unit in self[url].units]


def read_index(paths: Paths) -> Index:
    """The index; empty when there is none yet.

    Raises :class:`AcquireError` when the file is no index: it is never thrown away unread.
    """
    path = paths.download_index
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Index(path, {})
    except (OSError, UnicodeDecodeError) as problem:
        raise _no_index(path, problem) from None
    lines = text.splitlines()
    if lines[:1] == ["{"] and lines[-1:] == ["}"]:
        matches = [_LINE.fullmatch(line) for line in lines[1:-1]]
        if all(matches):
            return Index(path, {match[1]: match[2] for match in matches if match})
    return _written_otherwise(path, text)


def update_index(paths: Paths, unit: str, entries: Mapping[str, IndexEntry], *, complete: bool = True) -> None:
    """Record what a unit's addresses gave; when they are ``complete``, others that it used lose the unit."""
    if not entries and not complete:
        return
    with _lock(paths):
        index = read_index(paths)
        for url in index.used_by(unit) if complete else ():
            old = index[url]
            index.put(url, replace(old, units=tuple(u for u in old.units if u != unit)))
        for url, new in entries.items():
            before = index[url].units if url in index else ()
            index.put(url, replace(new, units=tuple(sorted({*before, *new.units, unit}))))
        _write(index)


def forget(paths: Paths, urls: Collection[str]) -> None:
    """Take addresses out of the index, as a cleanup does with those that no unit uses."""
    with _lock(paths):
        index = read_index(paths)
        for url in urls:
            index.lines.pop(json.dumps(url), None)
        _write(index)


def _lock(paths: Paths) -> FileLock:
    folder = paths.private / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "index.lock")


def _write(index: Index) -> None:
    body = ",\n".join(f"{key}: {line}" for key, line in sorted(index.lines.items()))
    write_bytes(index.path, f"{{\n{body}\n}}\n".encode())


def _written_otherwise(path: Path, text: str) -> Index:
    """An index that something else wrote, in whatever layout."""
    index = Index(path, {})
    try:
        written: dict[str, dict[str, Any]] = json.loads(text)
        for url, entry in written.items():
            index.put(url, IndexEntry(**{**entry, "units": tuple(entry["units"])}))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise _no_index(path, problem) from None
    return index


def _no_index(path: Path, problem: Exception) -> AcquireError:
    return AcquireError(
        f"not a download index: {problem}",
        where=str(path),
        hint="move it aside; the next downloads make a new one, and unchanged bytes are not stored twice",
    )
