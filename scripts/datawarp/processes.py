"""Whether a process that left a record behind still runs."""

from __future__ import annotations

import socket

_CLOCK = 5.0  # seconds by which a process's start, counted from the machine's, may be off


def runs(pid: int, host: str, since: float | None = None, *, elsewhere: bool = True) -> bool:
    """Whether process ``pid`` of machine ``host`` runs; ``elsewhere`` is the answer for another machine's.

    A zombie does not run. ``since`` (seconds since 1970) is a time at which the process is known to have run: a
    later process that was given the same number, as happens after a restart of the machine, is not it.
    """
    if host != socket.gethostname():
        return elsewhere
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return since is None or process.create_time() <= since + _CLOCK
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
