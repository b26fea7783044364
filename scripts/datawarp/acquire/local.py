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
            if file.is_dir():
                intake.leave_out(url, name, "a link to a folder, which is not followed")
            elif extension(name) not in DATA_EXTENSIONS:
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
    """The files in ``folder`` and under it, sorted, without hidden ones and the locks that office programs leave.

    Links are listed and not followed, be they to files, to folders or to nothing. Raises :class:`AcquireError` for a
    folder that cannot be read.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not _is_clutter(name)]
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [Path(place, name) for name in (*names, *links) if not _is_clutter(name)]
    return sorted(found)


def _unreadable(problem: OSError) -> None:
    told = f"the folder cannot be read: {problem.strerror}"
    raise AcquireError(told, where=str(problem.filename), hint="make it readable to this user")


def _is_clutter(name: str) -> bool:
    return name.startswith((".", "~$", "__MACOSX"))


def _copy(file: Path, copy: Path) -> None:
    """Copy a file that nobody writes to meanwhile; raises :class:`AcquireError` if somebody does."""
    before = file.stat()
    shutil.copyfile(file, copy)
    after = file.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        told = "the file was written to while it was copied into the store"
        raise AcquireError(told, where=str(file), hint="run again when it is finished")


def _take(intake: Intake, file: Path, url: str, name: str) -> None:
    copy = intake.arrival()
    try:
        _copy(file, copy)
        intake.keep(url, name, copy, sha256_file(copy), copy.stat().st_size)
    except AcquireError as problem:
        intake.problems.append(problem)
    except OSError as problem:
        told = f"the file cannot be copied into the store: {problem.strerror or problem}"
        hint = "make it readable to this user, and see that the disk has room"
        intake.problems.append(AcquireError(told, where=str(file), hint=hint))
