"""Run by Alembic: applies the revisions over the connection that ``warehouse.connection`` opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="alembic_version",
    version_table_schema="datawarp",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
