"""Which of the units with work to do a run takes on: strategies, filters and limits of a backfill.

============  =====================================================================================
incremental   what is pending (the default)
selective     what is pending among the publications and periods named; a filter is demanded
full          every unit named, or all: each is refreshed, so that nothing goes before its replacement
              is complete
validation    the units that the last `snakemake validate` found severely wrong, refreshed
============  =====================================================================================

``pub=`` (codes separated by commas), ``since=`` and ``until=`` (period codes) narrow every strategy;
``max_units=`` takes the first of what is left, oldest period first within a publication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from datawarp.errors import RegistryError
from datawarp.registry.models import Unit
from datawarp.registry.periods import Period, parse_period

Strategy = Literal["incremental", "selective", "full", "validation"]


@dataclass(frozen=True)
class Choice:
    """What the command line asks for."""

    strategy: Strategy = "incremental"
    publications: tuple[str, ...] = ()
    since: Period | None = None
    until: Period | None = None
    max_units: int | None = None

    @property
    def narrowed(self) -> bool:
        """Whether a filter is set."""
        return bool(self.publications or self.since or self.until)

    def takes(self, unit: Unit) -> bool:
        """Whether ``unit`` passes the filters."""
        return (
            (not self.publications or unit.publication in self.publications)
            and (self.since is None or unit.when.start >= self.since.start)
            and (self.until is None or unit.when.end <= self.until.end)
        )


@dataclass(frozen=True)
class Batch:
    """The units of a run: ``build`` as their files say, ``refresh`` from the download on; ``left`` why not."""

    build: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def read_choice(config: Mapping[str, Any], known: Sequence[str]) -> Choice:
    """The choice in Snakemake's ``--config`` values; ``known`` are the codes of all publications.

    Raises :class:`RegistryError` for a strategy, code, period or number that cannot be meant.
    """
    strategy = str(config.get("strategy", "incremental"))
    if strategy not in get_args(Strategy):
        raise RegistryError(f"there is no strategy {strategy!r}", hint=f"use one of {', '.join(get_args(Strategy))}")
    publications = tuple(filter(None, str(config.get("pub", "")).replace(" ", "").split(",")))
    for code in publications:
        if code not in known:
            raise RegistryError(f"pub={code}: there is no such publication", hint=f"known are {', '.join(known)}")
    since, until = (parse_period(str(config[key])) if config.get(key) else None for key in ("since", "until"))
    limit = config.get("max_units")
    if limit is not None and (not str(limit).isdigit() or int(limit) < 1):
        raise RegistryError(f"max_units={limit}: expected a whole number from 1 on")
    choice = Choice(strategy, publications, since, until, int(limit) if limit is not None else None)  # type: ignore[arg-type]
    if strategy == "selective" and not choice.narrowed:
        raise RegistryError(
            "strategy=selective needs to know what to select", hint="add pub=, since= or until= after --config"
        )
    return choice


def choose(choice: Choice, units: Sequence[Unit], pending: Mapping[str, str], invalid: Sequence[str] = ()) -> Batch:
    """The batch for ``choice`` out of all ``units``; ``pending`` gives the reason of each unit with work to do."""
    taken = [unit for unit in units if choice.takes(unit)]
    left = {
        unit.name: "outside pub, since and until" for unit in units if not choice.takes(unit) and unit.name in pending
    }
    build: list[str] = []
    refresh: list[str] = []
    for unit in taken:
        if choice.strategy == "full":
            # A unit that was never built has nothing to keep readable: it is built, not refreshed.
            (build if pending.get(unit.name) == "new" else refresh).append(unit.name)
        elif choice.strategy == "validation":
            if unit.name in invalid:
                refresh.append(unit.name)
            elif unit.name in pending:
                left[unit.name] = "not named by the last validation"
        elif unit.name in pending:
            build.append(unit.name)
    if choice.max_units is not None:
        order = [unit.name for unit in taken if unit.name in {*build, *refresh}]
        later = set(order[choice.max_units :])
        left |= dict.fromkeys((name for name in order if name in later), f"beyond max_units={choice.max_units}")
        build = [name for name in build if name not in later]
        refresh = [name for name in refresh if name not in later]
    return Batch(build, refresh, left)
