"""Releases that landing pages link and the registry lacks, as lines to paste."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from datawarp.acquire.http import Client
from datawarp.acquire.landing import Link, normal_address, read_page
from datawarp.acquire.pacing import Pace
from datawarp.acquire.shapes import Shape, find_periods, shape_of
from datawarp.acquire.store import incoming
from datawarp.errors import AcquireError, RegistryError
from datawarp.files import write_json
from datawarp.registry.edit import NewRelease, release_line
from datawarp.registry.models import Publication
from datawarp.registry.paths import Paths
from datawarp.registry.periods import Period, parse_period
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings

_KIND_OF_FREQUENCY = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "annual": "financial_year",
}
_MOST_YEAR_PAGES = 3


@dataclass(frozen=True)
class Proposal:
    """A release found on a landing page. ``registered`` is the address the registry has for its period, if any."""

    publication: str
    period: str
    url: str
    text: str
    registered: str | None = None


@dataclass
class Discovery:
    """What was found: releases that the registry lacks, others whose address moved, pages that could not be read."""

    proposals: list[Proposal] = field(default_factory=list)
    moved: list[Proposal] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    pages: int = 0

    def releases(self) -> dict[str, list[NewRelease]]:
        """The proposals by publication, as the registry takes them."""
        found: dict[str, list[NewRelease]] = {}
        for proposal in self.proposals:
            found.setdefault(proposal.publication, []).append(NewRelease(proposal.period, proposal.url))
        return found

    def text(self, registry: Registry) -> str:
        """The findings for a person, with the lines to paste."""
        lines = []
        for code, releases in self.releases().items():
            lines.append(f"# {registry.publications[code].name}: under publications.{code}.urls")
            lines += [f"      - {release_line(release)}" for release in releases]
        if self.moved:
            lines.append("# Releases that their page now links elsewhere; a new address often means revised figures:")
            lines += [f"#   {m.publication}_{m.period}: {m.registered} → {m.url}" for m in self.moved]
        lines += [f"# {code}: the landing page could not be read: {why}" for code, why in self.problems.items()]
        found = f"landing pages read: {self.pages}; new releases: {len(self.proposals)}"
        return "\n".join([*lines, f"# {found}"]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """The findings for a program."""
        return {
            "proposals": [asdict(p) for p in self.proposals],
            "moved": [asdict(m) for m in self.moved],
            "problems": self.problems,
        }


def discover(
    registry: Registry,
    paths: Paths,
    settings: Settings,
    today: date,
    only: Collection[str] = (),
) -> Discovery:
    """Read the landing pages of all publications, or ``only`` of some, and say what the registry lacks.

    A link is a release when its address has the shape of the publication's known releases (or lies
    right under the landing page, when none is known), or matches the publication's ``discover``
    pattern. Periods that begin after ``today`` are left out. The findings are also written as JSON.
    """
    discovery = Discovery()
    with (
        incoming(paths, datetime.now(UTC)) as folder,
        Client(settings.http, Pace(paths.hosts, settings.http.host_delay)) as client,
    ):
        reader = LinkReader(client, folder / "page")
        for code in registry.codes(only):
            publication = registry.publications[code]
            if publication.landing_page is None:
                continue
            discovery.pages += 1
            try:
                links = _release_links(publication, reader, today)
            except AcquireError as problem:
                discovery.problems[code] = problem.message
                continue
            _compare(code, publication, links, discovery, today)
    write_json(paths.discovered, discovery.as_json())
    return discovery


@dataclass(frozen=True)
class _ReleaseLink:
    link: Link
    period: Period


class LinkReader:
    """Reads each page once, however many publications share it. Its links are kept, not the parsed page."""

    def __init__(self, client: Client, arrival: Path) -> None:
        self._client = client
        self._arrival = arrival
        self._read: dict[str, list[Link]] = {}

    def __call__(self, url: str) -> list[Link]:
        address = normal_address(url)
        if address not in self._read:
            self._read[address] = read_page(self._client.fetch(address, self._arrival)).links
        return self._read[address]


def _release_links(publication: Publication, reader: LinkReader, today: date) -> list[_ReleaseLink]:
    landing = publication.landing_page or ""
    kind = _kind_of(publication)
    known = [shape for release in publication.urls if (shape := shape_of(normal_address(release.url), kind))]
    links = reader(landing)
    found = _recognised(publication, links, kind, known)
    if not found:
        # Some publishers keep a page for each year under the landing page, and the releases there.
        for link in _year_pages(links, landing, today):
            found += _recognised(publication, reader(link.url), kind, known)
    return found


def _recognised(
    publication: Publication, links: Sequence[Link], kind: str, known: Sequence[Shape]
) -> list[_ReleaseLink]:
    shapes = {shape.text for shape in known}
    below = normal_address(publication.landing_page or "").rstrip("/") + "/"
    found = []
    for link in links:
        if publication.discover:
            period = _period_by_pattern(publication.discover, link, kind)
        else:
            shape = shape_of(link.url, kind)
            child = link.url.startswith(below) and "/" not in link.url[len(below) :].rstrip("/")
            period = shape.period if shape and (shape.text in shapes if shapes else child) else None
        if period is not None:
            found.append(_ReleaseLink(link, period))
    return found


def _period_by_pattern(pattern: str, link: Link, kind: str) -> Period | None:
    match = re.search(pattern, link.url)
    if match is None:
        return None
    stated = match.groupdict().get("period")
    texts = [stated] if stated else [link.url.rstrip("/").rsplit("/", 1)[-1], link.text]
    for text in texts:
        try:
            return parse_period(text.lower())
        except RegistryError:
            if found := find_periods(text, kind):
                return found[0].period
    return None


def _year_pages(links: Sequence[Link], landing: str, today: date) -> list[Link]:
    below = normal_address(landing).rstrip("/") + "/"
    recent = {today.year - 1, today.year}
    years = []
    for link in links:
        if not link.url.startswith(below):
            continue
        slug = link.url[len(below) :]
        begins = [m.period.start for k in ("financial_year", "year") for m in find_periods(slug, k)]
        if begins and max(begins).year in recent:
            years.append((max(begins), link))
    return [link for _, link in sorted(years, key=lambda pair: pair[0], reverse=True)[:_MOST_YEAR_PAGES]]


def _kind_of(publication: Publication) -> str:
    """The kind of period that the publication has had so far, else the one that its frequency means."""
    kinds = Counter(parse_period(release.period).kind for release in publication.urls)
    return kinds.most_common(1)[0][0] if kinds else _KIND_OF_FREQUENCY.get(publication.frequency, "month")


def _compare(
    code: str, publication: Publication, links: Sequence[_ReleaseLink], discovery: Discovery, today: date
) -> None:
    registered = {parse_period(release.period).canonical: release for release in publication.urls}
    addresses = {normal_address(release.url) for release in publication.urls}
    spelled_short = not any(re.fullmatch(r"\d{4}-\d\d", release.period) for release in publication.urls)
    fresh: dict[str, tuple[Period, Proposal]] = {}
    for found in links:
        period, link = found.period, found.link
        if link.url in addresses or link.url.rstrip("/") in addresses or period.start > today:
            continue
        written = period.canonical if period.kind == "month" and not spelled_short else period.code
        known = registered.get(period.canonical)
        if known is not None:
            discovery.moved.append(Proposal(code, known.period, link.url, link.text, known.url))
        else:
            fresh.setdefault(period.canonical, (period, Proposal(code, written, link.url, link.text)))
    discovery.proposals += [proposal for _, proposal in sorted(fresh.values(), key=lambda pair: pair[0].order)]
