"""Releases in a file or folder of this machine."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path

from datawarp.acquire.intake import Intake, Release
from datawarp.acquire.sniff import DATA_EXTENSIONS, extension
from datawarp.errors import AcquireError
from datawarp.files import sha256_file


def take_local(intake: Intake) -> Release:
    """The release at the unit's path: that file, or all data files in that folder and those under it.

    What is recorded of a file is its path as the registry has it, not where that is on this machine.
    """
    written = intake.unit.url
    place = Path(intake.located(written))
    if place.is_dir():
        for file in files_in(place):
            name = file.relative_to(place).as_posix()
            url = address_in(written, name)
            if extension(name) not in DATA_EXTENSIONS:
                intake.leave_out(url, name, "no data file by its extension")
            elif intake.lets_in(url, name):
                _take(intake, file, url, name)
        return intake.finished("the folder holds no data file")
    if place.is_file():
        if intake.lets_in(written, place.name):
            _take(intake, place, written, place.name)
        return intake.finished("the release's only file is left out")
    nearby = [p.name for p in place.parent.iterdir()] if place.parent.is_dir() else []
    near = difflib.get_close_matches(place.name, nearby, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "correct the url in the registry, or put the file there"
    raise AcquireError("there is no such file or folder", where=str(place), hint=hint)


def address_in(folder: str, name: str) -> str:
    """The address of the file ``name`` in the local folder that the registry writes as ``folder``."""
    return os.path.join(folder, name)


def files_in(folder: Path) -> list[Path]:
    """The files in ``folder`` and under it, sorted, without hidden ones and the locks that office programs leave."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not _is_clutter(p.relative_to(folder)))


def _is_clutter(relative: Path) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in relative.parts)


def _take(intake: Intake, file: Path, url: str, name: str) -> None:
    copy = intake.arrival()
    try:
        shutil.copyfile(file, copy)
        intake.keep(url, name, copy, sha256_file(copy), copy.stat().st_size)
    except AcquireError as problem:
        intake.problems.append(problem)
    except OSError as problem:
        told = f"the file cannot be copied into the store: {problem.strerror}"
        hint = "make it readable to this user, and see that the disk has room"
        intake.problems.append(AcquireError(told, where=str(file), hint=hint))
