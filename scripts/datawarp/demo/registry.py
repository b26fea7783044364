"""The demo's registry: what a person would write into ``config/publications.yaml``."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from datawarp.demo.figures import LICENCE, PUBLISHER
from datawarp.demo.releases import DemoPublication
from datawarp.demo.site import release_path


def registry_text(publications: Sequence[DemoPublication], port: int) -> str:
    """The registry of the demo's publications as served on ``port`` of loopback, as YAML."""
    site = f"http://127.0.0.1:{port}"
    document = {
        "publications": {
            p.code: {
                "name": p.name,
                "publisher": PUBLISHER,
                "frequency": p.frequency,
                "landing_page": f"{site}/{p.code.replace('_', '-')}/",
                "licence": LICENCE,
                "urls": [{"period": r.period, "url": site + release_path(p, r)} for r in p.releases],
            }
            for p in publications
        }
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
