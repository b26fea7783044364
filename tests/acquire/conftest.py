"""A publisher's site, an installation's folder, and patience measured in hundredths of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from publisher import Publisher

from datawarp.registry.models import FileSelection, PublicationSettings, Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import HttpSettings, Settings


@pytest.fixture
def site() -> Iterator[Publisher]:
    with Publisher() as running:
        yield running


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "run")


@pytest.fixture
def settings() -> Settings:
    return Settings(http=HttpSettings(attempts=3, backoff=0.01, max_wait=2, connect_timeout=2, read_timeout=1))


@pytest.fixture
def unit() -> Callable[..., Unit]:
    """Makes the unit adhd_aug25 at an address."""

    def made(url: str, *, period: str = "aug25", include: list[str] | None = None, exclude: list[str] | None = None,
             landing_page: str | None = None) -> Unit:  # fmt: skip
        files = FileSelection(include=include or ["*"], exclude=exclude or [])
        publication = PublicationSettings(
            name="ADHD", publisher="NHS England", licence="OGL-UK-3.0", files=files, landing_page=landing_page
        )
        return Unit(publication="adhd", period=period, url=url, settings=publication)

    return made
