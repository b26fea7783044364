"""A unit's rows in the warehouse: counted, taken out, and the retention rules on record.

Rows belong to a unit through ``_manifest_file_id``, which names a row of ``tbl_manifest_files``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from datawarp.lifecycle.retention import RetentionPolicy

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

_TABLES = """
SELECT DISTINCT s.table_name FROM datawarp.tbl_manifest_files f
JOIN datawarp.tbl_data_sources s USING (source_code)
WHERE f.unit = %s AND to_regclass(format('staging.%%I', s.table_name)) IS NOT NULL ORDER BY 1
"""
_COUNT = """
SELECT count(*) FROM staging.{} WHERE _manifest_file_id IN
    (SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = %s)
"""
_DELETE = """
DELETE FROM staging.{} WHERE _manifest_file_id IN
    (SELECT manifest_file_id FROM datawarp.tbl_manifest_files WHERE unit = %s)
"""


def unit_rows(connection: Connection, unit: str) -> dict[str, int]:
    """Rows of ``unit`` by staging table; tables without any are left out."""
    from psycopg2 import sql

    counts = {}
    with connection, connection.cursor() as cursor:
        cursor.execute(_TABLES, (unit,))
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL(_COUNT).format(sql.Identifier(table)), (unit,))
            row = cursor.fetchone()
            if row and row[0]:
                counts[table] = int(row[0])
    return counts


def purge_unit(connection: Connection, unit: str) -> dict[str, int]:
    """Delete the rows of ``unit`` in one transaction; returns how many by table.

    Its history and lineage stay: the loads are no longer current, its files are superseded.
    """
    from psycopg2 import sql

    counts = {}
    with connection, connection.cursor() as cursor:
        cursor.execute(_TABLES, (unit,))
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL(_DELETE).format(sql.Identifier(table)), (unit,))
            counts[table] = cursor.rowcount
        cursor.execute(
            "UPDATE datawarp.tbl_load_history SET is_current = false WHERE unit = %s AND is_current", (unit,)
        )
        cursor.execute(
            "UPDATE datawarp.tbl_manifest_files SET superseded_at = now() WHERE unit = %s AND superseded_at IS NULL",
            (unit,),
        )
    return counts


def record_policy(connection: Connection, policy: RetentionPolicy, now: datetime) -> None:
    """Make ``tbl_retention_policy`` say what the policy's rules are."""
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM datawarp.tbl_retention_policy")
        for position, rule in enumerate(policy.rules, start=1):
            limits = (rule.keep_periods, rule.keep_days)
            cursor.execute(
                "INSERT INTO datawarp.tbl_retention_policy (position, pattern, keep_periods, keep_days, destination,"
                " purge_db, delete_after, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (position, rule.pattern, *limits, rule.destination, rule.purge_db, rule.delete_after, now),
            )
