"""A publisher's web site on loopback: a real HTTP server that behaves, and misbehaves, as they do.

    with Publisher() as site:
        site.file("/files/table.xlsx", workbook)                # ETag, Last-Modified, 304
        site.page("/adhd/august-2025", digital_page("ADHD", [site.url("/files/table.xlsx")]))
        site.then("/files/table.xlsx", status(503), status(429, retry_after=1), dropped(after=100))
        …                                                       # three bad answers, then the file
        assert site.asked("/files/table.xlsx") == 4

A path that was never given, or was removed, answers 404. A path given again is a revised file: new
ETag, later Last-Modified. All methods may be called while the server runs.
"""

from __future__ import annotations

import hashlib
import html
import io
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import quote

import openpyxl

FIRST_MODIFIED = 1_756_000_000  # 2025-08-24; each revision is a day later


@dataclass(frozen=True)
class Resource:
    """What a path answers when all is well."""

    body: bytes
    content_type: str
    etag: str | None
    last_modified: str | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request as it came: the path with its query, and its headers."""

    path: str
    headers: dict[str, str]
    at: float


Answer = Callable[["_Handler", Resource], None]
"""A way to answer a request for a resource."""


class Publisher:
    """The site. Use it as a context manager; ``requests`` are all requests so far, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._resources: dict[str, Resource] = {}
        self._revisions: dict[str, int] = defaultdict(int)
        self._next: dict[str, deque[Answer]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/") -> str:
        """The address of ``path``, which must already be percent-encoded."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def file(
        self,
        path: str,
        body: bytes,
        content_type: str = "application/octet-stream",
        *,
        validators: bool = True,
        **headers: str,
    ) -> str:
        """Put up a file, or its revision; its address.

        ``headers`` are written with _ for -. Without ``validators`` there is never a 304.
        """
        with self._lock:
            self._revisions[path] += 1
            modified = formatdate(FIRST_MODIFIED + 86_400 * self._revisions[path], usegmt=True)
            self._resources[path] = Resource(
                body,
                content_type,
                f'"{hashlib.md5(body).hexdigest()}"' if validators else None,
                modified if validators else None,
                {name.replace("_", "-"): value for name, value in headers.items()},
            )
        return self.url(path)

    def page(self, path: str, text: str) -> str:
        """Put up an HTML page, which as on real sites has no validators; its address."""
        return self.file(path, text.encode(), "text/html; charset=utf-8", validators=False)

    def remove(self, path: str) -> None:
        """Take a path down: 404 from now on."""
        with self._lock:
            self._resources.pop(path, None)
            self._always.pop(path, None)

    def then(self, path: str, *answers: Answer) -> None:
        """Answer the next requests for ``path`` so, one each, and as usual after that."""
        with self._lock:
            self._next[path].extend(answers)

    def always(self, path: str, answer: Answer) -> str:
        """Answer every request for ``path`` so, whether a file is there or not; its address."""
        with self._lock:
            self._always[path] = answer
        return self.url(path)

    def heal(self, path: str) -> None:
        """Answer as usual again, whatever was said before."""
        with self._lock:
            self._always.pop(path, None)
            self._next.pop(path, None)

    def asked(self, path: str) -> int:
        """How often ``path`` was asked for."""
        return sum(request.path == path for request in self.requests)

    def answer(self, handler: _Handler) -> None:
        with self._lock:
            path = handler.path
            self.requests.append(Request(path, dict(handler.headers.items()), time.monotonic()))
            resource = self._resources.get(path)
            special = self._next[path].popleft() if self._next[path] else self._always.get(path)
        if special is not None:
            special(handler, resource or Resource(b"", "text/plain", None, None))
        elif resource is None:
            status(404)(handler, Resource(b"", "text/plain", None, None))
        else:
            as_usual(handler, resource)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, site: Publisher) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.site.answer(self)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in ``Publisher.requests``."""

    def send(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _headers(resource: Resource) -> dict[str, str]:
    found = {"Content-Type": resource.content_type, "ETag": resource.etag, "Last-Modified": resource.last_modified}
    return {name: value for name, value in found.items() if value} | resource.headers


def as_usual(handler: _Handler, resource: Resource) -> None:
    """The file, or 304 if the request says that the client has it (RFC 9110 §13.2.2)."""
    asked_etag, since = handler.headers.get("If-None-Match"), handler.headers.get("If-Modified-Since")
    if asked_etag and resource.etag:
        current = resource.etag in asked_etag
    elif since and resource.last_modified:
        current = parsedate_to_datetime(resource.last_modified) <= parsedate_to_datetime(since)
    else:
        current = False
    if current:
        handler.send(304, {k: v for k, v in _headers(resource).items() if k in ("ETag", "Last-Modified")})
    else:
        handler.send(200, _headers(resource), resource.body)


def status(code: int, *, retry_after: int | str | None = None) -> Answer:
    """An error page; ``retry_after`` is a number of seconds or an HTTP date."""

    def answer(handler: _Handler, resource: Resource) -> None:
        headers = {"Content-Type": "text/html"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
        handler.send(code, headers, f"<html><title>{code}</title><h1>Error {code}</h1></html>".encode())

    return answer


def redirect(location: str, code: int = 302) -> Answer:
    """To another address, which need not be one of this site's, or of the web's."""
    return lambda handler, resource: handler.send(code, {"Location": location})


def dropped(after: int = 0) -> Answer:
    """The connection breaks after that many bytes of the body; with 0, before any answer."""

    def answer(handler: _Handler, resource: Resource) -> None:
        handler.close_connection = True
        if after:
            handler.send(200, {**_headers(resource), "Content-Length": str(len(resource.body))}, resource.body[:after])

    return answer


def wrong_length(stated: int) -> Answer:
    """The whole file, with a Content-Length that is not its own."""

    def answer(handler: _Handler, resource: Resource) -> None:
        handler.close_connection = True
        handler.send(200, {**_headers(resource), "Content-Length": str(stated)}, resource.body)

    return answer


def slow(seconds: float, pieces: int = 4) -> Answer:
    """The file in ``pieces``, with a pause before each that makes ``seconds`` in all."""

    def answer(handler: _Handler, resource: Resource) -> None:
        handler.send(200, {**_headers(resource), "Content-Length": str(len(resource.body))})
        step = -(-len(resource.body) // pieces)
        for start in range(0, len(resource.body), step):
            time.sleep(seconds / pieces)
            handler.wfile.write(resource.body[start : start + step])
            handler.wfile.flush()

    return answer


def chunked(handler: _Handler, resource: Resource) -> None:
    """The file without a Content-Length, in chunks."""
    handler.send(200, {**_headers(resource), "Transfer-Encoding": "chunked"})
    for start in range(0, len(resource.body), 1000):
        piece = resource.body[start : start + 1000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


def _attachments(addresses: Iterable[str]) -> str:
    # As digital.nhs.uk nests them: the link wraps boxes, its words are in a paragraph inside.
    return "\n".join(
        f"""<div class="nhsd-o-card"><div class="nhsd-m-download-card">
        <a href="{html.escape(address)}" class="nhsd-a-box-link">
        <div class="nhsd-a-box"><div class="nhsd-m-download-card__content-box">
        <p class="nhsd-t-heading-s">{html.escape(address.rsplit("/", 1)[-1])}</p>
        <div class="nhsd-m-download-card__meta-tags"><span class="nhsd-a-tag">[xlsx, size: 12.3 kB]</span></div>
        </div></div></a></div></div>"""
        for address in addresses
    )


def digital_page(title: str, files: Sequence[str], *, upcoming: str = "", notes: Sequence[str] = ()) -> str:
    """A release's page as digital.nhs.uk builds it; with ``upcoming`` the page that is there before the data are."""
    told = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    body = (
        f"<p>This publication is upcoming, not yet published. It will be published on {html.escape(upcoming)}.</p>"
        if upcoming
        else f"""<h2 id="summary">Summary</h2>{told}<h2 id="resources">Resources</h2>{_attachments(files)}"""
    )
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
    <title>{html.escape(title)} - NHS England Digital</title>
    <meta name="description" content="{html.escape(title)}"><script>var later = "/files/scripted.xlsx";</script></head>
    <body><header><nav><a href="/">Home</a><a href="#main">Skip</a><a href="mailto:a@example.org">Mail</a></nav>
    </header>
    <main id="main"><h1 class="nhsd-t-heading-xxl">{html.escape(title)}</h1>{body}</main>
    <footer><a href="/about.pdf">About</a></footer></body></html>"""


def england_page(title: str, files: Sequence[tuple[str, str]]) -> str:
    """A work area's page as england.nhs.uk builds it: (address, words) in paragraphs, all periods on one page."""
    lines = "".join(
        f'<p><a href="{html.escape(address)}">{html.escape(words)} (XLS, 1MB)</a></p>' for address, words in files
    )
    return f"""<!doctype html><html><head><title>Statistics » {html.escape(title)}</title></head><body>
    <div id="main-content"><article class="rich-text"><h1>{html.escape(title)}</h1><h2>Latest data</h2>{lines}
    </article></div></body></html>"""


def publication_page(title: str, releases: Sequence[tuple[str, str]]) -> str:
    """A publication's landing page: (address, words) of its releases, latest first, as digital.nhs.uk lists them."""
    items = "".join(
        f'<li><a class="nhsd-a-link" href="{html.escape(address)}">{html.escape(words)}</a></li>'
        for address, words in releases
    )
    return f"""<!DOCTYPE html><html><head><title>{html.escape(title)}</title></head>
    <body><main><h1>{html.escape(title)}</h1>
    <h2>Latest version</h2><h2>Past publications</h2><ul class="nhsd-a-list">{items}</ul></main></body></html>"""


def path_of(filename: str) -> str:
    """``filename`` as the path of an address."""
    return f"/files/{quote(filename)}"


def workbook(value: object = 1) -> bytes:
    """A small real workbook; another ``value`` gives other bytes."""
    book = openpyxl.Workbook()
    book.active.append(["region", "count"])
    book.active.append(["North", value])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
