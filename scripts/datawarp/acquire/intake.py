"""A release as it takes shape: files that are let in, judged, stored and listed, and problems collected."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from datawarp.acquire.index import IndexEntry, read_index
from datawarp.acquire.shapes import find_periods
from datawarp.acquire.sniff import MEDIA_TYPES, sniff
from datawarp.acquire.store import Origin, take_in
from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError, BrokenLink
from datawarp.registry.addresses import resolved
from datawarp.registry.models import FileSelection, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


@dataclass
class ReceiptFile:
    """One data file of a release, as the receipt lists it. ``also_at`` are other addresses of the same bytes."""

    url: str
    filename: str
    sha256: str
    size_bytes: int
    path: str
    content_type: str
    licence: str
    also_at: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Release:
    """What a release turned out to be: its files, what was left out and why, and what its page says."""

    files: list[ReceiptFile] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    page_title: str = ""
    notes: list[str] = field(default_factory=list)
    seen: dict[str, IndexEntry] = field(default_factory=dict)


class Intake:
    """Takes in the files of ``unit``. ``folder`` is for arrivals; ``now`` is the time of all that is recorded."""

    def __init__(self, unit: Unit, paths: Paths, settings: Settings, folder: Path, now: datetime) -> None:
        self.unit = unit
        self.paths = paths
        self.index = read_index(paths)
        self.release = Release()
        self.problems: list[AcquireError] = []
        self._registry_folder = settings.registry(paths.root).parent
        self._max_unpacked_bytes = settings.http.max_unpacked_bytes
        self._folder = folder
        self._now = now.isoformat(timespec="seconds")
        self._arrivals = 0

    def located(self, url: str) -> str:
        """Where ``url`` is: the address itself on the web, else the absolute path."""
        return resolved(url, self._registry_folder)

    def arrival(self) -> Path:
        """A place for the bytes of the next file."""
        self._arrivals += 1
        return self._folder / str(self._arrivals)

    def keep(
        self, url: str, filename: str, arrived: Path, sha256: str, size: int, validators: Validators | None = None
    ) -> None:
        """Judge the bytes in ``arrived`` and put them into the store, the receipt and the index.

        Raises :class:`AcquireError` for what is no data file. Bytes that the release already has are listed once.
        """
        url, filename = _printable(url), _printable(filename)
        sniffed = sniff(arrived, filename, self._max_unpacked_bytes, where=self.located(url))
        publication = self.unit.settings
        origin = Origin(
            url, filename, self.unit.publication, publication.publisher, publication.licence, downloaded_at=self._now
        )
        stored = take_in(self.paths, arrived, sha256, sniffed.format, origin)
        validators = validators or Validators()
        known = self.index.get(url)
        self.release.seen[url] = IndexEntry(
            sha256=sha256,
            size_bytes=size,
            filename=filename,
            etag=validators.etag,
            last_modified=validators.last_modified,
            downloaded_at=known.downloaded_at if known and known.sha256 == sha256 else self._now,
            last_used=self._now,
            units=(self.unit.name,),
            answered_by=validators.answered_by,
        )
        same = next((file for file in self.release.files if file.sha256 == sha256), None)
        if same is not None:
            same.also_at.append(url)
            return
        self.release.files.append(
            ReceiptFile(
                url=url,
                filename=filename,
                sha256=sha256,
                size_bytes=size,
                path=self.paths.relative(stored),
                content_type=MEDIA_TYPES[sniffed.format],
                licence=publication.licence,
                notes=[*sniffed.notes, *_other_period(filename, self.unit)],
            )
        )

    def lets_in(self, url: str, filename: str) -> bool:
        """Whether ``files.include`` and ``files.exclude`` let the file in; if not, the receipt says so."""
        selection = self.unit.settings.files
        if not _matches(filename, selection.include):
            self.leave_out(url, filename, f"no pattern of files.include matches ({', '.join(selection.include)})")
            return False
        if _matches(filename, selection.exclude):
            self.leave_out(url, filename, f"files.exclude matches ({', '.join(selection.exclude)})")
            return False
        return True

    def leave_out(self, url: str, filename: str, reason: str) -> None:
        """List a file as skipped."""
        self.release.skipped.append({"url": _printable(url), "filename": _printable(filename), "reason": reason})

    def finished(self, why_empty: str) -> Release:
        """The release, or one error with every problem; raises with ``why_empty`` when nothing was let in.

        Good files of a failed release stay in the store.
        """
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            raise self._all_problems()
        if not self.release.files:
            left_out = "; ".join(f"{s['filename'] or s['url']}: {s['reason']}" for s in self.release.skipped[:10])
            raise AcquireError(
                f"{why_empty} ({left_out})" if left_out else why_empty,
                where=self.located(self.unit.url),
                hint="correct files.include and files.exclude of the publication, or the url",
            )
        return self.release

    def _all_problems(self) -> AcquireError:
        kind = BrokenLink if all(isinstance(problem, BrokenLink) for problem in self.problems) else AcquireError
        total = len(self.problems) + len(self.release.files)
        listed = "".join(f"\n  {problem.where}: {problem.message}" for problem in self.problems)
        hints = "; ".join(dict.fromkeys(problem.hint for problem in self.problems if problem.hint))
        told = f"{len(self.problems)} of {total} files cannot be used:{listed}"
        return kind(told, where=self.located(self.unit.url), hint=hints)


def is_selected(filename: str, selection: FileSelection) -> bool:
    """Whether ``files.include`` and ``files.exclude`` let a file of that name in."""
    return _matches(filename, selection.include) and not _matches(filename, selection.exclude)


def _matches(filename: str, patterns: list[str]) -> bool:
    name = filename.lower()
    last = name.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(text, pattern.lower()) for pattern in patterns for text in (name, last))


def _other_period(filename: str, unit: Unit) -> list[str]:
    """A note when the file's name speaks of other periods than the unit's: pages may link several releases' files."""
    if unit.when.kind not in ("month", "quarter", "financial_year"):
        return []
    named = dict.fromkeys(match.period.canonical for match in find_periods(filename, unit.when.kind))
    if not named or unit.when.canonical in named:
        return []
    return [f"its name says {', '.join(named)}, the release is {unit.when.canonical}"]


def _printable(text: str) -> str:
    """A path's undecodable bytes as replacement characters: receipts are UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")
