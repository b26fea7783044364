"""An installation that is driven through the real ``snakemake`` command, and the site that it collects from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from publisher import Publisher

from datawarp.demo.releases import DemoPublication, publications
from datawarp.registry.paths import Paths

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds after which a call of snakemake counts as hanging


@dataclass(frozen=True)
class Call:
    """What one call of ``snakemake`` printed, and its exit status."""

    status: int
    text: str

    @property
    def nothing_to_do(self) -> bool:
        """Whether it said so in Snakemake's own words."""
        return "Nothing to be done" in self.text

    @property
    def done(self) -> Counter[str]:
        """How many jobs of each rule ended well."""
        return Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", self.text))

    @property
    def looks(self) -> int:
        """How often a run with ``--verbose`` looked for jobs to start while there were some."""
        return len(re.findall(r"^Ready jobs: \d+$", self.text, re.M))

    @property
    def planned(self) -> dict[str, int]:
        """The jobs of each rule that a dry run lists."""
        table = re.search(r"^Job stats:\n.*\n-[- ]+\n((?:.+\n)+)", self.text, re.M)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        return {name: int(count) for name, count in rows if name != "total"}

    def jobs(self, rule: str) -> set[str]:
        """The units that a dry run, or a run, names with ``rule``."""
        return set(re.findall(rf"^Job \d+: {rule} ([\w-]+)", self.text, re.M))


@dataclass(frozen=True)
class Installation:
    """A folder with a registry, the database it loads into, and the command that builds it."""

    folder: Path
    database: str

    @property
    def paths(self) -> Paths:
        return Paths(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE_", "DATAWARP_"))}
        return {**inherited, "DATABASE_URL": self.database, "PWD": str(self.folder)}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", *arguments]

    def snakemake(self, *arguments: str, status: int | None = 0, patience: float = PATIENCE) -> Call:
        """Call ``snakemake`` in the folder; it must exit with ``status`` unless that is None."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            check=False,
        )
        assert status is None or done.returncode == status, done.stdout
        return Call(done.returncode, done.stdout)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Call ``snakemake`` in the folder, in a process group of its own, and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def registry(self) -> dict[str, Any]:
        """The registry as plain values."""
        text = (self.folder / "config" / "publications.yaml").read_text("utf-8")
        return yaml.safe_load(text)["publications"]

    def register(self, entries: dict[str, Any]) -> None:
        """Replace the registry."""
        file = self.folder / "config" / "publications.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"publications": entries}, sort_keys=False), "utf-8")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of ``statement``."""
        with closing(psycopg2.connect(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def outputs(self) -> dict[str, bytes]:
        """What is exported, by its path: receipts, Parquet, metadata and the catalogue."""
        folders = [self.paths.output / name for name in ("receipts", "parquet", "metadata")]
        files = [self.paths.catalog, self.paths.datapackage, *(p for f in folders for p in f.rglob("*") if p.is_file())]
        return {self.paths.relative(p): p.read_bytes() for p in sorted(files)}


@pytest.fixture(scope="session")
def site() -> Iterator[Publisher]:
    """The demo's releases, each file at an address of its own."""
    with Publisher() as running:
        for publication in publications():
            for release in publication.releases:
                for name, data in release.files.items():
                    running.file(address(publication.code, release.period, name), data)
        yield running


def address(publication: str, period: str, filename: str) -> str:
    """The path of a file on the site."""
    return f"/{publication}/{period}/data{Path(filename).suffix}"


def entry(publication: DemoPublication, site: Publisher, periods: int) -> dict[str, Any]:
    """The registry's entry for the first ``periods`` releases of a demo publication."""
    return {
        "name": publication.name,
        "urls": [
            {"period": r.period, "url": site.url(address(publication.code, r.period, next(iter(r.files))))}
            for r in publication.releases[:periods]
        ],
    }


@pytest.fixture(scope="session")
def demo() -> dict[str, DemoPublication]:
    return {p.code: p for p in publications()}


NewDatabase = Callable[[str | None], str]


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    site: Publisher,
    demo: dict[str, DemoPublication],
    new_database: NewDatabase,
) -> tuple[Installation, Call]:
    """Two publications with two periods each, built; not to be changed. And what building them printed."""
    installation = Installation(tmp_path_factory.mktemp("built"), new_database(None))
    installation.register({code: entry(demo[code], site, 2) for code in ("planned_care", "ambulance_weekly")})
    return installation, installation.snakemake("all", "--verbose")


@pytest.fixture
def installation(built: tuple[Installation, Call], tmp_path: Path, new_database: NewDatabase) -> Installation:
    """A copy of the built installation, database and all, for one test."""
    folder = tmp_path / "run"
    shutil.copytree(built[0].folder, folder)
    return Installation(folder, new_database(built[0].database))
