"""`snakemake status` on a terminal: a bar per publication, totals, and what failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from datawarp.operations.failures import Failure
from datawarp.operations.reviews import OpenQuestion
from datawarp.operations.states import State, UnitState
from datawarp.operations.status_page import Overview, PublicationStatus
from datawarp.operations.wording import plural
from datawarp.registry.periods import Period

if TYPE_CHECKING:
    from rich.console import Console

CELLS = 20
_QUESTIONS = 5  # of a unit that are told
_PERIODS = 3  # of a publication that are named
_COLOURS: dict[State, str] = {
    "done": "green",
    "archived": "blue",
    "partial": "yellow",
    "pending": "yellow",
    "unpublished": "bright_black",
    "waiting": "red",
    "failed": "red",
    "parked": "bold red",
}
_SETTLED: frozenset[State] = frozenset({"done", "archived"})


def bar(states: Sequence[State]) -> list[tuple[str, State]]:
    """The 20 cells of a bar, each with its state: what is settled first, then what fails, then the rest.

    A state that any unit is in has a cell at least, and only a complete publication has a full bar.
    """
    counts = Counter(states)
    order = [state for state in _COLOURS if counts[state]]
    shares = {state: max(1, counts[state] * CELLS // len(states)) for state in order}
    while order and sum(shares.values()) != CELLS:
        over = sum(shares.values()) > CELLS
        # The largest state gives up, or takes, what rounding left.
        shares[max(order, key=lambda s: (shares[s], s in _SETTLED))] += -1 if over else 1
    return [("█" if state in _SETTLED else "▒", state) for state in order for _ in range(shares[state])]


def counted(states: Iterable[State]) -> str:
    """``5 done, 1 failed``: states that occur, in a fixed order."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]:,} {state}" for state in _COLOURS if counts[state])


def print_status(found: Overview, others: Sequence[Failure], console: Console) -> None:
    """Print the state of all units, publication by publication, the failures, and what waits for a person.

    ``others`` are failures of jobs that belong to no unit, such as the catalogue's.
    """
    from rich.table import Table
    from rich.text import Text

    today = found.at.date()
    table = Table.grid(padding=(0, 2))
    for publication in found.publications:
        of_one = [s.state for s in publication.states]
        if not of_one:
            continue
        cells = Text.assemble(*((cell, _COLOURS[state]) for cell, state in bar(of_one)))
        done = sum(state in _SETTLED for state in of_one)
        states = "" if done == len(of_one) else counted(of_one)
        late = bool(publication.cadence.late or publication.cadence.gaps)
        ages = Text(age(publication, today), style="yellow" if late else "bright_black")
        table.add_row(publication.code, cells, f"{done}/{len(of_one)}", states, ages)
    console.print(table)
    units = [s for p in found.publications for s in p.states]
    publications = sum(1 for p in found.publications if p.states)
    console.print(
        f"\n{plural(len(units), 'unit')} of {plural(publications, 'publication')}: "
        f"{counted(s.state for s in units) or 'none'}",
        highlight=False,
    )
    _print_failures([s for s in units if s.failure], others, console)
    _print_questions(found.reviews, console)


def age(publication: PublicationStatus, today: date) -> str:
    """How old the newest period is, and what the calendar expects: ``to aug25, 96 days old; next due 2025-11-30``."""
    newest = max((s.unit.when for s in publication.states), key=lambda period: period.order)
    days = (today - newest.end).days
    expected = publication.cadence
    parts = [f"to {newest.code}" + (f", {plural(days, 'day')} old" if days >= 0 else "")]
    parts += [f"late: {_codes(expected.late)}"] if expected.late else []
    parts += [f"missing: {_codes(expected.gaps)}"] if expected.gaps else []
    parts += [f"next due {expected.next_due}"] if expected.next_due and not expected.late else []
    return "; ".join(parts)


def _codes(periods: Sequence[Period]) -> str:
    more = len(periods) - _PERIODS
    return ", ".join(p.code for p in periods[:_PERIODS]) + (f" and {more} more" if more > 0 else "")


def _print_failures(failed: Sequence[UnitState], others: Sequence[Failure], console: Console) -> None:
    for state in failed:
        failure = state.failure
        if failure is None:
            continue
        times = "once" if failure.attempts == 1 else f"{failure.attempts} times"
        _print_failure(f"{failure.unit}: {failure.stage} failed {times}{_next(state)}", failure, console)
    for failure in others:
        at = datetime.fromisoformat(failure.at)
        title = (
            f"{failure.stage} failed on {at:%Y-%m-%d at %H:%M} UTC; said here until `snakemake {failure.stage}` passes"
        )
        _print_failure(title, failure, console)


def _print_questions(questions: Sequence[OpenQuestion], console: Console) -> None:
    for unit, group in groupby(questions, key=lambda q: q.unit):
        asked = list(group)
        console.print(f"\n{unit}: {plural(len(asked), 'question')} for review", style="magenta", highlight=False)
        for item in asked[:_QUESTIONS]:
            console.print(f"  {item.about}: {item.question}", markup=False, highlight=False, soft_wrap=True)
        more = f"and {len(asked) - _QUESTIONS} more; " if len(asked) > _QUESTIONS else ""
        told = f"  {more}answer in manifests/review/{unit}.yaml, then snakemake approve_{unit} or reject_{unit}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)


def _next(state: UnitState) -> str:
    if state.state == "parked":
        return "; no night tries it again, `snakemake all` does"
    return f"; a night tries it again after {state.retry_at:%Y-%m-%d %H:%M} UTC" if state.retry_at else ""


def _print_failure(title: str, failure: Failure, console: Console) -> None:
    console.print(f"\n{title}", style="red", markup=False, highlight=False, soft_wrap=True)
    for line in (*failure.text.splitlines(), f"log: {failure.log}"):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
