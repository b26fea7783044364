"""A release's files brought into the store, and the receipt that says which they are."""

from __future__ import annotations

import fnmatch
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datawarp.acquire.http import Client, Fetched, NotFound, Validators
from datawarp.acquire.landing import LandingPage, filename_of, is_data_address, normal_address, read_page
from datawarp.acquire.pacing import Pace
from datawarp.acquire.sniff import DATA_EXTENSIONS, MEDIA_TYPES, extension, looks_like_html, sniff
from datawarp.acquire.store import IndexEntry, Origin, incoming, intact, read_index, take_in, update_index
from datawarp.errors import AcquireError, BrokenLink, NotPublishedYet
from datawarp.files import sha256_file, write_json
from datawarp.registry.document import did_you_mean
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


def download(unit: Unit, paths: Paths, settings: Settings) -> None:
    """Bring the unit's files into the store and write its receipt.

    The unit's address is a landing page, a file, a local file or a local folder. Bytes that the
    publisher says are unchanged are not sent again.

    Raises :class:`NotPublishedYet` when nothing is at a period's address yet, :class:`BrokenLink` when
    its page links files that are not there, and :class:`AcquireError` naming every file that is not
    what it should be; the receipt is then not written.
    """
    with (
        incoming(paths, datetime.now(UTC)) as folder,
        Client(settings.http, Pace(paths.hosts, settings.http.host_delay)) as client,
    ):
        collector = _Collector(unit, paths, settings, client, folder)
        release = collector.local() if unit.is_local else collector.web()
    update_index(paths, unit.name, release.seen)
    write_json(paths.download_receipt(unit.name), receipt(unit, release))


def receipt(unit: Unit, release: Release) -> dict[str, Any]:
    """The receipt: only what the release is, nothing of when or how it was fetched."""
    return {
        "unit": unit.name,
        "period": unit.period,
        "url": unit.url,
        "publication_context": {"page_title": release.page_title, "notes": release.notes},
        "files": [vars(file) for file in release.files],
        "skipped": release.skipped,
    }


