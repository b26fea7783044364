"""A release's files brought into the store, and the receipt that says which they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from datawarp.acquire.index import update_index
from datawarp.acquire.intake import Intake, Release
from datawarp.acquire.local import take_local
from datawarp.acquire.store import incoming
from datawarp.errors import AcquireError
from datawarp.files import write_json
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings


def download(unit: Unit, paths: Paths, settings: Settings) -> None:
    """Bring the unit's files into the store and write its receipt.

    The unit's address is a landing page, a file, a local file or a local folder. Bytes that the
    publisher says are unchanged are not sent again.

    Raises :class:`NotPublishedYet` when nothing is at a period's address yet, :class:`BrokenLink` when
    its page links files that are not there, and :class:`AcquireError` naming every file that is not
    what it should be; the receipt is then not written, and the good files are asked for conditionally next time.
    """
    now = datetime.now(UTC)
    with incoming(paths, now) as folder:
        intake = Intake(unit, paths, settings, folder, now)
        try:
            release = take_local(intake) if unit.is_local else _from_the_web(intake, paths, settings)
        except AcquireError:
            update_index(paths, unit.name, intake.release.seen, complete=False)
            raise
    update_index(paths, unit.name, release.seen)
    write_json(paths.download_receipt(unit.name), receipt(unit, release))


def _from_the_web(intake: Intake, paths: Paths, settings: Settings) -> Release:
    # requests and the HTML parser cost more than a local release's whole download
    from datawarp.acquire.http import Client
    from datawarp.acquire.pacing import Pace
    from datawarp.acquire.web import take_web

    with Client(settings.http, Pace(paths.hosts, settings.http.host_delay)) as client:
        return take_web(intake, client)


def receipt(unit: Unit, release: Release) -> dict[str, Any]:
    """The receipt: only what the release is, nothing of when or how it was fetched."""
    return {
        "unit": unit.name,
        "period": unit.period,
        "url": unit.url,
        "publication_context": {"page_title": release.page_title, "notes": release.notes},
        "files": [vars(file) for file in release.files],
        "skipped": release.skipped,
    }
