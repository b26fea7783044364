"""Drafts for the tests of enrichment: of the real releases beside the checkout, and made up ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datawarp.files import sha256_file, write_json
from datawarp.manifest.document import write_manifest
from datawarp.manifest.draft import draft
from datawarp.manifest.models import Column, FileEntry, Layout, Manifest, ManifestHead, Source
from datawarp.registry.models import PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.periods import parse_period
from datawarp.registry.settings import Settings


def unit(publication: str, period: str, **settings: Any) -> Unit:
    """A unit of a publication whose name is its code in words."""
    named = {"name": publication.replace("_", " ").title(), **settings}
    return Unit(publication=publication, period=period, url="releases/", settings=PublicationSettings(**named))


def draft_real(folder: Path, publication: str, period: str, paths: Paths) -> Manifest:
    """The draft of a release: the files of ``folder`` as if they had been downloaded, and in the store."""
    files = []
    for path in sorted(folder.iterdir()):
        sha256 = sha256_file(path)
        stored = paths.store / sha256 / f"original{path.suffix}"
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.unlink(missing_ok=True)
        stored.symlink_to(path)
        size = path.stat().st_size
        files.append(
            {"url": path.name, "filename": path.name, "sha256": sha256, "size_bytes": size, "path": str(stored)}
        )
    one = unit(publication, period)
    write_json(paths.download_receipt(one.name), {"unit": one.name, "period": period, "url": "", "files": files})
    return draft(one, paths, Settings())


def table(
    sheet: str | None,
    columns: Sequence[str],
    *,
    title: str = "",
    file: str = "Release.xlsx",
    nth: int = 1,
    rows: int = 100,
    numeric: Iterable[str] = (),
    samples: dict[str, list[str]] | None = None,
    heading: Sequence[str] = (),
) -> FileEntry:
    """One table of a made-up release; ``numeric`` columns are integers, the others text."""
    numbers = set(numeric) or {c for c in columns if c.split()[0] in ("Number", "Total", "Patients", "Count")}
    described = [
        Column(
            column=chr(65 + n),
            original_name=name,
            name=name.lower().replace(" ", "_"),
            type="integer" if name in numbers else "text",
            samples=(samples or {}).get(name, []),
        )
        for n, name in enumerate(columns)
    ]
    layout = Layout(
        header_rows=(3, 3),
        data_rows=(4, 3 + rows),
        columns=("A", chr(64 + len(columns))),
        n_rows=rows,
        n_columns=len(columns),
        title=title or None,
        heading=list(heading) or ([title] if title else []),
    )
    place = f"0123456789ab:{sheet or file}#{nth}"
    return FileEntry(id=place, url=file, filename=file, sha256="0" * 64, sheet=sheet, layout=layout, columns=described)


def manifest(
    publication: str, period: str, entries: Sequence[FileEntry], names: Sequence[str] | None = None
) -> Manifest:
    """A draft of made-up tables, called after their sheets or by ``names``."""
    when = parse_period(period)
    names = names or [e.sheet or e.filename for e in entries]
    sources = [
        Source(code=f"{publication}_draft_{n}", name=name, table=f"tbl_{publication}_draft_{n}", files=[entry])
        for n, (entry, name) in enumerate(zip(entries, names, strict=True))
    ]
    head = ManifestHead(
        name=f"{publication}_{period}",
        publication=publication,
        period=period,
        period_start=when.start,
        period_end=when.end,
        source_url="releases/",
    )
    return Manifest(manifest=head, sources=sources)


def put_draft(paths: Paths, publication: str, period: str, entries: Sequence[FileEntry]) -> None:
    """Write a made-up draft where the draft stage would."""
    write_manifest(paths.pending_manifest(f"{publication}_{period}"), manifest(publication, period, entries))


def begin_run(paths: Paths, stages: dict[str, list[str]], *, pid: int, host: str) -> None:
    """Record a run that will do ``stages`` of each unit, begun a moment ago."""
    record = {
        "run": "r",
        "started": time.time() - 0.001,
        "pid": pid,
        "host": host,
        "units": sorted(stages),
        "stages": stages,
    }
    write_json(paths.run_record, record)


def report_failure(paths: Paths, name: str, stage: str) -> None:
    """Record that a stage of a unit failed just now."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    paths.failure(name).parent.mkdir(parents=True, exist_ok=True)
    paths.failure(name).write_text(json.dumps({"unit": name, "stage": stage, "at": at}))


def codes(made: Manifest) -> dict[str, str]:
    """Source code by sheet (or file) of a manifest's tables, the nth table of a sheet as ``sheet#n``."""
    found = {}
    for source in made.enabled:
        for entry in source.files:
            nth = entry.id.rpartition("#")[2]
            found[(entry.sheet or entry.filename) + (f"#{nth}" if nth != "1" else "")] = source.code
    return found
