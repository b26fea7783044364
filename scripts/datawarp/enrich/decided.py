"""What persons have decided, kept for good: ``manifests/decisions/<publication>.yaml``.

Reviews are made anew by every run and need not be kept; decisions are a person's words and belong into version
control. A clone with an empty database builds from them what was built here: also for the earlier release whose table
a question was about, for there it may be enriched after the decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import Field, ValidationError

from datawarp.enrich.decisions import Decisions
from datawarp.enrich.review import Review, ReviewItem, ReviewModel, check_fields
from datawarp.errors import EnrichError
from datawarp.files import write_bytes
from datawarp.quick_yaml import load_yaml
from datawarp.registry.paths import Paths

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Decided(ReviewModel):
    """All decisions about a publication, by unit."""

    publication: str
    units: dict[str, list[ReviewItem]] = Field(default={}, description="Decided questions by unit.")

    def about(self, unit: str, marked: Iterable[ReviewItem] = ()) -> Decisions:
        """What is decided about ``unit``: in its own review, and in those of others whose questions named it.

        ``marked`` are items that a person has marked in the review and not approved yet; they are obeyed too.
        """
        decisions = Decisions()
        for name, items in sorted(self.units.items()):
            for item in items:
                if name == unit:
                    _take(decisions, item)
                elif item.continues is not None and item.continues.unit == unit:
                    _take_back(decisions, item)
        for item in marked:
            _take(decisions, item)
        return decisions


def _take(decisions: Decisions, item: ReviewItem) -> None:
    if item.kind == "match" and item.table:
        decisions.matches[item.table.key] = str(item.proposal) if item.state == "approved" else item.source
    elif item.kind == "meaning" and item.state == "approved" and item.field:
        decisions.meanings[item.source, item.column, item.field] = item.proposal


def _take_back(decisions: Decisions, item: ReviewItem) -> None:
    """What a later release's ``item`` says of the table that it was about."""
    assert item.continues is not None
    key, code = item.continues.table.key, item.continues.source
    if item.state == "approved" and item.proposal == code:
        decisions.matches.setdefault(key, code)
    else:
        decisions.refused.add((key, item.source if item.state == "rejected" else str(item.proposal)))


def read_decided(paths: Paths, publication: str) -> Decided:
    """The decisions about ``publication``; raises :class:`EnrichError` naming what is wrong with the file."""
    path = paths.decisions(publication)
    try:
        document = load_yaml(path.read_bytes())
        decided = Decided.model_validate(document)
    except FileNotFoundError:
        return Decided(publication=publication)
    except yaml.YAMLError as problem:
        raise EnrichError(f"not valid YAML: {problem}", where=str(path), hint="correct the file") from None
    except ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:10]]
        raise EnrichError("these are no decisions: " + "; ".join(lines), where=str(path), hint="correct it") from None
    for items in decided.units.values():
        check_fields(items, str(path))
        for item in items:
            if item.state == "open":
                raise EnrichError(
                    f"the question {item.question!r} is not decided",
                    where=str(path),
                    hint="its state is approved or rejected; open questions are in the unit's review",
                )
    return decided


def keep_decisions(paths: Paths, review: Review) -> None:
    """Add the decided items of ``review`` to its publication's decisions; later words replace earlier ones."""
    from filelock import FileLock  # only a person's decision pays for it

    items = [i for i in review.items if i.state != "open"]
    path = paths.decisions(review.publication)
    path.parent.mkdir(parents=True, exist_ok=True)
    (paths.private / "approvals").mkdir(parents=True, exist_ok=True)
    with FileLock(paths.private / "approvals" / f"{review.publication}.lock"):
        decided = read_decided(paths, review.publication)
        decided.units[review.unit] = _joined(decided.units.get(review.unit, []), items)
        decided.units = dict(sorted(decided.units.items()))
        document = decided.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
        write_bytes(path, text.encode("utf-8"))


def _joined(before: Iterable[ReviewItem], now: Iterable[ReviewItem]) -> list[ReviewItem]:
    return list({item.subject: item for item in (*before, *now)}.values())
