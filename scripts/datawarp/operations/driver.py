"""What the Snakefile asks while a run is planned, begun and ended."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from datawarp.errors import DatawarpError, RegistryError
from datawarp.operations.backfill import Choice, choose, read_choice
from datawarp.operations.batch import RunStopped, progress, stop_when_too_many_fail
from datawarp.operations.failures import Failure, failures, read_failure
from datawarp.operations.intents import intend
from datawarp.operations.options import Options, read_options
from datawarp.operations.pending import (
    NEW,
    Corrections,
    Pending,
    newer,
    pending_units,
    slice_of,
    stale_receipts,
    targets,
    work_text,
)
from datawarp.operations.retries import retry_after
from datawarp.operations.run_record import read_run_record, write_run_record
from datawarp.operations.stage import headline, indented
from datawarp.operations.stamps import done_path, new_run_id, newest_stamp, stamp_path
from datawarp.registry.models import Unit, split_unit_name
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry, read_registry
from datawarp.registry.settings import Settings, read_settings

# Rules whose jobs talk to the database.
_WITH_DATABASE = frozenset({"load", "export", "catalogue", "finish_refresh"})


@dataclass
class Plan:
    """One call of Snakemake: the registry, what is pending, and what was asked for by name."""

    paths: Paths
    settings: Settings
    registry: Registry
    choice: Choice
    options: Options
    refreshed: frozenset[str]
    run: str = field(default_factory=new_run_id)
    begun: datetime | None = None
    units_of_run: frozenset[str] = frozenset()
    _checked: bool = False
    _told: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], paths: Paths, typed_in: Path, arguments: Sequence[str]) -> Plan:
        """Read configuration and registry; raises :class:`RegistryError` with all that is wrong.

        ``typed_in`` is the folder in which the command was typed (``--directory`` may lead elsewhere);
        ``arguments`` are the command's words, of which ``refresh_<unit>`` matter here.
        """
        settings = read_settings(None, config)
        registry = read_registry(registry_path(settings.publications, paths.root, typed_in))
        settings = settings.model_copy(update={"publications": str(registry.path)})
        asked = [m[1] for word in arguments if (m := re.fullmatch(r"refresh_([a-z0-9_-]+):?", word))]
        return cls(
            paths,
            settings,
            registry,
            read_choice(config, list(registry.publications)),
            read_options(config),
            frozenset(registry.unit(name).name for name in asked),
        )

    @cached_property
    def units(self) -> list[Unit]:
        """All units of the registry."""
        return self.registry.units()

    @property
    def pending(self) -> dict[str, Pending]:
        """The units that this run takes on, by name: those with work to do, or what the strategy names."""
        return self._chosen[0]

    @property
    def left(self) -> dict[str, str]:
        """The units with work to do that this run leaves alone, each with the reason."""
        return self._chosen[1]

    @cached_property
    def _chosen(self) -> tuple[dict[str, Pending], dict[str, str]]:
        found = pending_units(self.units, self.paths)
        resting = self._resting(found) if self.options.retry == "due" else {}
        found = {name: item for name, item in found.items() if name not in resting}
        reasons = {name: item.reason for name, item in found.items()}
        batch = choose(self.choice, self.units, reasons, self._invalid())
        taken = {name: found[name] for name in batch.build}
        taken |= {name: Pending(name, f"strategy={self.choice.strategy}", again=True) for name in batch.refresh}
        return taken, resting | batch.left

    def _resting(self, found: Iterable[str]) -> dict[str, str]:
        """Those of the units ``found`` that a night does not try again yet, or any more."""
        now, failed = datetime.now(UTC), failures(self.paths)
        states = {name: retry_after(asdict(failed[name]), now).state for name in found if name in failed}
        words = {"waiting": "failed, tried again later", "parked": "failed too often, no night tries it again"}
        return {name: words[state] for name, state in states.items() if state in words}

    def _invalid(self) -> list[str]:
        """The units that the last validation found severely wrong; they matter to one strategy alone."""
        if self.choice.strategy != "validation":
            return []
        from datawarp.operations.assess import invalid_units

        return invalid_units(self.paths)

    @property
    def listed(self) -> list[str]:
        """The units that Snakemake is to look at."""
        if not self.options.full_dag:
            return list(self.pending)
        return [u.name for u in self.units if not self.paths.archived_record(u.name).exists()]

    @property
    def calls_to_models(self) -> int:
        """What a job of enrichment takes of the resource ``llm``: nothing where no model is asked."""
        return int(any(layer.kind != "rules" for layer in self.settings.enrichment.layers))

    def slice_of(self, unit: str) -> dict[str, Any]:
        """The params of ``unit``'s jobs; raises :class:`RegistryError` for a unit that is not in the registry."""
        return slice_of(self.registry.unit(unit))

    def corrections_of(self, unit: str) -> str:
        """The version of ``unit``'s corrections, which its load depends on; ``none`` without any."""
        return Corrections(self.paths).version(self.registry.unit(unit)) or "none"

    def stamp(self, unit: str) -> list[str]:
        """The refresh stamp that ``unit``'s download depends on: of this run, the newest there is, or none."""
        if unit in self.refreshed or (unit in self.pending and self.pending[unit].again):
            return [self._name(stamp_path(unit, self.run, self.paths))]
        newest = newest_stamp(unit, self.paths)
        return [self._name(newest)] if newest else []

    def reason(self, unit: str) -> str:
        """Why ``unit`` is refreshed although nobody asked for it by name; empty otherwise."""
        return "" if unit in self.refreshed or unit not in self.pending else self.pending[unit].reason

    def targets(self, only: str | None = None) -> list[str]:
        """The files that bring the listed units, or ``only`` those of a publication or one unit, to their end.

        The catalogue is among them when it is asked for all publications and will be out of date.
        """
        self.check_database()
        self._tell(only)
        names = [n for n in self.listed if only in (None, n, split_unit_name(n)[0])]
        found = [self._name(self.paths.export_receipt(n)) for n in names]
        found += [self.refresh_target(n) for n in names if n in self.pending and self.pending[n].again]
        if only is None and (self.pending or self.stale_receipts):
            found += [self._name(self.paths.catalog), self._name(self.paths.datapackage)]
        return found

    def unit_called(self, word: str) -> str | None:
        """The unit that ``word`` names, in either spelling of its period; None when it names none."""
        try:
            return self.registry.unit(word).name
        except RegistryError:
            return None

    def no_such_target(self, word: str, rules: Iterable[str]) -> RegistryError:
        """What to tell somebody who asks for ``word``, which is no unit and none of ``rules``."""
        if split_unit_name(word)[0] in self.registry.publications:
            try:
                self.registry.unit(word)
            except RegistryError as problem:
                return problem
        near = difflib.get_close_matches(word, [*(r for r in rules if r != word), *(u.name for u in self.units)], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "docs/reference/targets.md lists all"
        return RegistryError(f"there is no target {word!r}", hint=hint)

    def _tell(self, only: str | None) -> None:
        """Say on the terminal, once a call, which units have work to do, and why where that is not plain."""
        if self._told or not (self.pending or self.left):
            return
        self._told = True
        failed = failures(self.paths)
        reasons = {
            name: f"{failed[name].stage} failed" if item.reason == NEW and name in failed else item.reason
            for name, item in self.pending.items()
        }
        sys.stderr.write(work_text(reasons, self.left, len(self.units), only))

    def refresh_target(self, unit: str) -> str:
        """The file that says that this run's refresh of ``unit`` is through."""
        return self._name(done_path(unit, self.run, self.paths))

    @cached_property
    def stale_receipts(self) -> list[Path]:
        """Export receipts that the catalogue does not know yet."""
        return stale_receipts((self.paths.export_receipt(u.name) for u in self.units), self.paths)

    def receipts(self) -> list[str]:
        """What the catalogue waits for: the export receipts of the pending units, and those it does not know."""
        waiting = [self.paths.export_receipt(n) for n in self.pending]
        return [self._name(p) for p in dict.fromkeys([*waiting, *self.stale_receipts])]

    def begin(self, jobs: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
        """Before the first job: record the run's units, start the database if a job needs it.

        ``jobs`` are the name of the rule and the unit's slice, if it has one, of every job to run.
        """
        listed = list(jobs)
        self.begun = datetime.now(UTC).replace(microsecond=0)
        self.units_of_run = frozenset(f"{u['publication']}_{u['period']}" for _, u in listed if u)
        reasons = {unit: reason for unit in self.units_of_run if (reason := self.reason(unit))}
        stages: dict[str, list[str]] = {name: [] for name in self.units_of_run}
        for rule, unit in listed:
            if unit:
                stages[f"{unit['publication']}_{unit['period']}"].append(rule)
        write_run_record(self.paths, self.run, self.units_of_run, reasons, stages=stages)
        for name, rules in stages.items():
            intend(name, rules, targets(name, self.paths), self.paths)
        if any(rule == "load" for rule, _ in listed):
            self.check_database()
        if any(rule in _WITH_DATABASE for rule, _ in listed):
            self._open_database()
        if self.choice.strategy == "full" and any(item.again for item in self.pending.values()):
            self._back_up()

    def _back_up(self) -> None:
        """A backup before everything is redone; without one, nothing is."""
        from datawarp.lifecycle.targets import backup

        backup(self.paths, str(Path(__file__).parents[3]))

    def check_database(self) -> None:
        """Raise :class:`WarehouseError` when units were loaded into another database than the one in use.

        Asked once per call, and only where the database is not the one that the last run used.
        """
        if self._checked:
            return
        self._checked = True
        from datawarp.operations.database import check_markers

        check_markers(self.paths, self.settings)

    def _open_database(self) -> None:
        """Start and migrate the database here and not in a job, which might run on another machine.

        A database that cannot be reached stops nothing: what needs none goes on, and each load says so.
        """
        from datawarp.operations.database import open_database

        try:
            open_database(self.paths, self.settings)
        except DatawarpError as problem:
            sys.stderr.write(f"\nthe database cannot be used; no unit will be loaded\n{indented(str(problem))}\n\n")

    def end(self) -> None:
        """After the last job: what no job saw to, who failed and why, the status page, the alerts."""
        self._finish_refreshes()
        self._catch_up()
        failed = self.failed
        # A command's own failure has just been told; those of a run are told together at its end.
        of_run = [f for f in failed if not f.unit.startswith("_") or f.stage == "catalogue"]
        if of_run:
            stopped = self._stopped()
            sys.stderr.write("\n" + summary(of_run, len(self.units_of_run), self._done(), stopped) + "\n")
        if self.begun and self.units_of_run:
            from datawarp.operations.aftermath import conclude

            now = datetime.now(UTC)
            conclude(self.run, self.begun, self.units_of_run, failed, self.registry, self.paths, self.settings, now)

    def _stopped(self) -> str:
        """Why the run was stopped before its end; empty when it was not."""
        try:
            stop_when_too_many_fail(read_run_record(self.paths), self.settings.backfill, self.paths)
        except RunStopped as stop:
            return str(stop)
        return ""

    def _done(self) -> int:
        """How many of the run's units are through."""
        began = self.begun.timestamp() if self.begun else 0.0
        run = {"started": began, "units": sorted(self.units_of_run)}
        return progress(run, self.paths, datetime.now(UTC).timestamp()).done

    @property
    def failed(self) -> list[Failure]:
        """What failed since this run began."""
        begun = self.begun
        return [f for f in failures(self.paths).values() if begun and datetime.fromisoformat(f.at) >= begun]

    def _finish_refreshes(self) -> None:
        """End the refreshes of this run that are through although only a unit's files were asked for by name."""
        open_ones = [
            unit
            for unit in sorted(self.units_of_run)
            if (stamp := stamp_path(unit, self.run, self.paths)).exists()
            and not done_path(unit, self.run, self.paths).exists()
            and read_failure(unit, self.paths) is None
            and newer(self.paths.export_receipt(unit), stamp)
        ]
        if not open_ones:
            return
        from datawarp.operations.database import finish_refreshes

        try:
            finish_refreshes(open_ones, self.run, self.paths, self.settings)
        except DatawarpError as problem:
            sys.stderr.write(f"\na refresh could not be recorded; the next run does it\n{indented(str(problem))}\n")

    def _catch_up(self) -> None:
        known = (self.paths.export_receipt(u.name) for u in self.units)
        if not stale_receipts(known, self.paths):
            return
        from datawarp.publish.catalogue import catalogue

        try:
            catalogue(self.paths, self.settings, self.registry)
        except DatawarpError as problem:
            sys.stderr.write(f"\nthe catalogue could not be made\n{indented(str(problem))}\n")

    def _name(self, path: Path) -> str:
        return self.paths.relative(path)


def config_files(project: Path, root: Path) -> list[Path]:
    """The ``config/config.yaml`` of the project and of the run's folder ``root``, as far as they are there.

    Raises :class:`RegistryError` that names file and line of all that is wrong in one: Snakemake, which joins them with
    ``--config``, only knows the values.
    """
    found = [folder / "config" / "config.yaml" for folder in dict.fromkeys([project, root])]
    there = [file for file in found if file.exists()]
    for file in there:
        read_settings(file)
    return there


def registry_path(written: str, root: Path, typed_in: Path) -> Path:
    """The registry called ``written``: below the run's folder, or else where the command was typed."""
    places = list(dict.fromkeys([root / written, typed_in / written]))
    for place in places:
        if place.is_file():
            return place
    raise RegistryError(
        f"there is no registry {written}; looked for {' and '.join(map(str, places))}",
        hint="write one (config/publications.yaml of the project shows how), or name it with "
        "--config publications=PATH",
    )


def summary(failed: Sequence[Failure], units: int, done: int, stopped: str = "") -> str:
    """What a person reads at the end of a run over ``units`` in which something failed and ``done`` are through.

    ``stopped`` is why the run was stopped before its end, if it was.
    """
    names = {f.unit for f in failed if not f.unit.startswith("_")}
    lines = [f"{len(names)} of {units} unit{'s' * (units != 1)} failed:" if names else "failed:"]
    for failure in failed:
        again = f" (attempt {failure.attempts})" if failure.attempts > 1 else ""
        lines += [f"  {headline(failure)}{again}", indented(indented(failure.text)), f"    log: {failure.log}"]
    rest = units - len(names) - done
    if rest <= 0:
        others = "All other units are done. " if done else ""
        lines.append(f"{others}The same command again takes up what failed.")
    else:
        lines.append(f"{done} are done, {rest} were not begun or not ended. The same command again takes them up.")
        lines += [f"The run was stopped: {stopped}"] if stopped else []
    return "\n".join(lines)
