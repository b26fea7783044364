"""Releases on the web: a landing page and the files it links, or a file."""

from __future__ import annotations

from datawarp.acquire.http import Client, Fetched, NotFound
from datawarp.acquire.intake import Intake, Release
from datawarp.acquire.landing import DataLink, LandingPage, filename_of, is_data_address, normal_address, read_page
from datawarp.acquire.sniff import DATA_EXTENSIONS, extension, looks_like_html
from datawarp.acquire.store import retained
from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError, BrokenLink, NotPublishedYet


def take_web(intake: Intake, client: Client) -> Release:
    """The release at the unit's http(s) address."""
    unit = intake.unit
    url = normal_address(unit.url)
    try:
        fetched = _fetch(intake, client, url)
    except NotFound as missing:
        raise NotPublishedYet(
            f"nothing is published for period {unit.period} yet: {missing.message}",
            where=unit.url,
            hint="a later run tries again; if it is out, correct the url in the registry",
        ) from None
    if not is_data_address(url) and _is_page(fetched):
        return _take_page(intake, client, read_page(fetched))
    filename = _filename(intake, url, fetched)
    if intake.lets_in(url, filename):
        _keep(intake, url, filename, fetched)
    return intake.finished("the release's only file is left out")


def _take_page(intake: Intake, client: Client, page: LandingPage) -> Release:
    _check_is_this_release(intake, page)
    intake.release.page_title = page.title
    intake.release.notes = [note for note in page.notes if note != page.title]
    if not page.data_links:
        raise _no_links(intake, page)
    for link in page.data_links:
        try:
            _take_link(intake, client, link)
        except AcquireError as problem:
            intake.problems.append(problem)
    return intake.finished("no data file is left to take")


def _take_link(intake: Intake, client: Client, link: DataLink) -> None:
    if link.certain and not intake.lets_in(link.url, link.filename):
        return
    try:
        fetched = _fetch(intake, client, link.url)
    except NotFound as missing:
        if not link.certain:
            intake.leave_out(link.url, link.filename, f"the link leads nowhere: {missing.message}")
            return
        raise BrokenLink(
            f"the page links {link.filename or link.text!r}, which is not there: {missing.message}",
            where=link.url,
            hint="tell the publisher, or leave the file out with files.exclude",
        ) from None
    filename = _filename(intake, link.url, fetched)
    if not link.certain:
        if _is_document(fetched):
            told = f"the link leads to no data file ({fetched.content_type or 'a page'})"
            intake.leave_out(link.url, filename, told)
            return
        if not intake.lets_in(link.url, filename):
            return
    _keep(intake, link.url, filename, fetched)


def _fetch(intake: Intake, client: Client, url: str) -> Fetched:
    """The address's bytes, unless the store has them and the server says that they are current."""
    known = intake.index.get(url)
    current = known.validators if known is not None and retained(intake.paths, known.sha256) else Validators()
    return client.fetch(url, intake.arrival(), current, registered=intake.unit.url)


def _filename(intake: Intake, url: str, fetched: Fetched) -> str:
    if fetched.unchanged:
        return intake.index[url].filename
    named = filename_of(fetched.final_url, fetched.disposition)
    return filename_of(url) if extension(named) not in DATA_EXTENSIONS and is_data_address(url) else named


def _keep(intake: Intake, url: str, filename: str, fetched: Fetched) -> None:
    if fetched.path is not None:
        intake.keep(url, filename, fetched.path, fetched.sha256, fetched.size_bytes, fetched.validators)
        return
    known = intake.index[url]
    stored = retained(intake.paths, known.sha256)
    if stored is None:
        raise AcquireError(
            "the retained file was removed or damaged meanwhile", where=url, hint="run again: it is then fetched anew"
        )
    intake.keep(url, filename, stored, known.sha256, known.size_bytes, fetched.validators)


def _is_page(fetched: Fetched) -> bool:
    if fetched.path is None or extension(filename_of(fetched.final_url, fetched.disposition)) in DATA_EXTENSIONS:
        return False
    return looks_like_html(fetched.path, fetched.content_type)


def _is_document(fetched: Fetched) -> bool:
    """Whether an address that might have given data gave a page or a PDF."""
    if fetched.path is None:
        return False
    return fetched.content_type.startswith("application/pdf") or looks_like_html(fetched.path, fetched.content_type)


def _check_is_this_release(intake: Intake, page: LandingPage) -> None:
    """Some sites answer an unknown period with the publication's own page instead of a 404."""
    unit = intake.unit
    landing = unit.settings.landing_page
    asked, got = normal_address(unit.url), normal_address(page.url)
    if landing and got != asked and got.rstrip("/") == normal_address(landing).rstrip("/"):
        raise NotPublishedYet(
            f"the address of period {unit.period} leads back to the publication's landing page",
            where=unit.url,
            hint="a later run tries again; if it is out, correct the url in the registry",
        )


def _no_links(intake: Intake, page: LandingPage) -> AcquireError:
    if page.says_not_yet:
        told = f"the page says “{page.says_not_yet}” and links no data yet"
        return NotPublishedYet(told, where=intake.unit.url, hint="a later run tries again")
    return AcquireError(
        f"the page “{page.title}” links no data file ({', '.join('.' + e for e in DATA_EXTENSIONS)})",
        where=intake.unit.url,
        hint="open it in a browser: register the page that links the files, or the file itself",
    )
