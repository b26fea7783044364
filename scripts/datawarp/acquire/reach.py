"""How far an address that a server gave may lead: not from the internet into this machine or its network.

Otherwise whoever writes a page, or owns an address that once was a publisher's, could have internal services and the
metadata of a cloud machine fetched, stored and published. An address in the registry is a person's word and may lead
anywhere; so may what servers inside the network give.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import cache
from urllib.parse import urlsplit


class Reach:
    """Tells which addresses lead inside; each host is looked up once."""

    def __init__(self) -> None:
        self._is_public = cache(is_public)

    def leads_inside(self, registered: str, given: str) -> bool:
        """Whether ``registered`` is on the internet and ``given``, which a server there gave, is not."""
        origin, target = (urlsplit(address).hostname or "" for address in (registered, given))
        return origin != target and not self._is_public(target) and self._is_public(origin)


def is_public(host: str) -> bool:
    """Whether all addresses of ``host`` are on the internet.

    A name that cannot be looked up counts as public: either it cannot be asked, or a proxy looks it up.
    """
    try:
        addresses = [ipaddress.ip_address(host.strip("[]"))]
    except ValueError:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return True
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return all(address.is_global for address in addresses)
