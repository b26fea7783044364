"""Sources that became part of others: their history goes along, what is empty goes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class is named so there

logger = logging.getLogger("datawarp")


def close_sources(merges: Mapping[str, str], paths: Paths, settings: Settings) -> None:
    """Give the history of emptied sources to those they became part of, and remove them; a source with rows stays.

    ``merges`` maps old codes to new ones. One transaction; can be done again.
    """
    from datawarp.warehouse.connection import connect

    with closing(connect(paths, settings)) as connection, connection, connection.cursor() as cursor:
        for old, new in merges.items():
            if _is_empty(cursor, old):
                cursor.execute(
                    "UPDATE datawarp.tbl_load_history SET source_code = %s WHERE source_code = %s AND NOT is_current",
                    (new, old),
                )
                cursor.execute("DELETE FROM datawarp.tbl_canonical_sources WHERE source_code = %s", (old,))
                logger.info("%s is empty and was removed; its history is now that of %s", old, new)
    for old in merges:
        folder = paths.parquet_source(old)
        if folder.is_dir() and not any(folder.rglob("*.parquet")):
            shutil.rmtree(folder)
        if not folder.exists():
            paths.source_metadata(old).unlink(missing_ok=True)


def _is_empty(cursor: Cursor, code: str) -> bool:
    cursor.execute(
        "SELECT NOT EXISTS (SELECT FROM datawarp.tbl_load_history "
        "WHERE source_code = %s AND is_current AND outcome <> 'removed')",
        (code,),
    )
    row = cursor.fetchone()
    return bool(row and row[0])
