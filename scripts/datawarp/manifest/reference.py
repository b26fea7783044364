"""The manifest's keys for the documentation: ``python -m datawarp.manifest.reference docs/reference``.

What stands between ``<!-- keys: Model -->`` and ``<!-- end -->`` in manifest.md is generated from the models.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from datawarp.files import write_text
from datawarp.manifest import models
from datawarp.registry.reference import keys_table

PAGE = "manifest.md"
_BLOCK = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.S)


def filled(page: str) -> str:
    """``page`` with every generated block made anew."""
    return _BLOCK.sub(lambda m: f"{m[1]}{keys_table(getattr(models, m[2]))}{m[3]}", page)


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference") / PAGE
    write_text(path, filled(path.read_text(encoding="utf-8")))
