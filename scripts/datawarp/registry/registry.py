"""The registry, ``config/publications.yaml``: which publications and releases there are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from datawarp.errors import RegistryError
from datawarp.registry.document import Document
from datawarp.registry.models import (
    PUBLICATION_CODE,
    Model,
    Publication,
    PublicationSettings,
    Release,
    Unit,
    split_unit_name,
)
from datawarp.registry.periods import parse_period
from datawarp.registry.problems import Location, Problem, did_you_mean, model_problems

RESERVED_CODES = frozenset(
    {"all", "download", "draft", "enrich", "load", "export", "catalogue", "preview", "status", "validate", "cleanup"}
    | {"archive", "sync", "backup", "restore_backup", "assess", "discover", "check_updates", "adopt"}
    | {"request_refresh", "finish_refresh", "drift", "trace"}
)
"""Rules of the workflow: a publication of that name could not be asked for."""

RESERVED_BEGINNINGS = ("refresh_", "approve_", "reject_", "restore_", "preview_")
"""Beginnings of targets that end in a unit; a publication of such a name would be taken for one."""
_MAX_CODE = 63


@dataclass(frozen=True)
class Registry:
    """All publications, in the order of the file ``path``."""

    path: Path
    publications: Mapping[str, Publication]

    @cached_property
    def _units(self) -> dict[str, Unit]:
        return {
            unit.name: unit for code, publication in self.publications.items() for unit in _units_of(code, publication)
        }

    def units(self, *publications: str) -> list[Unit]:
        """The units of ``publications``, or of all, in the file's order, each publication's by period."""
        wanted = self.codes(publications)
        return [unit for unit in self._units.values() if unit.publication in wanted]

    def codes(self, only: Collection[str] = ()) -> list[str]:
        """The publications' codes in the file's order, all or ``only`` some; raises for one that is not there."""
        for code in only:
            if code not in self.publications:
                raise RegistryError(
                    f"there is no publication {code!r}",
                    where=str(self.path),
                    hint=did_you_mean(code, self.publications),
                )
        return [code for code in self.publications if not only or code in only]

    def unit(self, name: str) -> Unit:
        """The unit ``<publication>_<period>``, the period in either spelling; raises :class:`RegistryError`."""
        found = self._units.get(name) or self._by_other_spelling(name)
        if found is None:
            raise RegistryError(f"there is no unit {name!r}", where=str(self.path), hint=self._nearest(name))
        return found

    def _nearest(self, name: str) -> str:
        """A hint for somebody who asked for ``name``, which is no unit."""
        code, period = split_unit_name(name)
        near = difflib.get_close_matches(name, self._units, n=1, cutoff=0.8 if code in self.publications else 0.6)
        if near:
            return f"did you mean {near[0]!r}?"
        if code not in self.publications:
            return f"there is no publication {code!r} either; known are {', '.join(self.publications)}"
        known = [release.period for release in self.publications[code].urls]
        return f"{code} has {', '.join(known[-12:]) or 'no periods'}; add a line for {period} to its urls"

    def _by_other_spelling(self, name: str) -> Unit | None:
        code, period = split_unit_name(name)
        try:
            canonical = parse_period(period).canonical
        except RegistryError:
            return None
        same = (unit for unit in self._units.values() if unit.publication == code and unit.when.canonical == canonical)
        return next(same, None)


class RegistryFile(Model):
    """The whole file, for the JSON Schema."""

    publications: dict[str, Publication] = Field(default={}, description="Publications by their code.")


def read_registry(path: Path) -> Registry:
    """The registry in ``path``.

    Raises one :class:`RegistryError` that lists all problems of the file, each with its line and a
    hint: broken YAML, unknown or repeated keys, codes, periods and addresses that cannot be used, and
    periods that occur twice in a publication.
    """
    document = Document.read(path)
    problems: list[Problem] = [
        Problem((key,), f"unknown key {key!r}", did_you_mean(key, ["publications"]), at_key=True)
        for key in document.data
        if key != "publications"
    ]
    written = document.data.get("publications") or {}
    if not isinstance(written, dict):
        problems.append(Problem(("publications",), "publications: expected codes with their settings", "see docs"))
        written = {}
    publications: dict[str, Publication] = {}
    for code, settings in written.items():
        place: Location = ("publications", code)
        problems += _code_problems(code, place)
        publication, wrong = model_problems(Publication, settings, place)
        problems += wrong + _period_problems(settings, place)
        if publication is not None:
            publications[code] = publication
    if problems:
        document.fail(problems)
    return Registry(path, publications)


def _code_problems(code: str, place: Location) -> list[Problem]:
    if not PUBLICATION_CODE.fullmatch(code):
        suggestion = re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_0123456789") or "my_publication"
        hint = f"codes are lower-case letters, digits and single _ between them, a letter first: write {suggestion}"
        return [Problem(place, f"the publication code {code!r} cannot be used", hint, at_key=True)]
    if code in RESERVED_CODES or code.startswith(RESERVED_BEGINNINGS):
        return [Problem(place, f"the publication code {code!r} is a command of the workflow", "rename it", at_key=True)]
    if len(code) > _MAX_CODE:
        return [Problem(place, f"the publication code {code!r} is longer than {_MAX_CODE}", "shorten it", at_key=True)]
    return []


def _period_problems(settings: Any, place: Location) -> list[Problem]:
    """Periods that are there twice, in either spelling, or whose canonical forms are the same."""
    releases = settings.get("urls") if isinstance(settings, dict) else None
    if not isinstance(releases, list):
        return []
    problems = []
    first: dict[str, tuple[str, int]] = {}
    for index, release in enumerate(releases):
        written = str(release.get("period", "")) if isinstance(release, dict) else ""
        try:
            period = parse_period(written)
        except RegistryError:
            continue  # the model says so
        earlier = first.setdefault(period.canonical, (written, index))
        if earlier[1] == index:
            continue
        where = (*place, "urls", index, "period")
        code = ".".join(map(str, place[1:]))
        if parse_period(earlier[0]).kind == period.kind:
            told = f"{code}: the period {written} is there twice, first as {earlier[0]} in urls.{earlier[1]}"
            problems.append(Problem(where, told, "remove one of the two, or correct its period"))
        else:
            told = f"{code}: {earlier[0]} and {written} are both stored as {period.canonical}"
            hint = f"keep the {period.kind}s and the {parse_period(earlier[0]).kind}s in two publications"
            problems.append(Problem(where, told, hint.replace("_", " ")))
    return problems


def _units_of(code: str, publication: Publication) -> list[Unit]:
    shared = publication.model_dump(exclude={"urls"})
    settings = PublicationSettings.model_validate(shared)
    units = [
        Unit(
            publication=code,
            period=release.period,
            url=release.url,
            settings=_of_release(settings, release),
        )
        for release in publication.urls
    ]
    return sorted(units, key=lambda unit: unit.when.order)


def _of_release(settings: PublicationSettings, release: Release) -> PublicationSettings:
    """The publication's settings with what the release says for itself."""
    if not release.sheets and release.files is None:
        return settings
    own: dict[str, Any] = {"sheets": settings.sheets | release.sheets}
    return settings.model_copy(update=own if release.files is None else own | {"files": release.files})
