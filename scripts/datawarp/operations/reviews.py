"""What waits for a person's word, as the review files say it."""

from __future__ import annotations

from dataclasses import dataclass

from datawarp.errors import DatawarpError
from datawarp.registry.paths import Paths


@dataclass(frozen=True)
class OpenQuestion:
    """A question about ``unit`` that nobody has decided; ``about`` is the source or table it is about."""

    unit: str
    about: str
    question: str


def open_questions(paths: Paths) -> list[OpenQuestion]:
    """The open items of all review files, by unit; a file that cannot be read is a question of its own."""
    from datawarp.enrich.review import read_review

    found = []
    for path in sorted(paths.review("x").parent.glob("*.yaml")):
        unit = path.stem
        try:
            review = read_review(path)
        except DatawarpError as problem:
            found.append(OpenQuestion(unit, paths.relative(path), f"the review cannot be read: {problem.message}"))
            continue
        found += [OpenQuestion(unit, item.source, item.question) for item in (review.open() if review else [])]
    return found
