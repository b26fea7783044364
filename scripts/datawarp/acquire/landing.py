"""Landing pages: the data files that a release's page links, and what the page says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from posixpath import basename
from urllib.parse import parse_qsl, quote, unquote, urldefrag, urljoin, urlsplit, urlunsplit

from bs4 import BeautifulSoup, Tag

from datawarp.acquire.http import Fetched
from datawarp.acquire.sniff import DATA_EXTENSIONS, extension
from datawarp.errors import AcquireError
from datawarp.registry.addresses import is_web

_MOST_BYTES = 20_000_000  # a parsed page takes many times its size in memory
_MOST_NOTES = 12
_LONGEST_NOTE = 600
_SAFE = "/:@!$&'()*+,;=-._~"

# A link that may lead to data although its address does not say so: its text, title or media type does.
_FORMAT_WORD = re.compile(r"\b(xlsx?|xlsm|xlsb|ods|csv|tsv|zip|excel|spreadsheet)\b", re.I)
_DATA_MEDIA = re.compile(r"spreadsheet|ms-excel|text/csv|tab-separated|application/(zip|gzip|x-gzip)", re.I)
_DOCUMENT_EXTENSIONS = frozenset(
    {"pdf", "doc", "docx", "docm", "odt", "rtf", "ppt", "pptx", "pptm", "odp", "pbix", "png", "jpg", "jpeg", "gif"}
    | {"svg", "ico", "css", "js", "json", "xml", "rss", "ics", "mp4", "mp3"}
)
_PAGE_EXTENSIONS = frozenset({"htm", "html", "xhtml", "shtml", "php", "asp", "aspx", "jsp", "jspx", "cfm"})

_NOTE_HEADING = re.compile(
    r"\b(note|notes|caveat|caveats|revision|revisions|correction|quality|important|methodolog\w*|coverage|disclosure|"
    r"suppression|summary|about this|changes?)\b",
    re.I,
)
_NOT_YET = re.compile(
    r"(upcoming,? not yet published|not yet (been )?published|(will|to) be published (on|in)|publication is upcoming|"
    r"coming soon|due (to be|for) (published|publication|release))[^.]{0,80}",
    re.I,
)
_NOT_FOUND = re.compile(r"\b(404|page (was |could )?(not|n't) (be )?found|page not available)\b", re.I)


@dataclass(frozen=True)
class DataLink:
    """A link to a data file. ``certain`` is False when only its text says so and the answer must be looked at."""

    url: str
    text: str
    certain: bool

    @property
    def filename(self) -> str:
        """The file's name as the address tells it."""
        return filename_of(self.url)


@dataclass(frozen=True)
class Link:
    """Any link of a page: its absolute address without fragment, and the words on it."""

    url: str
    text: str


class LandingPage:
    """An HTML page at ``url``, parsed from its bytes; ``encoding`` is what HTTP said it is in, if it did."""

    def __init__(self, html: bytes, url: str, encoding: str | None = None) -> None:
        self.url = url
        self._soup = BeautifulSoup(html, "lxml", from_encoding=encoding)
        for hidden in self._soup(["script", "style", "template", "noscript"]):
            hidden.decompose()

    @cached_property
    def title(self) -> str:
        """The page's main heading, else its title."""
        for found in (self._soup.find("h1"), self._soup.title):
            if found is not None and (text := _text(found)):
                return text
        return ""

    @cached_property
    def notes(self) -> list[str]:
        """What the page says about its data: its description, and the paragraphs under headings that promise notes."""
        described = self._soup.find("meta", attrs={"name": re.compile("^description$", re.I)})
        found = [str(described.get("content", ""))] if isinstance(described, Tag) else []
        main = self._soup.find("main") or self._soup.body or self._soup
        for heading in main.find_all(["h2", "h3", "h4"]):
            if _NOTE_HEADING.search(_text(heading)):
                found += list(_paragraphs_under(heading))
        tidy = (" ".join(note.split()) for note in found)
        kept = dict.fromkeys(
            note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]}…" for note in tidy if note
        )
        return list(kept)[:_MOST_NOTES]

    @cached_property
    def links(self) -> list[Link]:
        """All links to http(s) addresses, in the page's order, each address once."""
        return list({link.url: link for link, _ in reversed(list(self._anchors()))}.values())[::-1]

    @cached_property
    def data_links(self) -> list[DataLink]:
        """The links to data files, in the page's order, each address once."""
        found: dict[str, DataLink] = {}
        for link, anchor in self._anchors():
            certain = is_data_address(link.url) or extension(str(anchor.get("download") or "")) in DATA_EXTENSIONS
            if certain or _may_be_data(link, anchor):
                known = found.get(link.url)
                found[link.url] = DataLink(
                    link.url, known.text if known else link.text, certain or bool(known and known.certain)
                )
        return list(found.values())

    @cached_property
    def says_not_yet(self) -> str:
        """The page's own words that the release is not out yet; empty when it has none."""
        if _NOT_FOUND.search(self.title):
            return self.title
        main = self._soup.find("main") or self._soup.body
        match = _NOT_YET.search(_text(main)) if main else None
        return " ".join(match[0].split()) if match else ""

    @cached_property
    def _base(self) -> str:
        """What relative links start from: the page's ``<base href>`` if it has a usable one, else its address."""
        base = self._soup.find("base", href=True)
        try:
            return urljoin(self.url, str(base["href"]).strip()) if isinstance(base, Tag) else self.url
        except ValueError:
            return self.url

    def _anchors(self) -> Iterator[tuple[Link, Tag]]:
        base = self._base
        for anchor in self._soup.find_all(["a", "area"], href=True):
            href = re.sub(r"[\t\r\n]", "", str(anchor["href"])).strip()  # as browsers do (WHATWG URL §4.4)
            try:
                address = normal_address(urljoin(base, href))
            except ValueError:
                continue
            if href and not href.startswith("#") and is_web(address):
                yield Link(address, _text(anchor) or str(anchor.get("title") or anchor.get("aria-label") or "")), anchor


