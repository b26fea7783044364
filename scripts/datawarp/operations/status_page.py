"""``output/status.html``: one self-contained page that shows at a glance where an installation stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from datawarp.operations.cadence import Cadence
from datawarp.operations.reviews import OpenQuestion
from datawarp.operations.states import IN_TROUBLE, UnitState
from datawarp.registry.periods import Period

_WORDS = {
    "done": "done",
    "partial": "half done",
    "pending": "to do",
    "failed": "failed, tried again by the next run",
    "waiting": "failed, tried again later",
    "parked": "given up",
    "unpublished": "not published yet",
    "archived": "archived",
    "gap": "missing between releases",
    "late": "due, not in the registry",
}
_MOST_MONTHS = 72


@dataclass(frozen=True)
class PublicationStatus:
    """One publication on the page."""

    code: str
    name: str
    frequency: str
    states: Sequence[UnitState]
    cadence: Cadence


@dataclass(frozen=True)
class Overview:
    """All that the page shows. ``drift`` are rows with the keys that the template prints."""

    place: str
    at: datetime
    publications: Sequence[PublicationStatus]
    drift: Sequence[Mapping[str, Any]] = ()
    reviews: Sequence[OpenQuestion] = ()
    database: str = ""


@dataclass(frozen=True)
class Cell:
    """A coloured field of the map, ``span`` months wide."""

    state: str
    tip: str
    span: int = 1


@dataclass
class _Row:
    code: str
    note: str
    sum: str
    cells: list[Cell | None] = field(default_factory=list)


def status_page(overview: Overview) -> str:
    """The page as HTML. Everything that comes from a publisher is escaped."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("datawarp.operations"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("status.html.j2").render(page=_page(overview))


def _page(overview: Overview) -> dict[str, Any]:
    states = [s for p in overview.publications for s in p.states]
    count = Counter(s.state for s in states)
    trouble = sum(count[state] for state in IN_TROUBLE)
    months = _months(overview.publications)
    shown = {s.state for s in states} | {"done"}
    shown |= {"gap"} if any(p.cadence.gaps for p in overview.publications) else set()
    shown |= {"late"} if any(p.cadence.late for p in overview.publications) else set()
    return {
        "headline": _headline(len(states), count["done"] + count["archived"], trouble),
        "place": overview.place,
        "at": f"{overview.at:%A %-d %B %Y, %H:%M %Z}",
        "tiles": _tiles(len(states), count, trouble, overview),
        "heads": _heads(months),
        "cell": 17 if len(months) <= 36 else 8,
        "older": sum(s.unit.when.end < months[0] for s in states) if months else 0,
        "rows": [_row(p, months) for p in overview.publications],
        "legend": [(state, words) for state, words in _WORDS.items() if state in shown],
        "failures": [_failure(s) for s in states if s.failure and s.state in IN_TROUBLE],
        "reviews": overview.reviews,
        "late": [_late(p) for p in overview.publications if p.cadence.gaps or p.cadence.late],
        "drift": overview.drift,
        "footer": overview.database,
    }


def _headline(units: int, done: int, trouble: int) -> str:
    if trouble:
        return f"{trouble:,} of {units:,} units need attention"
    return f"All {units:,} units are done" if done == units else f"{done:,} of {units:,} units are done"


def _tiles(units: int, count: Counter[Any], trouble: int, overview: Overview) -> list[dict[str, Any]]:
    late = sum(len(p.cadence.late) + len(p.cadence.gaps) for p in overview.publications)
    archived = f", {count['archived']:,} of them archived" if count["archived"] else ""
    return [
        {"figure": len(overview.publications), "label": "publications", "mood": ""},
        {"figure": units, "label": "units", "mood": ""},
        {"figure": count["done"] + count["archived"], "label": f"done{archived}", "mood": "good"},
        {"figure": count["pending"] + count["partial"], "label": "to do", "mood": ""},
        {"figure": trouble, "label": "failing", "mood": "bad" if trouble else ""},
        {"figure": late, "label": "expected, not there", "mood": "bad" if late else ""},
        {"figure": len(overview.reviews), "label": "waiting for review", "mood": "ask" if overview.reviews else ""},
    ]


