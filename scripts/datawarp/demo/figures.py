"""Invented organisations and numbers. The same question always has the same answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from datawarp.registry.periods import MONTHS

PUBLISHER = "Office for Invented Health Statistics"
LICENCE = "OGL-UK-3.0"


@dataclass(frozen=True)
class Region:
    """An invented region."""

    code: str
    name: str


@dataclass(frozen=True)
class Provider:
    """An invented organisation that provides care."""

    code: str
    name: str
    region: Region


REGIONS = (
    Region("Y01", "Northmere"),
    Region("Y02", "Eastholm"),
    Region("Y03", "Southvale"),
    Region("Y04", "Westerby"),
)

_PLACES = (
    "Alderbrook", "Birchwater", "Cranleyford", "Dunmarsh", "Elmstow", "Fernhithe", "Gorsehaven", "Hollinside",
    "Ivelmouth", "Juniper Hill", "St Éloi’s", "Larkfield", "Mossgate", "Nettlecombe", "Otterdale", "Pinewick",
)  # fmt: skip

PROVIDERS = tuple(
    Provider(f"X{'ABCDEFGHJKLMNPQR'[i]}{i % 9 + 1}", f"{place} Hospitals Trust", REGIONS[i % len(REGIONS)])
    for i, place in enumerate(_PLACES)
)

# Codes that look like numbers, leading zeros and all.
PRACTICES = tuple(
    (f"{7 + 31 * i:03d}", f"{place} Surgery", REGIONS[(i + 1) % len(REGIONS)]) for i, place in enumerate(_PLACES)
)


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on ``key`` alone."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)


def count(low: int, high: int, *key: object) -> int:
    """A whole number from ``low`` to ``high`` that depends on ``key`` alone."""
    return low + int(chance(*key) * (high - low + 1))


@dataclass(frozen=True)
class Month:
    """A calendar month that can be counted on from."""

    year: int
    number: int

    def plus(self, months: int) -> Month:
        """The month ``months`` later (or earlier)."""
        years, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(years, index + 1)

    @property
    def short(self) -> str:
        """``Apr-25``, as column headers have it."""
        return f"{MONTHS[self.number - 1].title()}-{self.year % 100:02d}"

    @property
    def code(self) -> str:
        """``apr25``, as period codes have it."""
        return f"{MONTHS[self.number - 1]}{self.year % 100:02d}"

    @property
    def long(self) -> str:
        """``April 2025``, as titles have it."""
        return f"{_NAMES[self.number - 1]} {self.year}"


_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
