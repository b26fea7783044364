"""HTTP as a polite collector uses it: one name, patience with tired servers, nothing taken on trust."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from datawarp.acquire.pacing import Pace
from datawarp.acquire.reach import Reach
from datawarp.acquire.validators import Validators, mark
from datawarp.errors import AcquireError
from datawarp.registry.addresses import is_web
from datawarp.registry.settings import HttpSettings

_BLOCK = 1 << 18
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_DROPPED = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError, OSError)


class NotFound(AcquireError):
    """The server answers that nothing is at the address (404, 410)."""


@dataclass(frozen=True)
class Fetched:
    """What came back: the bytes are in ``path``, unless ``unchanged`` (304)."""

    url: str
    final_url: str
    path: Path | None
    sha256: str
    size_bytes: int
    content_type: str
    disposition: str
    validators: Validators

    @property
    def unchanged(self) -> bool:
        """Whether the server said that what the validators describe is still current."""
        return self.path is None


class _Temporary(Exception):
    """A failure that may pass; ``after`` is the server's own word on when to come back, in seconds."""

    def __init__(self, error: AcquireError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class Client:
    """Fetches addresses to files. ``now`` and ``sleep`` are the clock, ``pace`` keeps hosts from being hurried."""

    def __init__(
        self,
        settings: HttpSettings,
        pace: Pace | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._pace = pace
        self._sleep = sleep
        self._now = now
        self._reach = Reach()
        self._session = requests.Session()
        # `identity`, because a length can only be checked against bytes that were not packed on the way
        self._session.headers.update(
            {"User-Agent": settings.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def fetch(self, url: str, into: Path, known: Validators | None = None, *, registered: str | None = None) -> Fetched:
        """The bytes at ``url``, streamed to the file ``into``; only a 304 if ``known`` is still current.

        ``registered`` is the page of the registry that led to ``url``, unless that is registered itself; neither links
        nor redirects lead from the internet into this machine or its network.

        Tries ``attempts`` times on 408, 425, 429, 5xx, dropped connections and cut-off bodies, with
        waits that double, or as long as Retry-After says up to ``max_wait``. Raises :class:`NotFound`
        for 404 and 410, else :class:`AcquireError`; ``into`` is then not there.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_Temporary),
            stop=self._should_stop,
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, url, into, known or Validators(), registered or url)
        except _Temporary as last:
            into.unlink(missing_ok=True)
            raise last.error from None
        except BaseException:
            into.unlink(missing_ok=True)
            raise

    def _should_stop(self, state: RetryCallState) -> bool:
        failure = _failure_of(state)
        asked = failure.after if failure else None
        return state.attempt_number >= self._settings.attempts or (asked or 0) > self._settings.max_wait

    def _wait(self, state: RetryCallState) -> float:
        failure = _failure_of(state)
        if failure and failure.after is not None:
            return failure.after
        doubled: float = self._settings.backoff * 2 ** (state.attempt_number - 1)
        return min(doubled * random.uniform(1, 1.1), self._settings.max_wait)

    def _attempt(self, url: str, into: Path, known: Validators, registered: str) -> Fetched:
        response, address = self._follow(url, known, registered)
        with response:
            final = response.url or url
            headers = response.headers
            validators = Validators(headers.get("ETag"), headers.get("Last-Modified"), mark(address, url))
            if response.status_code == 304 and response.request.headers.keys() & known.headers().keys():
                kept = replace(
                    validators,
                    etag=validators.etag or known.etag,
                    last_modified=validators.last_modified or known.last_modified,
                )
                return Fetched(url, final, None, "", 0, "", "", kept)
            self._check_status(response, url)
            digest, size = self._stream(response, url, into)
            return Fetched(
                url=url,
                final_url=final,
                path=into,
                sha256=digest,
                size_bytes=size,
                content_type=headers.get("Content-Type", ""),
                disposition=_as_utf8(headers.get("Content-Disposition", "")),
                validators=validators,
            )

    def _follow(self, url: str, known: Validators, registered: str) -> tuple[requests.Response, str]:
        """The response at the end of all redirects, its body not yet read, and the address that gave it."""
        seen = [url]
        while True:
            self._check_reach(registered, seen[-1], url)
            current = known if known.answered_by == mark(seen[-1], url) else Validators()
            response = self._send(seen[-1], url, current)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not location:
                return response, seen[-1]
            response.close()
            seen.append(_redirected(seen[-1], location, url))
            if len(seen) > self._settings.max_redirects + 1:
                circle = "in a circle" if len(set(seen)) < len(seen) else "on and on"
                raise AcquireError(
                    f"the server redirects {circle}: {' → '.join(map(_without_query, seen[:4]))} …",
                    where=url,
                    hint=_REGISTER_THE_END,
                )

    def _check_reach(self, registered: str, address: str, url: str) -> None:
        if self._reach.leads_inside(registered, address):
            led = "the server redirects" if address != url else "the page leads"
            raise AcquireError(
                f"{led} to {urlsplit(address).hostname}, which is this machine or in its network",
                where=url,
                hint="if that is meant, put the address it leads to into the registry; else tell the publisher",
            )

    def _send(self, address: str, url: str, known: Validators) -> requests.Response:
        host = urlsplit(address).hostname or ""
        if self._pace:
            self._pace.wait(host)
        timeout = (self._settings.connect_timeout, self._settings.read_timeout)
        try:
            return self._session.get(
                address, headers=known.headers(), stream=True, allow_redirects=False, timeout=timeout
            )
        except requests.exceptions.SSLError as problem:
            raise AcquireError(
                f"the certificate of {host} is not accepted: {_reason(problem)}",
                where=url,
                hint="open the address in a browser; if that works, update the certificates of this machine",
            ) from None
        except requests.Timeout:
            waited = f"{timeout[0]:g} s to connect, {timeout[1]:g} s to answer"
            raise _Temporary(_unreachable(host, f"no answer in time ({waited})", url)) from None
        except (requests.ConnectionError, urllib3.exceptions.HTTPError) as problem:
            raise _Temporary(_unreachable(host, _reason(problem), url)) from None
        except (requests.RequestException, ValueError) as problem:
            raise AcquireError(f"the address cannot be requested: {problem}", where=url) from None

    def _check_status(self, response: requests.Response, url: str) -> None:
        status = response.status_code
        told = f"the server answers {status} {response.reason or ''}".rstrip()
        if status in (404, 410):
            raise NotFound(told, where=url)
        if status in _TEMPORARY:
            after = self._retry_after(response.headers)
            if after is not None and self._pace:
                self._pace.postpone(urlsplit(response.url).hostname or "", min(after, self._settings.max_wait))
            if after is not None and after > self._settings.max_wait:
                told += f" and asks to be left alone for {after:.0f} s (http.max_wait is {self._settings.max_wait:g} s)"
            raise _Temporary(AcquireError(told, where=url, hint="run again later; what is done is kept"), after)
        if status in (401, 403):
            hint = "open the address in a browser; if it works there, the publisher refuses collectors: ask them"
            raise AcquireError(told, where=url, hint=hint)
        if status != 200:
            raise AcquireError(told, where=url, hint="open the address in a browser and correct the registry")

    def _retry_after(self, headers: CaseInsensitiveDict[str]) -> float | None:
        """Seconds to wait by ``Retry-After``, which is a number of seconds or a date (RFC 9110 §10.2.3)."""
        value = headers.get("Retry-After", "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        try:
            when = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - self._now()).total_seconds())

    def _stream(self, response: requests.Response, url: str, into: Path) -> tuple[str, int]:
        """Write the body to ``into``; its SHA-256 and size. Length, cap, time and the server's digests are checked."""
        expected = _content_length(response.headers)
        self._check_size(expected or 0, url)
        digests = _server_digests(response.headers)
        sha256 = hashlib.sha256()
        running = {name: hashlib.new(name) for name in digests}
        deadline = time.monotonic() + self._settings.total_timeout
        size = 0
        into.parent.mkdir(parents=True, exist_ok=True)
        with _writing(into, url) as out:
            while block := _next_block(response, url, size, expected):
                size += len(block)
                self._check_size(size, url)
                if time.monotonic() > deadline:
                    raise AcquireError(
                        f"the body took longer than {self._settings.total_timeout:g} s ({size:,} bytes came)",
                        where=url,
                        hint="raise http.total_timeout in config/config.yaml",
                    )
                for digest in (sha256, *running.values()):
                    digest.update(block)
                out.write(block)
        received = response.raw.tell()
        if expected is not None and received != expected:
            raise _Temporary(_cut_off(url, received, expected))
        for name, digest in running.items():
            if digest.digest() != digests[name]:
                raise _Temporary(AcquireError(f"the bytes do not match the server's own {name} digest", where=url))
        return sha256.hexdigest(), size

    def _check_size(self, size: int, url: str) -> None:
        if size > self._settings.max_bytes:
            raise AcquireError(
                f"the file is larger than the limit: {size:,} of {self._settings.max_bytes:,} bytes",
                where=url,
                hint="raise http.max_bytes in config/config.yaml, or leave the file out with files.exclude",
            )


_REGISTER_THE_END = "open the address in a browser and put the one it ends at into the registry"


def _redirected(address: str, location: str, url: str) -> str:
    """The address that a ``Location`` header means; raises :class:`AcquireError` for one that is not followed."""
    try:
        target = quote(urljoin(address, _as_utf8(location)), safe="/:?&=#%+,;@~()!$*'[]")
        if is_web(target) and urlsplit(target).hostname:
            return target
    except ValueError:
        target = location
    raise AcquireError(
        f"the server redirects to {_without_query(target)}, and only http and https are followed",
        where=url,
        hint=_REGISTER_THE_END,
    )


def _without_query(address: str) -> str:
    """An address as it may be told: the queries of redirects often hold keys."""
    path, query, _ = address.partition("?")
    return f"{path}?…" if query else path


def _failure_of(state: RetryCallState) -> _Temporary | None:
    raised = state.outcome.exception() if state.outcome else None
    return raised if isinstance(raised, _Temporary) else None


@contextmanager
def _writing(into: Path, url: str) -> Iterator[IO[bytes]]:
    try:
        with open(into, "wb") as out:
            yield out
    except OSError as problem:
        told = f"the download cannot be written: {problem.strerror}"
        raise AcquireError(told, where=url, hint="see that the disk has room and downloads/ is writable") from None


def _next_block(response: requests.Response, url: str, size: int, expected: int | None) -> bytes:
    """The next bytes as they come (so that a trickle cannot outlast the deadline); empty at the end."""
    raw: Any = response.raw
    try:
        block: bytes = raw.read1(_BLOCK, decode_content=True)
    except urllib3.exceptions.IncompleteRead:
        raise _Temporary(_cut_off(url, size, expected)) from None
    except urllib3.exceptions.DecodeError as problem:
        raise _Temporary(AcquireError(f"the packed body cannot be unpacked: {problem}", where=url)) from None
    except _DROPPED as problem:
        raise _Temporary(_cut_off(url, size, expected, _reason(problem))) from None
    return block


def _cut_off(url: str, size: int, expected: int | None, why: str = "") -> AcquireError:
    of = f" of {expected:,}" if expected is not None else ""
    told = f"the download was cut off after {size:,}{of} bytes"
    return AcquireError(f"{told}: {why}" if why else told, where=url, hint="run again; the connection may be poor")


def _unreachable(host: str, why: str, url: str) -> AcquireError:
    return AcquireError(
        f"{host} cannot be reached: {why}", where=url, hint="check the address and this machine's network, run again"
    )


def _reason(problem: BaseException) -> str:
    """The innermost reason of a requests or urllib3 error, without object addresses."""
    seen: list[BaseException] = []
    while problem not in seen:
        seen.append(problem)
        inner = getattr(problem, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in problem.args if isinstance(part, BaseException)), None)
        problem = inner or problem
    text = problem.args[-1] if problem.args and isinstance(problem.args[-1], str) else str(problem)
    return re.sub(r"^.*object at 0x[0-9a-f]+>:? ?|^\w+\([^)]*\): ", "", text) or type(problem).__name__


def _content_length(headers: CaseInsensitiveDict[str]) -> int | None:
    value = headers.get("Content-Length", "")
    return (
        int(value)
        if re.fullmatch("[0-9]{1,18}", value) and "chunked" not in headers.get("Transfer-Encoding", "")
        else None
    )


def _server_digests(headers: CaseInsensitiveDict[str]) -> dict[str, bytes]:
    """Digests of the unpacked body that the server vouches for: RFC 9530's, its forerunner's, and Content-MD5."""
    if headers.get("Content-Encoding", "identity") != "identity":
        return {}
    found = {}
    stated = f"{headers.get('Repr-Digest', '')}, {headers.get('Digest', '')}"
    if match := re.search(r"sha-256=:?([A-Za-z0-9+/]{43}=)", stated, re.I):
        found["sha256"] = base64.b64decode(match[1])
    if match := re.fullmatch(r"\s*([A-Za-z0-9+/]{22}==)\s*", headers.get("Content-MD5", "")):
        found["md5"] = base64.b64decode(match[1])
    return found


def _as_utf8(header: str) -> str:
    """A header's text: the wire's bytes are Latin-1 to http.client, and UTF-8 to most servers."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return header
