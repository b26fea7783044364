"""The unattended run: one at a time, dead locks healed, exit status kept, logs rotated."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datawarp.operations.night import BUSY, heal_locks, night

PROJECT = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 1, 4, 15, tzinfo=UTC)


def python(code):
    return [sys.executable, "-c", code]


def test_the_exit_status_and_what_was_printed_are_kept(tmp_path):
    assert night(tmp_path, python("print('adhd_aug25 failed'); raise SystemExit(3)"), START) == 3
    log = (tmp_path / "logs/night/20260301T041500Z.log").read_text()
    assert log == "adhd_aug25 failed\nexit status 3\n"


def test_two_nights_never_overlap(tmp_path):
    (tmp_path / "go").touch()
    holder = python(
        "import sys; from pathlib import Path; from datetime import *\n"
        "from datawarp.operations.night import night\n"
        f"root = Path({str(tmp_path)!r})\n"
        "code = \"import pathlib, time\\npathlib.Path('running').touch()\\n\"\n"
        "code += \"while pathlib.Path('go').exists(): time.sleep(0.02)\"\n"
        "sys.exit(night(root, [sys.executable, '-c', code], datetime.now(UTC)))"
    )
    running = subprocess.Popen(holder, env={**os.environ, "PYTHONPATH": str(PROJECT / "scripts")})
    try:
        while not (tmp_path / "running").exists():
            assert running.poll() is None
            time.sleep(0.02)
        assert night(tmp_path, python("raise SystemExit(1)"), START) == BUSY
    finally:
        (tmp_path / "go").unlink()
    assert running.wait() == 0
    assert night(tmp_path, python("raise SystemExit(0)"), START) == 0


def test_locks_of_a_dead_run_are_healed_and_those_of_a_living_one_kept(tmp_path):
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("output/catalog.parquet\n")
    # A living Snakemake: a process whose program is called snakemake, working in that folder.
    program = tmp_path / "snakemake"
    program.write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    living = subprocess.Popen([sys.executable, str(program), "all"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert living.stdout.readline() == "up\n"
        assert not heal_locks(tmp_path)
        assert lock.exists()
    finally:
        living.kill()
        living.wait()
    assert heal_locks(tmp_path)
    assert not lock.exists()


def test_only_the_newest_logs_stay(tmp_path):
    for day in range(1, 6):
        night(tmp_path, python("print('ran')"), START.replace(day=day), keep_logs=3)
    names = sorted(p.name for p in (tmp_path / "logs/night").iterdir())
    assert names == [f"2026030{d}T041500Z.log" for d in (3, 4, 5)]


def test_cron_needs_nothing_of_its_environment(tmp_path):
    if not (PROJECT / ".venv" / "bin" / "python").exists():
        pytest.skip("the environment is not in .venv")
    started = subprocess.run(
        [PROJECT / "scripts" / "cron.sh", "--root", tmp_path, "--version"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert (started.returncode, started.stdout, started.stderr) == (0, b"", b"")
    log = next((tmp_path / "logs" / "night").iterdir()).read_text()
    assert log.splitlines()[0].startswith("9.")
    assert log.endswith("exit status 0\n")
