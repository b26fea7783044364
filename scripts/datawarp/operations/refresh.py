"""`refresh_<unit>`: ask for it, keep what is there, and record what came of it.

A refresh that fails is asked for anew by the next `all`, with a new stamp that carries on the old one:
who asked and why, the archive's entry and the counts from before the first attempt.
"""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datawarp.errors import AcquireError
from datawarp.files import read_json, sha256_file, write_json
from datawarp.operations.stamps import done_path, newest_stamp, stamp_path
from datawarp.registry.models import Unit, split_unit_name
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

    from datawarp.operations.options import Options


@dataclass(frozen=True)
class RefreshRequest:
    """The content of a stamp. ``at`` is UTC, ``rows`` per table and the
    downloaded ``files`` are those from before; ``first`` is the run that asked first.
    """

    unit: str
    run: str
    first: str
    at: str
    who: str
    reason: str
    replay: bool = False
    archived: str | None = None
    rows: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, str]] = field(default_factory=list)


def request_refresh(unit: str, run: str, paths: Paths, options: Options, reason: str = "") -> RefreshRequest:
    """Archive ``unit``'s files and write the stamp of ``run``.

    ``reason`` is why the workflow itself asks; a person's ``options.reason`` goes before it.
    """
    # Imported late: every download asks here whether it is a replay, and few are a refresh.
    from datawarp.lifecycle.archive import reopen
    from datawarp.lifecycle.refresh import archive_unit, row_counts

    resumed = unfinished(unit, paths)
    if resumed:
        request = RefreshRequest(**{**asdict(resumed), "run": run, "replay": resumed.replay or options.replay})
    else:
        now = datetime.now(UTC)
        why = options.reason or reason or "asked for"
        entry = archive_unit(unit, paths, f"refresh: {why}", now)
        request = RefreshRequest(
            unit=unit,
            run=run,
            first=run,
            at=now.isoformat(timespec="seconds"),
            who=options.who or _user(),
            reason=why,
            replay=options.replay,
            archived=entry.id if entry else None,
            rows=row_counts(unit, paths),
            files=downloaded(unit, paths),
        )
    write_json(stamp_path(unit, run, paths), asdict(request))
    reopen(unit, paths)
    return request


def unfinished(unit: str, paths: Paths) -> RefreshRequest | None:
    """The newest refresh of ``unit`` if it is not through."""
    stamp = newest_stamp(unit, paths)
    return None if stamp is None or stamp.with_suffix(".done").exists() else RefreshRequest(**read_json(stamp))


def replays(unit: str, paths: Paths) -> bool:
    """Whether ``unit`` is to be redone from the bytes retained from its last download."""
    request = unfinished(unit, paths)
    return request is not None and request.replay


def replay(unit: Unit, paths: Paths) -> None:
    """Write ``unit``'s download receipt anew from the retained bytes, without the network.

    Raises :class:`AcquireError` when there is no receipt, or when a file is gone or not what it was.
    """
    path = paths.download_receipt(unit.name)
    try:
        receipt = read_json(path)
    except FileNotFoundError:
        raise AcquireError(
            "nothing is retained of this unit", where=str(path), hint="refresh it without replay=true"
        ) from None
    for file in receipt["files"]:
        kept = paths.root / file["path"]
        found = sha256_file(kept) if kept.is_file() else "no file"
        if found != file["sha256"]:
            raise AcquireError(
                f"expected the retained bytes with SHA-256 {file['sha256']}, found {found}",
                where=str(kept),
                hint=f"refresh it without replay=true, or bring the file back with `snakemake restore_{unit.name}`",
            )
    write_json(path, receipt)


def finish_refresh(unit: str, run: str, paths: Paths, connection: Connection) -> None:
    """Record that the refresh of ``unit`` is through: in ``tbl_refresh_events``, then in its completion file.

    ``connection`` is to the warehouse; the event is committed. Done twice, there is one event.
    """
    from psycopg2.extras import Json

    from datawarp.lifecycle.refresh import row_counts

    request = RefreshRequest(**read_json(stamp_path(unit, run, paths)))
    rows, files = row_counts(unit, paths), downloaded(unit, paths)
    publication, period = split_unit_name(unit)
    event = {
        "unit": unit,
        "publication": publication,
        "period": period,
        "run_id": request.first,
        "requested_by": request.who,
        "reason": request.reason,
        "outcome": "unchanged" if files == request.files and rows == request.rows else "done",
        "rows_before": sum(request.rows.values()),
        "rows_after": sum(rows.values()),
        "counts_before": Json(request.rows),
        "counts_after": Json(rows),
        "files_before": Json(request.files),
        "files_after": Json(files),
        "archived_to": request.archived,
        "started_at": request.at,
        "finished_at": datetime.now(UTC),
    }
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM datawarp.tbl_refresh_events WHERE unit = %(unit)s AND run_id = %(run_id)s", event)
        cursor.execute(
            """
            INSERT INTO datawarp.tbl_refresh_events (
                unit, publication, period, run_id, requested_by, reason, outcome, rows_before, rows_after,
                counts_before, counts_after, files_before, files_after, archived_to, started_at, finished_at
            ) VALUES (
                %(unit)s, %(publication)s, %(period)s, %(run_id)s, %(requested_by)s, %(reason)s, %(outcome)s,
                %(rows_before)s, %(rows_after)s, %(counts_before)s, %(counts_after)s, %(files_before)s,
                %(files_after)s, %(archived_to)s, %(started_at)s, %(finished_at)s
            )
            """,
            event,
        )
    write_json(done_path(unit, run, paths), {**asdict(request), "outcome": event["outcome"], "rows_after": rows})


def downloaded(unit: str, paths: Paths) -> list[dict[str, str]]:
    """Name and SHA-256 of the files in ``unit``'s download receipt; none when there is no receipt."""
    try:
        receipt = read_json(paths.download_receipt(unit))
    except (FileNotFoundError, ValueError):
        return []
    return [{"filename": f["filename"], "sha256": f["sha256"]} for f in receipt["files"]]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
