"""What the layers together say: weighed votes per field, counted and never assumed.

A layer that gave no answer has no vote, and nobody votes in its name. Agreement is the weight behind the
winning value over the weight of all votes cast; confidence the same over the weight of all layers asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datawarp.enrich import words

# Texts whose words are so alike say the same.
_SAME_TEXT = 0.5


@dataclass(frozen=True)
class Vote:
    """What one layer says of one field."""

    layer: str
    weight: float
    value: Any


@dataclass(frozen=True)
class Verdict:
    """The winning value; ``answers`` are those of all layers that voted."""

    value: Any
    agreement: float
    confidence: float
    answers: dict[str, Any]


def decide(votes: Sequence[Vote], asked: float) -> Verdict:
    """The value with the largest weight behind it; of equals, the one voted for first.

    ``asked`` is the weight of all layers that were asked, with or without an answer. Raises ``ValueError``
    without votes.
    """
    if not votes:
        raise ValueError("no votes")
    camps: list[list[Vote]] = []
    for vote in votes:
        camp = next((c for c in camps if same(c[0].value, vote.value)), None)
        if camp is None:
            camps.append([vote])
        else:
            camp.append(vote)
    weights = [sum(v.weight for v in camp) for camp in camps]
    best = max(range(len(camps)), key=lambda n: (weights[n], -n))
    # Of those who say the same, the heaviest says it best.
    speaker = max(camps[best], key=lambda v: v.weight)
    cast = sum(v.weight for v in votes)
    return Verdict(
        speaker.value,
        round(weights[best] / cast, 3),
        round(weights[best] / max(asked, cast), 3),
        {v.layer: v.value for v in votes},
    )


def same(a: Any, b: Any) -> bool:
    """Whether two answers say the same: equal, or texts of mostly the same words."""
    if a == b:
        return True
    if not isinstance(a, str) or not isinstance(b, str):
        return False
    mine, theirs = (
        set(words.significant(words.plain(a.replace("_", " ")))),
        set(words.significant(words.plain(b.replace("_", " ")))),
    )
    return bool(mine and theirs) and len(mine & theirs) / len(mine | theirs) >= _SAME_TEXT
