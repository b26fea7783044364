"""Words for figures."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """``number`` of ``noun`` as a person reads it: ``1 row``, ``1,234 rows``."""
    return f"{number:,} {noun}" + "s" * (number != 1)
