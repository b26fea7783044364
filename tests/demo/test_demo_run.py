"""The demo on one publication: built through HTTP, told in figures, and a query that works as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_demo(folder: Path, url: str) -> str:
    environment = {**os.environ, "DATABASE_URL": url}
    run = subprocess.run(
        [sys.executable, "-m", "datawarp.demo", "--directory", str(folder), "--only", "ambulance_weekly"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    return run.stdout + run.stderr


def built(output: str) -> list[list[str]]:
    """The cells of the table under ``Built:``; the workflow's own lines before it name publications too."""
    _, table = output.split("\nBuilt:\n\n")
    return [re.split("  +", line.strip()) for line in table.partition("\n\n")[0].splitlines()]


@pytest.mark.slow
def test_the_demo_builds_tells_and_answers(tmp_path: Path, database_url: str) -> None:
    first = run_demo(tmp_path / "demo", database_url)
    assert built(first) == [
        ["publication", "units", "tables", "rows", "files"],
        ["ambulance_weekly", "3", "1", "48", "3"],
        ["in all", "3", "1", "48", "3"],
    ]
    (command,) = [line.strip() for line in first.splitlines() if "datawarp.query" in line]
    asked = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2025-W20" in asked.stdout and "(3 rows)" in asked.stdout
    assert "Nothing to be done" in run_demo(tmp_path / "demo", database_url)
