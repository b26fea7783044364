"""``python -m datawarp.demo``: the whole workflow over the invented releases, by way of HTTP.

Writes the releases and a registry to ``demo-run/``, serves them on loopback, runs ``snakemake all`` there, and
says what was built and what to ask of it. Run again, it finds nothing to do.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from datawarp.demo.registry import registry_text
from datawarp.demo.releases import DemoPublication, publications
from datawarp.demo.site import serving
from datawarp.demo.summary import summary
from datawarp.files import write_bytes
from datawarp.registry.paths import Paths

ROOT = Path(__file__).resolve().parents[3]
PORT = 8765


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; gives the exit status of the workflow."""
    parser = argparse.ArgumentParser(prog="python -m datawarp.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("demo-run"), help="where the demo runs (demo-run)")
    parser.add_argument("--cores", default="2", help="cores that Snakemake may use (2)")
    parser.add_argument("--only", action="append", metavar="CODE", help="only this publication; may be repeated")
    given = parser.parse_args(arguments)
    directory: Path = given.directory.absolute()
    releases = [p for p in publications() if given.only is None or p.code in given.only]
    for publication in releases:
        for release in publication.releases:
            for name, data in release.files.items():
                write_if_new(directory / "releases" / publication.code / release.period / name, data)
    registry = directory / "config" / "publications.yaml"
    with _site(releases, registry) as port:
        text = registry_text(releases, port)
        write_if_new(registry, text.encode())
        print(f"Releases of {len(releases)} publications are served at http://127.0.0.1:{port}/", flush=True)  # noqa: T201
        status = run_workflow(directory, registry, given.cores)
    if status == 0:
        print(summary(Paths(directory), releases))  # noqa: T201
    return status


def write_if_new(path: Path, data: bytes) -> None:
    """Write ``data`` unless it is there already, so that nothing looks newer than it is."""
    if not path.is_file() or path.read_bytes() != data:
        write_bytes(path, data)


@contextmanager
def _site(releases: Sequence[DemoPublication], registry: Path) -> Iterator[int]:
    """Serve on the port that the registry of an earlier run names, as its addresses are part of that run."""
    before = re.search(r"127\.0\.0\.1:(\d+)/", registry.read_text("utf-8")) if registry.is_file() else None
    try:
        server = serving(releases, int(before[1]) if before else PORT)
        port = server.__enter__()
    except OSError:  # that port is in use: any other will do
        server = serving(releases)
        port = server.__enter__()
    try:
        yield port
    finally:
        server.__exit__(None, None, None)


def run_workflow(directory: Path, registry: Path, cores: str) -> int:
    """``snakemake all`` with ``directory`` as the run's folder; gives its exit status."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(directory), "--cores", cores, "--config", f"publications={registry}", "--", "all"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
