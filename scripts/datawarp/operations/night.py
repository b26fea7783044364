"""One unattended run: what ``scripts/cron.sh``, the systemd timer and the GitHub workflow start.

Two nights never overlap; the locks of a Snakemake that was killed are healed, those of one that
lives are respected; Snakemake's exit status is passed on; the logs of the last runs are kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

BUSY = 75  # sysexits.h EX_TEMPFAIL, as `flock -E 75` would give
KEEP_LOGS = 60


def night(root: Path, command: Sequence[str], started: datetime, keep_logs: int = KEEP_LOGS) -> int:
    """Run ``command`` (Snakemake and its arguments) in ``root`` and return its exit status.

    Returns 75 without starting anything while another night of ``root`` runs. Everything printed goes
    to ``logs/night/<start>.log``; only the newest ``keep_logs`` of these stay.
    """
    lock = FileLock(str(_private(root) / "night.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sys.stderr.write(f"another night is still running in {root.name}; nothing was started\n")
        return BUSY
    try:
        log = root / "logs" / "night" / f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8") as output:
            if heal_locks(root):
                output.write("the locks of a run that was killed have been removed\n")
                output.flush()
            status = subprocess.run(
                list(command), cwd=root, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
            output.write(f"exit status {status}\n")
        rotate(log.parent, keep_logs)
        return status
    finally:
        lock.release()


def heal_locks(root: Path) -> bool:
    """Remove Snakemake's locks in ``root`` when no Snakemake works there; returns whether there were any.

    ``snakemake --unlock`` removes every lock of the folder, also those of a living run, so a process
    that works in this folder keeps them all.
    """
    locks = root / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()) or snakemake_runs_in(root):
        return False
    for lock in locks.iterdir():
        lock.unlink(missing_ok=True)
    return True


def snakemake_runs_in(root: Path) -> bool:
    """Whether any process of this machine that is a Snakemake works in ``root``."""
    import psutil

    here = root.resolve()
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if not any(Path(word).name == "snakemake" for word in words[:4]):
            continue
        try:
            if Path(process.cwd()).resolve() == here:
                return True
        except psutil.Error:
            continue  # gone, or another user's: it has no locks of ours
    return False


def rotate(folder: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` logs of ``folder``; their names sort by time."""
    for old in sorted(folder.glob("*.log"))[:-keep]:
        old.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: options of this module, then targets and options for Snakemake (``all`` without any)."""
    parser = argparse.ArgumentParser(prog="cron.sh", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the installation (default: current folder)")
    parser.add_argument("--keep-logs", type=int, default=KEEP_LOGS, help="logs of earlier nights to keep")
    options, rest = parser.parse_known_args(arguments)
    project = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    command += rest or ["all", "--config", "retry=due"]
    return night(options.root.resolve(), command, datetime.now(UTC), options.keep_logs)


def _private(root: Path) -> Path:
    folder = root / ".datawarp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
