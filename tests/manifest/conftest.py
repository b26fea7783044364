"""A unit whose release lies in the download store, ready to be drafted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datawarp.files import sha256_bytes, write_bytes, write_json
from datawarp.registry.models import PublicationSettings, SheetOverride, Unit
from datawarp.registry.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """An empty installation."""
    return Paths(tmp_path)


@pytest.fixture
def downloaded(paths: Paths) -> Callable[..., Unit]:
    """Put files into the store with a receipt, as the download stage leaves them."""

    def put(files: dict[str, bytes], sheets: dict[str, SheetOverride] | None = None) -> Unit:
        settings = PublicationSettings(name="Waiting lists", sheets=sheets or {})
        unit = Unit(publication="waits", period="aug25", url="https://example.org/waits", settings=settings)
        listed = []
        for name, data in files.items():
            sha256 = sha256_bytes(data)
            kept = paths.store / sha256 / f"original{Path(name).suffix}"
            write_bytes(kept, data)
            url = f"https://example.org/{name}"
            listed.append({"url": url, "filename": name, "sha256": sha256, "path": paths.relative(kept)})
        write_json(paths.download_receipt(unit.name), {"unit": unit.name, "period": "aug25", "files": listed})
        return unit

    return put
