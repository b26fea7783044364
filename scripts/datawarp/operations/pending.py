"""Which units have work to do, found by a few looks at each unit's files.

Snakemake's own answer costs five jobs per unit in its graph: seconds for a thousand units. So `all`
lists only the units found here, and Snakemake decides about those. What is found here may be more
than what Snakemake then runs, never less; ``--config full_dag=true`` lists every unit instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.files import read_json, write_json
from datawarp.operations.failures import STAGES, Failure, Working, failures, working
from datawarp.operations.intents import abandoned, intended
from datawarp.operations.stamps import unfinished_refreshes
from datawarp.registry.models import Unit, split_unit_name
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from datawarp.warehouse.corrections import Correction

NEW = "new"
"""The reason of a unit that was never begun."""

_NAMED = 12  # periods of a publication that are named before "and 30 more"


@dataclass(frozen=True)
class Pending:
    """A unit with work to do, and why.

    ``again`` asks for a refresh: the time stamps of the unit's files do not tell that they are stale.
    """

    unit: str
    reason: str
    again: bool = False


def slice_of(unit: Unit) -> dict[str, Any]:
    """The part of the registry that ``unit``'s jobs depend on, as the plain dictionary in their params.

    Defaults are left out, so that a new key of a later DataWarp makes no unit stale; so is what only
    `discover` looks at.
    """
    plain = unit.model_dump(mode="json", exclude_defaults=True, exclude={"settings": {"discover"}})
    plain.setdefault("settings", {})
    return plain


def targets(unit: str, paths: Paths) -> dict[str, Path]:
    """The file that each stage of ``unit`` makes, in the order of the stages."""
    return {
        "download": paths.download_receipt(unit),
        "draft": paths.pending_manifest(unit),
        "enrich": paths.enriched_manifest(unit),
        "load": paths.loaded_marker(unit),
        "export": paths.export_receipt(unit),
    }


def pending_units(units: Iterable[Unit], paths: Paths) -> dict[str, Pending]:
    """The units that have work to do, by name, in the order given.

    A unit with an archive record has none. Reads nothing but file times, one small record per unit,
    and the lists of failures and refreshes.
    """
    trouble: Mapping[str, Failure] = failures(paths)
    running: Mapping[str, Working] = working(paths)
    unfinished = unfinished_refreshes(paths)
    begun = intended(paths)
    corrections = Corrections(paths)
    found: dict[str, Pending] = {}
    for unit in units:
        name = unit.name
        if paths.archived_record(name).exists():
            continue
        item = (
            _asked_again(name, unfinished, trouble.get(name), running.get(name), paths)
            or (_abandoned(name, paths) if name in begun else None)
            or _by_files(name, paths)
            or _by_settings(unit, corrections, paths)
        )
        if item:
            found[name] = item
    return found


def _asked_again(
    name: str, unfinished: Mapping[str, str], failure: Failure | None, job: Working | None, paths: Paths
) -> Pending | None:
    if name in unfinished:
        return Pending(name, f"its refresh {unfinished[name]} is not finished", again=True)
    if failure and _left_standing(name, failure.stage, paths):
        return Pending(name, f"{failure.stage} failed", again=True)
    if job and not job.alive and _left_standing(name, job.stage, paths):
        return Pending(name, f"{job.stage} was cut off", again=True)
    return None


def _abandoned(name: str, paths: Paths) -> Pending | None:
    stage = abandoned(name, targets(name, paths), paths)
    return Pending(name, f"{stage} was cut off", again=True) if stage else None


def _left_standing(name: str, stage: str, paths: Paths) -> bool:
    """Whether a failed stage's old output is there and would pass for its new one."""
    return stage not in STAGES or targets(name, paths)[stage].exists()


def _by_files(name: str, paths: Paths) -> Pending | None:
    """A unit whose last file is missing, or with a file older than what it is made from.

    A missing file in between is no reason: the unit is done, as Snakemake sees it too.
    """
    times = {stage: _mtime(path) for stage, path in targets(name, paths).items()}
    if times["export"] is None:
        begun = [stage for stage in STAGES if times[stage] is not None]
        return Pending(name, f"{begun[-1]} is done, the rest is not" if begun else NEW)
    for before, after in pairwise(STAGES):
        made, source = times[after], times[before]
        if made is not None and source is not None and source > made:
            return Pending(name, f"the result of {before} is newer than that of {after}")
    return None