class _Collector:
    """The download of one unit."""

    def __init__(self, unit: Unit, paths: Paths, settings: Settings, client: Client, folder: Path) -> None:
        self._unit = unit
        self._paths = paths
        self._settings = settings
        self._client = client
        self._folder = folder
        self._index = read_index(paths)
        self._release = Release()
        self._problems: list[AcquireError] = []
        self._arrivals = 0

    def web(self) -> Release:
        """The release at an http(s) address."""
        url = normal_address(self._unit.url)
        try:
            fetched = self._fetch(url)
        except NotFound as missing:
            raise NotPublishedYet(
                f"nothing is published for period {self._unit.period} yet: {missing.message}",
                where=self._unit.url,
                hint="a later run tries again; if it is out, correct the url in the registry",
            ) from None
        if not fetched.unchanged and not is_data_address(url) and self._is_page(fetched):
            self._page(fetched)
        else:
            self._take(url, fetched)
        return self._finished()

    def local(self) -> Release:
        """The release in a file or folder of this machine."""
        place = Path(self._unit.url)
        if place.is_dir():
            files = sorted(p for p in place.rglob("*") if p.is_file() and not is_clutter(p.relative_to(place)))
            for file in files:
                name = file.relative_to(place).as_posix()
                if extension(name) not in DATA_EXTENSIONS:
                    self._skip(str(file), name, "no data file by its extension")
                elif self._selected(str(file), name):
                    self._take_local(file, name)
            if not self._release.files and not self._problems:
                self._nothing_found(str(place), "the folder holds no data file")
        elif place.is_file():
            self._take_local(place, place.name)
        else:
            nearby = [p.name for p in place.parent.iterdir()] if place.parent.is_dir() else []
            hint = did_you_mean(place.name, nearby) or "correct the url in the registry, or put the file there"
            raise AcquireError("there is no such file or folder", where=str(place), hint=hint)
        return self._finished()

    def _page(self, fetched: Fetched) -> None:
        page = read_page(fetched)
        self._check_is_this_release(page)
        self._release.page_title = page.title
        self._release.notes = page.notes
        links = page.data_links
        if not links:
            if page.says_not_yet:
                raise NotPublishedYet(
                    f"the page says “{page.says_not_yet}” and links no data yet",
                    where=self._unit.url,
                    hint="a later run tries again",
                )
            raise AcquireError(
                f"the page “{page.title}” links no data file ({', '.join('.' + e for e in DATA_EXTENSIONS)})",
                where=self._unit.url,
                hint="open it in a browser: register the page that links the files, or the file itself",
            )
        for link in links:
            if link.certain and not self._selected(link.url, link.filename):
                continue
            try:
                self._take(link.url, self._fetch(link.url), certain=link.certain, from_page=True)
            except NotFound as missing:
                if not link.certain:
                    self._skip(link.url, link.filename, f"the link leads nowhere: {missing.message}")
                    continue
                hint = "tell the publisher, or leave the file out with files.exclude"
                told = f"the page links {link.filename or link.text!r}, which is not there: {missing.message}"
                self._problems.append(BrokenLink(told, where=link.url, hint=hint))
            except AcquireError as problem:
                self._problems.append(problem)
        if not self._release.files and not self._problems:
            self._nothing_found(self._unit.url, "no data file is left to take")

    def _check_is_this_release(self, page: LandingPage) -> None:
        """Some sites answer an unknown period with the publication's own page instead of a 404."""
        landing = self._unit.settings.landing_page
        asked, got = normal_address(self._unit.url), normal_address(page.url)
        if landing and got != asked and got.rstrip("/") == normal_address(landing).rstrip("/"):
            raise NotPublishedYet(
                f"the address of period {self._unit.period} leads back to the publication's landing page",
                where=self._unit.url,
                hint="a later run tries again; if it is out, correct the url in the registry",
            )

    def _fetch(self, url: str) -> Fetched:
        """The address's bytes, unless the store has them and the server says that they are current."""
        known = self._index.get(url)
        validators = Validators()
        if known is not None and intact(self._paths, known.sha256):
            validators = known.validators
        self._arrivals += 1
        return self._client.fetch(url, self._folder / str(self._arrivals), validators)

    def _is_page(self, fetched: Fetched) -> bool:
        named = filename_of(fetched.final_url, fetched.disposition)
        if fetched.path is None or extension(named) in DATA_EXTENSIONS:
            return False
        return looks_like_html(fetched.path, fetched.content_type)

    def _take(self, url: str, fetched: Fetched, *, certain: bool = True, from_page: bool = False) -> None:
        """Put a fetched file into the store and the receipt; an uncertain link that is no data file is left out."""
        if fetched.path is None:
            known = self._index[url]
            stored = intact(self._paths, known.sha256)
            if stored is None:
                raise AcquireError("the retained file was damaged meanwhile", where=url, hint="run again")
            filename, sha256, size = known.filename, known.sha256, known.size_bytes
            if not certain and not self._selected(url, filename):
                return
            arrived = stored
        else:
            filename = filename_of(fetched.final_url, fetched.disposition)
            if extension(filename) not in DATA_EXTENSIONS and is_data_address(url):
                filename = filename_of(url)
            arrived, sha256, size = fetched.path, fetched.sha256, fetched.size_bytes
            if not certain:
                if looks_like_html(arrived, fetched.content_type) or fetched.content_type.startswith("application/pdf"):
                    self._skip(url, filename, f"the link leads to no data file ({fetched.content_type or 'a page'})")
                    return
                if not self._selected(url, filename):
                    return
            elif not from_page and not self._selected(url, filename):
                self._nothing_found(url, "the release's only file is left out")
        self._keep(url, filename, arrived, sha256, size, fetched.validators)

    def _take_local(self, file: Path, name: str) -> None:
        self._arrivals += 1
        copy = self._folder / str(self._arrivals)
        try:
            shutil.copyfile(file, copy)
            self._keep(str(file), name, copy, sha256_file(copy), copy.stat().st_size, Validators())
        except AcquireError as problem:
            self._problems.append(problem)
        except OSError as problem:
            told = f"the file cannot be read: {problem.strerror}"
            self._problems.append(AcquireError(told, where=str(file), hint="make it readable to this user"))

    def _keep(self, url: str, filename: str, arrived: Path, sha256: str, size: int, validators: Validators) -> None:
        url, filename = _printable(url), _printable(filename)
        sniffed = sniff(arrived, filename, self._settings.http.max_unpacked_bytes, where=url)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        publication = self._unit.settings
        origin = Origin(url, filename, self._unit.publication, publication.publisher, publication.licence, now)
        stored = take_in(self._paths, arrived, sha256, sniffed.format, origin)
        known = self._index.get(url)
        since = known.downloaded_at if known and known.sha256 == sha256 else now
        self._release.seen[url] = IndexEntry(
            sha256, size, filename, validators.etag, validators.last_modified, since, now, (self._unit.name,)
        )
        same = next((file for file in self._release.files if file.sha256 == sha256), None)
        if same is not None:
            same.also_at.append(url)
            return
        self._release.files.append(
            ReceiptFile(
                url=url,
                filename=filename,
                sha256=sha256,
                size_bytes=size,
                path=self._paths.relative(stored),
                content_type=MEDIA_TYPES[sniffed.format],
                licence=publication.licence,
                notes=list(sniffed.notes),
            )
        )

    def _selected(self, url: str, filename: str) -> bool:
        """Whether ``files.include`` and ``files.exclude`` let the file in; if not, the receipt says so."""
        selection: FileSelection = self._unit.settings.files
        if not _matches(filename, selection.include):
            self._skip(url, filename, f"no pattern of files.include matches ({', '.join(selection.include)})")
            return False
        if _matches(filename, selection.exclude):
            self._skip(url, filename, f"files.exclude matches ({', '.join(selection.exclude)})")
            return False
        return True

    def _skip(self, url: str, filename: str, reason: str) -> None:
        self._release.skipped.append({"url": _printable(url), "filename": _printable(filename), "reason": reason})

    def _nothing_found(self, where: str, why: str) -> None:
        left_out = "; ".join(f"{s['filename'] or s['url']}: {s['reason']}" for s in self._release.skipped[:10])
        told = f"{why} ({left_out})" if left_out else why
        raise AcquireError(
            told, where=where, hint="correct files.include and files.exclude of the publication, or the url"
        )

    def _finished(self) -> Release:
        """The release, or every problem of it in one error; files already in the store stay there."""
        if not self._problems:
            return self._release
        if len(self._problems) == 1:
            raise self._problems[0]
        kind = BrokenLink if all(isinstance(problem, BrokenLink) for problem in self._problems) else AcquireError
        total = len(self._problems) + len(self._release.files)
        listed = "".join(f"\n  {problem.where}: {problem.message}" for problem in self._problems)
        hints = "; ".join(dict.fromkeys(problem.hint for problem in self._problems if problem.hint))
        raise kind(f"{len(self._problems)} of {total} files cannot be used:{listed}", where=self._unit.url, hint=hints)


def is_selected(filename: str, selection: FileSelection) -> bool:
    """Whether ``files.include`` and ``files.exclude`` let a file of that name in."""
    return _matches(filename, selection.include) and not _matches(filename, selection.exclude)


def _matches(filename: str, patterns: list[str]) -> bool:
    name = filename.lower()
    last = name.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(text, pattern.lower()) for pattern in patterns for text in (name, last))


def is_clutter(relative: Path) -> bool:
    """Hidden files, and the lock files that office programs leave beside an open workbook."""
    return any(part.startswith((".", "~$", "__MACOSX")) for part in relative.parts)


def _printable(text: str) -> str:
    """A path's undecodable bytes as replacement characters: receipts are UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")
