"""The state of an installation for people and monitors: ``output/status.html`` and ``output/health.json``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from datawarp.errors import DatawarpError
from datawarp.files import write_json, write_text
from datawarp.operations.cadence import cadence
from datawarp.operations.reviews import open_questions
from datawarp.operations.states import IN_TROUBLE, UnitState
from datawarp.operations.status_page import Overview, PublicationStatus, status_page
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry
from datawarp.registry.settings import Settings

_NEWEST_DRIFT = 40


def overview(
    registry: Registry, states: Sequence[UnitState], paths: Paths, settings: Settings, now: datetime
) -> Overview:
    """Everything the page shows. Asks the database for drift if one runs, and starts none."""
    publications = []
    for code, publication in registry.publications.items():
        own = [s for s in states if s.unit.publication == code]
        expected = cadence([s.unit.when for s in own], publication.frequency, now.date(), publication.lag_days)
        publications.append(PublicationStatus(code, publication.name, publication.frequency, own, expected))
    drift: Sequence[Mapping[str, Any]] = ()
    database = "The database does not run; drift is not shown."
    if os.environ.get("DATABASE_URL", "").strip() or _embedded_runs(paths):
        try:
            drift, database = _from_database(paths, settings)
        except DatawarpError as problem:
            database = problem.message
    return Overview(paths.root.name, now, publications, drift, open_questions(paths), database)


def write_overview(
    registry: Registry, states: Sequence[UnitState], paths: Paths, settings: Settings, now: datetime
) -> None:
    """Make the overview and keep it."""
    keep(overview(registry, states, paths, settings, now), paths)


def keep(found: Overview, paths: Paths) -> None:
    """Write the page and the monitor's file."""
    write_text(paths.status_page, status_page(found))
    write_json(paths.output / "health.json", health(found))


def health(found: Overview) -> dict[str, Any]:
    """What a monitor reads: ``status`` is ok, degraded (late, waiting for review) or failing."""
    states = [s for p in found.publications for s in p.states]
    failing = [s for s in states if s.state in IN_TROUBLE]
    late = {p.code: [x.code for x in p.cadence.late] for p in found.publications if p.cadence.late}
    gaps = {p.code: [x.code for x in p.cadence.gaps] for p in found.publications if p.cadence.gaps}
    status = "failing" if failing else "degraded" if late or gaps or found.reviews else "ok"
    return {
        "status": status,
        "at": found.at.isoformat(timespec="seconds"),
        "units": len(states),
        "states": dict(sorted(Counter(s.state for s in states).items())),
        "failing": [
            {"unit": s.unit.name, "stage": s.failure.stage, "error": s.failure.error, "message": s.failure.message}
            for s in failing
            if s.failure
        ],
        "late": late,
        "gaps": gaps,
        "reviews": len(found.reviews),
    }


def _embedded_runs(paths: Paths) -> bool:
    from datawarp.warehouse.server import running_server

    return running_server(paths.postgres) is not None


def _from_database(paths: Paths, settings: Settings) -> tuple[Sequence[Mapping[str, Any]], str]:
    from psycopg2.extras import RealDictCursor

    from datawarp.warehouse.connection import connect

    with closing(connect(paths, settings)) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(
            "SELECT unit, coalesce(source_code, '') AS source, severity, message AS text"
            " FROM datawarp.tbl_drift_events WHERE severity <> 'info' AND resolved_at IS NULL"
            " ORDER BY event_id DESC LIMIT %s",
            (_NEWEST_DRIFT,),
        )
        drift = cursor.fetchall()
        cursor.execute(
            "SELECT current_setting('server_version') AS version,"
            " pg_size_pretty(pg_database_size(current_database())) AS size"
        )
        row: Mapping[str, Any] = cursor.fetchone() or {}
    return drift, f"PostgreSQL {row['version']}, {row['size']}."
