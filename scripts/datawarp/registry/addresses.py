"""Addresses of releases: what may stand in ``url``, and what is wrong with what may not."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):/*")
_BARE_HOST = re.compile(r"(www\.[^/\s]+|[a-z0-9-]+(\.[a-z0-9-]+)*\.(uk|com|org|net|gov|eu|int))(:\d+)?/", re.I)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def is_web(address: str) -> bool:
    """Whether ``address`` is an http(s) address rather than a path on this machine."""
    return re.match(r"https?://", address, re.I) is not None


def address_problem(address: str, *, local: bool = True) -> tuple[str, str] | None:
    """What is wrong with ``address`` and what to do about it; ``None`` when it may stand.

    ``local`` says whether a path on this machine will do. Whether anything is there is not asked:
    that is the download's business.
    """
    if not address.strip():
        return "the address is empty", "give a landing page, a file's address, or a local path"
    if _UNPRINTABLE.search(address):
        return f"{address!r} holds a control character", "write it on one line, without tabs"
    if address != address.strip():
        return f"{address!r} begins or ends with a space", "remove the space"
    if is_web(address):
        return _web_problem(address)
    if address.startswith("//"):
        return f"{address!r} has no scheme", f"write https:{address}, or one / for a local path"
    scheme = _SCHEME.match(address)
    if scheme and scheme[0].endswith("/") and len(scheme[1]) > 1:
        return _scheme_problem(address, scheme[1].lower(), address[scheme.end() :])
    if _BARE_HOST.match(address):
        return f"{address!r} has no scheme", f"write https://{address}, or ./{address} for a local path"
    if not local:
        return f"{address!r} is not a web address", "begin it with https://"
    return None


def _web_problem(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError as problem:
        return f"{address!r} is not a web address: {problem}", "copy it again from the browser's address bar"
    if not host or not re.fullmatch(r"[\w.:-]+", host) or ".." in host:
        return f"{address!r} names no host", "copy it again from the browser's address bar"
    if parts.username or parts.password:
        return f"the address of {host} holds a user name or password", "remove it: the registry is not a safe place"
    if " " in address:
        return f"{address!r} holds a space", f"write {quote(address, safe='/:?&=#%+,;@~()!$*')}"
    return None


def _scheme_problem(address: str, scheme: str, rest: str) -> tuple[str, str]:
    if scheme in ("http", "https"):
        return f"{address!r} is not a web address", f"write {scheme}://{rest}"
    if scheme == "file":
        return f"{address!r}: file addresses are not used", f"write the path alone: /{rest}"
    near = difflib.get_close_matches(scheme, ["https", "http"], n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}://{rest}?" if near else "use https://, http://, or a local path"
    return f"{address!r}: the scheme {scheme!r} is not fetched", hint


def resolved(address: str, folder: Path) -> str:
    """``address`` as it is when on the web; else the absolute path, relative ones taken from ``folder``."""
    return address if is_web(address) else os.path.abspath(os.path.join(folder, address))