def read_page(fetched: Fetched) -> LandingPage:
    """The page that was fetched, in the encoding that HTTP names or else its own; it must not be a 304.

    Raises :class:`AcquireError` for what is larger than any page that a person is meant to read.
    """
    if fetched.path is None:
        raise ValueError(f"{fetched.url} was not sent again")
    if fetched.size_bytes > _MOST_BYTES:
        raise AcquireError(
            f"the page has {fetched.size_bytes:,} bytes; more than {_MOST_BYTES:,} are not searched for links",
            where=fetched.url,
            hint="register the file with the data itself",
        )
    charset = re.search(r"charset=[\"']?([\w-]+)", fetched.content_type, re.I)
    return LandingPage(fetched.path.read_bytes(), fetched.final_url, charset[1] if charset else None)


def normal_address(url: str) -> str:
    """``url`` without fragment, host in lower case, and what must be percent-encoded so, once.

    ``a b.csv`` and ``a%20b.csv`` become the same; a percent sign that begins no code is encoded.
    """
    parts = urlsplit(urldefrag(url).url)
    path = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", parts.path)
    path = re.sub(r"%[0-9a-f]{2}", lambda m: m[0].upper(), path)
    query = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", parts.query)
    host = parts.netloc.lower()
    default_port = {"http": ":80", "https": ":443"}.get(parts.scheme.lower(), "")
    if default_port and host.endswith(default_port):
        host = host[: -len(default_port)]
    return urlunsplit((parts.scheme.lower(), host, quote(path, safe=f"{_SAFE}%"), quote(query, safe=f"{_SAFE}%?"), ""))


def filename_of(url: str, disposition: str = "") -> str:
    """The name of the file at ``url``: Content-Disposition's, else the address's path's or query's; may be empty."""
    if disposition:
        header = Message()
        header["Content-Disposition"] = disposition
        if name := header.get_filename():
            return _last_part(name.replace("\\", "/"))
    parts = urlsplit(url)
    in_path = _last_part(unquote(parts.path))
    if extension(in_path) in DATA_EXTENSIONS:
        return in_path
    in_query = [_last_part(value) for _, value in parse_qsl(parts.query)]
    return next((value for value in in_query if extension(value) in DATA_EXTENSIONS), in_path)


def is_data_address(url: str) -> bool:
    """Whether the address itself names a data file, in its path or in its query."""
    return extension(filename_of(url)) in DATA_EXTENSIONS


def _last_part(path: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "", basename(path.strip().rstrip("/")))


def _may_be_data(link: Link, anchor: Tag) -> bool:
    parts = urlsplit(link.url)
    named = extension(parts.path)
    if named in _DOCUMENT_EXTENSIONS:
        return False
    if _DATA_MEDIA.search(str(anchor.get("type") or "")) or anchor.has_attr("download"):
        return True
    if any(value.lower() in DATA_EXTENSIONS for _, value in parse_qsl(parts.query)):
        return True
    said = f"{link.text} {anchor.get('title') or ''} {anchor.get('aria-label') or ''}"
    leads_to_a_page = named in _PAGE_EXTENSIONS or (
        not named and not re.search(r"download|file|attachment|export", link.url, re.I)
    )
    return not leads_to_a_page and _FORMAT_WORD.search(said) is not None


def _paragraphs_under(heading: Tag) -> Iterator[str]:
    """The paragraphs and list items between ``heading`` and the next heading."""
    for element in heading.find_all_next(["h1", "h2", "h3", "h4", "p", "li"]):
        if element.name in ("h1", "h2", "h3", "h4"):
            return
        if element.find("a", href=True) is None or len(_text(element)) > 80:
            yield _text(element)


def _text(element: Tag) -> str:
    return " ".join(element.get_text(" ").split())
