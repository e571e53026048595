"""An empty file → the first tables: artifacts, keys, models, ledger, forgets, jobs and their events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table; the ledger refuses changes by trigger."""
    op.create_table(
        "artifacts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False, index=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("parents", sa.JSON, nullable=False),
        sa.Column("erased_at", sa.Float),
        sa.Column("erased_why", sa.String),
    )
    op.create_table("keys", sa.Column("key", sa.String, primary_key=True), sa.Column("artifact", sa.String, nullable=False, index=True))
    op.create_table(
        "models",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("artifact", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    create_records()
    create_jobs()


def create_records() -> None:
    """What was done, what is to be forgotten, and what was."""
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False, index=True),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER ledger_no_{verb.lower()} BEFORE {verb} ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END")
    op.create_table(
        "forgets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
    )
    op.create_table(
        "forgotten",
        sa.Column("row_hash", sa.String, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )


def create_jobs() -> None:
    """Long work and what it says."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False, index=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("result", sa.JSON(none_as_null=True)),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sa.Column("holder", sa.String),
        sa.Column("lease_until", sa.Float),
        sa.Column("stop", sa.String),
    )
    op.create_table(
        "events",
        sa.Column("job", sa.String, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
