"""The demo's web site: landing pages as publishers have them, served on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment

from datawarp.demo.figures import PUBLISHER
from datawarp.demo.releases import DemoPublication, DemoRelease

_TYPES = {
    "csv": "text/csv",
    "html": "text/html; charset=utf-8",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_LAST_MODIFIED = "Wed, 01 Jan 2025 09:30:00 GMT"

_PAGE = Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }} - {{ publisher }}</title></head>
<body><header><a href="/">{{ publisher }}</a></header>
<main><h1>{{ title }}</h1><p>{{ summary }}</p>
<h2>{{ heading }}</h2><ul>
{% for href, text in links %}<li><a href="{{ href }}">{{ text }}</a></li>
{% endfor %}</ul></main>
<footer><p>Licensed under the <a rel="license"
 href="https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/">Open Government Licence v3.0</a>,
 except where otherwise stated. All organisations and numbers are invented.</p></footer></body></html>
"""
)


def release_path(publication: DemoPublication, release: DemoRelease) -> str:
    """The path of a release on the site: its landing page, or its file where it is linked directly."""
    folder = f"/{publication.code.replace('_', '-')}/{release.period}/"
    return folder + quote(next(iter(release.files))) if release.direct else folder


def pages(publications: Sequence[DemoPublication]) -> dict[str, bytes]:
    """Every path of the site (unquoted, without query) and what is served there."""
    site: dict[str, bytes] = {}
    for publication in publications:
        series = f"/{publication.code.replace('_', '-')}/"
        for release in publication.releases:
            folder = f"{series}{release.period}/"
            for name, data in release.files.items():
                site[folder + name] = data
            site[folder + "guidance.pdf"] = b"%PDF-1.4\n% how to read these figures\n%%EOF\n"
            # Publishers link their files in every way there is: relative, absolute, with a query.
            links = [
                (f"{quote(name)}?v=1" if i else folder + quote(name), name) for i, name in enumerate(release.files)
            ]
            links.append(("guidance.pdf", "Guidance (PDF)"))
            site[folder] = _page(release.title, publication.summary, "Resources", links)
        listed = [(release_path(publication, r), r.title) for r in reversed(publication.releases)]
        site[series] = _page(publication.name, publication.summary, "Releases", listed)
    home = [(f"/{p.code.replace('_', '-')}/", p.name) for p in publications]
    site["/"] = _page("Statistics", "Everything on this site is invented.", "Publications", home)
    return site


def _page(title: str, summary: str, heading: str, links: Sequence[tuple[str, str]]) -> bytes:
    return _PAGE.render(publisher=PUBLISHER, title=title, summary=summary, heading=heading, links=links).encode()


def _handler(site: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            data = site.get(path)
            if data is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
            unchanged = self.headers.get("If-None-Match") == etag
            self.send_response(304 if unchanged else 200)
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", _LAST_MODIFIED)
            if not unchanged:
                kind = "html" if path.endswith("/") else path.rpartition(".")[2]
                self.send_header("Content-Type", _TYPES.get(kind, "application/octet-stream"))
            self.send_header("Content-Length", "0" if unchanged else str(len(data)))
            self.end_headers()
            if body and not unchanged:
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the workflow's own log tells what was fetched."""

    return Handler


@contextmanager
def serving(publications: Sequence[DemoPublication], port: int = 0) -> Iterator[int]:
    """Serve the site on loopback while the block runs; gives the port (``port`` 0 takes a free one).

    Raises ``OSError`` when ``port`` is taken.
    """
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(pages(publications)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
