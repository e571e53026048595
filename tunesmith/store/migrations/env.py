"""A connection that is already in a transaction → the same connection at the newest schema. Run by alembic, not imported by us."""

from __future__ import annotations

from alembic import context

# The caller holds the write lock (BEGIN IMMEDIATE): SQLite's DDL is transactional, so a migration that is killed leaves nothing behind.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
