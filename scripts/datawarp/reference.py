"""The generated parts of docs/reference: ``python -m datawarp.reference`` writes all of them anew.

Pages keep their own words. Tables of keys come from the models of each room, the tables of the warehouse from the
schema of a fresh database (of the embedded server, in a folder of its own).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from datawarp.files import write_text
from datawarp.lifecycle import reference as lifecycle
from datawarp.manifest import reference as manifest
from datawarp.registry import reference as registry
from datawarp.registry.paths import Paths
from datawarp.warehouse import reference as warehouse
from datawarp.warehouse.corrections import Correction

_BLOCK = re.compile(r"(<!-- keys: Correction -->\n).*?(<!-- end -->)", re.S)


def corrections(page: str) -> str:
    """The page on corrections with its table of keys made anew."""
    return _BLOCK.sub(lambda m: m[1] + registry.keys_table(Correction) + m[2], page)


PAGES: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(registry.PAGES, registry.filled),
    manifest.PAGE: manifest.filled,
    lifecycle.PAGE.name: lifecycle.filled,
    "corrections.md": corrections,
}
"""By name of the page in docs/reference: from the page as it is to the page as it should be."""


def write_pages(folder: Path, warehouse_tables: str) -> list[str]:
    """Write every generated page of ``folder`` anew; gives the names of those that have changed."""
    makers: dict[str, Callable[[str], str]] = dict(PAGES)
    makers[warehouse.PAGE.name] = lambda page: warehouse.filled(page, warehouse_tables)
    changed = []
    for name, make in makers.items():
        page = (folder / name).read_text("utf-8")
        if (made := make(page)) != page:
            write_text(folder / name, made)
            changed.append(name)
    return changed


def schema_tables() -> str:
    """The warehouse's tables, as a database that was just made describes them."""
    from datawarp.warehouse.connection import open_connection, upgrade
    from datawarp.warehouse.server import ensure_server, remove_server

    with tempfile.TemporaryDirectory() as folder:
        state = Paths(Path(folder)).private / "postgres"
        try:
            with closing(open_connection(ensure_server(state).url("postgres"))) as connection:
                upgrade(connection)
                return warehouse.tables(connection)
        finally:
            remove_server(state)


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    for name in write_pages(root, schema_tables()):
        print(f"written: {root / name}")  # noqa: T201
