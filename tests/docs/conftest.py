"""An installation such as the pages speak of, in a folder in which their commands can be typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from datawarp.demo.releases import publications

from .pages import ROOT

PROJECT = ("Snakefile", "rules", "scripts", "profiles")
# The pages' publication, with the demo's figures; the second release renames a column.
RELEASES = {"may25": "may25", "aug25": "jun25"}


@dataclass(frozen=True)
class Terminal:
    """A folder and an environment to type commands in."""

    folder: Path
    database: str

    def type(self, command: str) -> tuple[int, str]:
        """Exit status and all that is printed."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE_", "DATAWARP_"))}
        environment = {
            **inherited,
            "DATABASE_URL": self.database,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(self.folder),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout


NewDatabase = Callable[[str | None], str]


@pytest.fixture(scope="session")
def terminal(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Terminal:
    """The installation, built by ``snakemake all``. The pages share it: none takes anything away."""
    folder = tmp_path_factory.mktemp("datawarp")
    for part in PROJECT:
        (folder / part).symlink_to(ROOT / part)
    shutil.copytree(ROOT / "config", folder / "config")
    planned = next(p for p in publications() if p.code == "planned_care")
    releases = {r.period: r for r in planned.releases}
    lines = ["publications:", "  adhd:", "    name: ADHD Management Information", "    frequency: monthly", "    urls:"]
    for period, taken in RELEASES.items():
        file = folder / "releases" / period / "ADHD.xlsx"
        file.parent.mkdir(parents=True)
        file.write_bytes(next(iter(releases[taken].files.values())))
        # Absolute, because a copy of the folder would otherwise have releases of another address.
        lines.append(f"      - {{period: {period}, url: {file.parent}}}")
    (folder / "config" / "publications.yaml").write_text("\n".join([*lines, ""]), "utf-8")
    (folder / "demo-run" / "config").mkdir(parents=True)
    (folder / "demo-run" / "config" / "publications.yaml").write_text("publications:\n", "utf-8")
    terminal = Terminal(folder, new_database(None))
    status, printed = terminal.type("snakemake all")
    assert status == 0, printed
    return terminal