def _months(publications: Sequence[PublicationStatus]) -> list[date]:
    """The first days of the months that the map shows: all that any period touches, the newest seventy-two at most."""
    periods = [s.unit.when for p in publications for s in p.states]
    periods += [period for p in publications for period in (*p.cadence.gaps, *p.cadence.late)]
    if not periods:
        return []
    first, last = min(p.start for p in periods), max(p.end for p in periods)
    index = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [date(i // 12, i % 12 + 1, 1) for i in index[-_MOST_MONTHS:]]


def _heads(months: Sequence[date]) -> list[dict[str, Any]]:
    years = Counter(m.year for m in months)
    return [{"label": str(year) if span > 1 else "", "span": span} for year, span in sorted(years.items())]


def _row(publication: PublicationStatus, months: Sequence[date]) -> _Row:
    done = sum(s.state in ("done", "archived") for s in publication.states)
    row = _Row(publication.code, f"{publication.name} · {publication.frequency}", f"{done}/{len(publication.states)}")
    marks = [(s.unit.when, _cell(s)) for s in publication.states]
    for kind, periods in (("gap", publication.cadence.gaps), ("late", publication.cadence.late)):
        marks += [(p, Cell(kind, f"{p.canonical}: {_WORDS[kind]}")) for p in periods]
    at = 0
    by_month = _by_month(marks, months)
    while at < len(months):
        cell, span = _span(by_month, at)
        row.cells.append(Cell(cell.state, cell.tip, span) if cell else None)
        at += span if cell else 1
    return row


def _by_month(marks: Sequence[tuple[Period, Cell]], months: Sequence[date]) -> list[list[Cell]]:
    """For every month the cells of the periods that touch it."""
    if not months:
        return []
    origin = months[0].year * 12 + months[0].month
    fields: list[list[Cell]] = [[] for _ in months]
    for period, cell in marks:
        first = period.start.year * 12 + period.start.month - origin
        last = period.end.year * 12 + period.end.month - origin
        for index in range(max(first, 0), min(last, len(months) - 1) + 1):
            fields[index].append(cell)
    return fields


_WORST_FIRST = ("parked", "failed", "waiting", "late", "gap", "partial", "pending", "unpublished", "archived", "done")


def _span(fields: Sequence[list[Cell]], at: int) -> tuple[Cell | None, int]:
    """The cell to draw at a month and over how many: a quarter is one field; of several weeks the worst shows."""
    cells = fields[at]
    if not cells:
        return None, 1
    worst = min(cells, key=lambda c: _WORST_FIRST.index(c.state))
    if len(cells) > 1:
        return Cell(worst.state, "; ".join(c.tip for c in cells[:8])), 1
    span = 1
    while at + span < len(fields) and fields[at + span] == cells and fields[at + span][0] is cells[0]:
        span += 1
    return worst, span


def _cell(state: UnitState) -> Cell:
    tip = f"{state.unit.name}: {_WORDS[state.state]}"
    return Cell(state.state, f"{tip}: {state.reason.splitlines()[0]}" if state.reason else tip)


def _failure(state: UnitState) -> dict[str, Any]:
    failure = state.failure
    assert failure is not None
    again = f"; again after {state.retry_at:%-d %b %H:%M}" if state.retry_at and state.state == "waiting" else ""
    given_up = "; given up" if state.state == "parked" else ""
    times = "once" if failure.attempts == 1 else f"{failure.attempts} times"
    return {
        "unit": failure.unit,
        "stage": failure.stage,
        "why": failure.text,
        "log": failure.log,
        "tried": f"{times}{again}{given_up}",
    }


def _late(publication: PublicationStatus) -> dict[str, Any]:
    def codes(periods: Sequence[Period]) -> str:
        return ", ".join(p.code for p in periods[:12]) + (" …" if len(periods) > 12 else "")

    found = publication.cadence
    due = f"{found.next_due:%-d %b %Y}" if found.next_due else ""
    return {"code": publication.code, "gaps": codes(found.gaps), "late": codes(found.late), "next_due": due}
