"""What makes a repeated request conditional."""

from __future__ import annotations

from dataclasses import dataclass

from datawarp.files import sha256_bytes


@dataclass(frozen=True)
class Validators:
    """The ``ETag`` and ``Last-Modified`` that came with some bytes (RFC 9110 §8.8), and what they hold for.

    That is the address asked, or the one that redirects led to, of which ``answered_by`` is :func:`mark`: where they
    lead elsewhere by now, an older date there says nothing of the bytes.
    """

    etag: str | None = None
    last_modified: str | None = None
    answered_by: str = ""

    def headers(self) -> dict[str, str]:
        """The request headers; none when nothing is known."""
        sent = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in sent.items() if value}


def mark(final: str, asked: str) -> str:
    """The SHA-256 of the address where redirects ended, which may hold a key; empty when there were none."""
    return "" if final == asked else sha256_bytes(final.encode())
