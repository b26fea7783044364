"""Requests to one host kept apart, over all jobs that run at once."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


class Pace:
    """Keeps ``delay`` seconds between requests to a host; jobs share the folder that keeps the times.

    This machine's own addresses are exempt: politeness is owed to others.
    """

    def __init__(
        self,
        folder: Path,
        delay: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._delay = delay
        self._clock = clock
        self._sleep = sleep

    def wait(self, host: str) -> None:
        """Return when ``host`` may be asked again; others that wait for it queue behind."""
        if self._delay == 0 or is_this_machine(host):
            return
        with self._lock(host):
            left = self._left(host)
            if left > 0:
                self._sleep(left)
            self._note(host, self._delay)

    def postpone(self, host: str, seconds: float) -> None:
        """Let no job ask ``host`` for ``seconds``, because it said so (Retry-After)."""
        if is_this_machine(host):
            return
        with self._lock(host):
            self._note(host, max(self._left(host), seconds))

    def _lock(self, host: str) -> FileLock:
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self._file(host).with_suffix(".lock"))

    def _file(self, host: str) -> Path:
        return self._folder / f"{re.sub(r'[^a-z0-9-]+', '_', host.lower())[:200]}.next"

    def _note(self, host: str, seconds: float) -> None:
        self._file(host).write_text(f"{self._clock()!r} {seconds!r}")

    def _left(self, host: str) -> float:
        """Seconds for which the host is to be left alone yet: never more than was noted, however the clock was set."""
        try:
            since, seconds = map(float, self._file(host).read_text().split())
        except (FileNotFoundError, ValueError):
            return 0.0
        return min(seconds, since + seconds - self._clock())


def is_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