def _by_settings(unit: Unit, corrections: Corrections, paths: Paths) -> Pending | None:
    """A unit whose registry entry, or whose corrections, are not those that it was built with."""
    built = _read(paths.built(unit.name))
    if built is not None:
        changed = built.get("entry") != entry_digest(slice_of(unit))
    else:
        receipt = _read(paths.download_receipt(unit.name))
        changed = receipt is not None and receipt.get("url") != unit.url
    if changed:
        return Pending(unit.name, "its entry in the registry has changed", again=True)
    loaded = built if built is not None and "corrections" in built else _read(paths.loaded_marker(unit.name))
    if loaded is not None and loaded.get("corrections") != corrections.version(unit):
        return Pending(unit.name, "its corrections have changed", again=not _on_snakemakes_record(unit.name, paths))
    return None


class Corrections:
    """The corrections of an installation; each publication's file is read once, and only where there is one."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._read: dict[str, list[Correction]] = {}

    def version(self, unit: Unit) -> str | None:
        """A hash of what is corrected in ``unit``; None without corrections. Raises :class:`RegistryError`."""
        if unit.publication not in self._read:
            self._read[unit.publication] = self._written(unit.publication)
        if not self._read[unit.publication]:
            return None
        from datawarp.warehouse.corrections import corrections_of, corrections_version

        return corrections_version(corrections_of(self._read[unit.publication], unit.when))

    def _written(self, publication: str) -> list[Correction]:
        if not self._paths.corrections(publication).exists():
            return []
        from datawarp.warehouse.corrections import read_file

        return read_file(self._paths.root, publication)


def _on_snakemakes_record(name: str, paths: Paths) -> bool:
    """Whether Snakemake knows with which params ``name`` was loaded: without its record it sees no change in them."""
    marker = base64.urlsafe_b64encode(paths.relative(paths.loaded_marker(name)).encode()).decode()
    return (paths.root / ".snakemake" / "metadata" / marker).exists()


def entry_digest(entry: Mapping[str, Any]) -> str:
    """A hash of a unit's slice of the registry."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def record_built(unit: Unit, paths: Paths) -> None:
    """Keep with which registry entry and which corrections ``unit`` went through its last stage."""
    corrections = (_read(paths.loaded_marker(unit.name)) or {}).get("corrections")
    entry = entry_digest(slice_of(unit))
    write_json(paths.built(unit.name), {"unit": unit.name, "entry": entry, "corrections": corrections})


def work_text(reasons: Mapping[str, str], left: Mapping[str, str], units: int, only: str | None = None) -> str:
    """What a person reads before the first job: units with work to do, publication by publication.

    ``reasons`` are those of the units that the run takes on, ``left`` of those that it does not, out of ``units``.
    With ``only``, a publication or a unit, no others are told.
    """
    own = {name: why for name, why in reasons.items() if only in (None, name, split_unit_name(name)[0])}
    rest = {name: why for name, why in left.items() if only in (None, name, split_unit_name(name)[0])}
    lines = [f"{len(own):,} of {units:,} units to do"] if own else []
    grouped: dict[tuple[str, str], list[str]] = {}
    for name, why in own.items():
        code, period = split_unit_name(name)
        grouped.setdefault((code, "" if why == NEW else f" ({why})"), []).append(period)
    width = max((len(code) for code, _ in grouped), default=0)
    lines += [f"  {code:<{width}}  {_listed(periods)}{why}" for (code, why), periods in grouped.items()]
    by_reason: dict[str, list[str]] = {}
    for name, why in rest.items():
        by_reason.setdefault(why, []).append(name)
    lines += [f"left for later ({why}): {_listed(names)}" for why, names in by_reason.items()]
    return "".join(f"{line}\n" for line in lines)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def stale_receipts(receipts: Iterable[Path], paths: Paths) -> list[Path]:
    """The export receipts newer than the catalogue; all that exist when there is no catalogue."""
    times = [_mtime(p) for p in (paths.catalog, paths.datapackage)]
    made = None if None in times else min(t for t in times if t is not None)
    stale = []
    for receipt in receipts:
        written = _mtime(receipt)
        if written is not None and (made is None or written > made):
            stale.append(receipt)
    return stale


def newer(path: Path, than: Path) -> bool:
    """Whether ``path`` is there and was written after ``than``, which is."""
    made, other = _mtime(path), _mtime(than)
    return made is not None and other is not None and made > other


def _mtime(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None
