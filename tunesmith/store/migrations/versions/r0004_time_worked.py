"""A job's beginning → also the time in which workers held it, without its pauses and waits. What ran before has no such reading: it begins at nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("worked_s", sa.Float, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("held_since", sa.Float))
