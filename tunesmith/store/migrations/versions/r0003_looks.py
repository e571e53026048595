"""Looks that name a file of rows → looks that name the rows: any later look at one of them can be counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; like the ledger it refuses changes by trigger."""
    op.create_table("looked_at", sa.Column("digest", sa.String, primary_key=True), sa.Column("marks", sa.LargeBinary, nullable=False))
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER looked_at_no_{verb.lower()} BEFORE {verb} ON looked_at BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
