"""When a failed unit is tried again by an unattended run, and when it is given up and named.

A person who types ``snakemake all`` wants everything tried now; a night (``--config retry=due``) tries a
failed unit again after four hours, then eight, and so on, and parks it after :data:`LIMIT` tries. A
release that is not published yet is no failure: it is looked for once a day and never parked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

FIRST_DELAY = timedelta(hours=4)
LONGEST_DELAY = timedelta(days=7)
LOOK_AGAIN = timedelta(hours=20)  # a nightly run never starts at quite the same minute
LIMIT = 8

RetryState = Literal["due", "waiting", "parked"]


@dataclass(frozen=True)
class Retry:
    """Whether a failed unit is due, and at what time it will be (``None`` once parked)."""

    state: RetryState
    at: datetime | None
    attempts: int


def retry_after(failure: dict[str, Any], now: datetime) -> Retry:
    """What to do with a unit whose failure record (``.datawarp/failures/<unit>.json``) is ``failure``.

    ``now`` must carry a time zone, as the record's ``at`` does.
    """
    attempts = int(failure.get("attempts", 1))
    failed_at = datetime.fromisoformat(str(failure["at"]))
    if failure.get("error") == "NotPublishedYet":
        due = failed_at + LOOK_AGAIN
    elif attempts >= LIMIT:
        return Retry("parked", None, attempts)
    else:
        due = failed_at + min(FIRST_DELAY * 2 ** (attempts - 1), LONGEST_DELAY)
    return Retry("due" if now >= due else "waiting", due, attempts)
