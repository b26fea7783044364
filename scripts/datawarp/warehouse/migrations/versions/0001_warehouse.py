"""The warehouse: registry and audit in schema ``datawarp``, data in schema ``staging``."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("DROP SCHEMA staging CASCADE")
    for table in ("tbl_canonical_sources", "tbl_load_history"):
        op.execute(f"DROP TABLE datawarp.{table} CASCADE")
