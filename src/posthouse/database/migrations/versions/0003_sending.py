"""What sending keeps: routes, keys, policies, limits, and more about each queued message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from posthouse.database import schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of sending, and add to those of the queue."""
    op.add_column("queue_messages", sa.Column("account_id", schema.big(), nullable=True))
    op.add_column(
        "queue_messages", sa.Column("kind", schema.ascii_text(16), server_default="", nullable=False)
    )
    op.add_column(
        "queue_messages", sa.Column("deliver_by", schema.real(), server_default="0", nullable=False)
    )
    op.add_column(
        "queue_messages", sa.Column("by_mode", schema.ascii_text(4), server_default="", nullable=False)
    )
    op.add_column(
        "queue_messages", sa.Column("require_tls", schema.small(), server_default="0", nullable=False)
    )
    op.add_column("queue_recipients", sa.Column("priority", schema.big(), server_default="0", nullable=False))
    op.add_column(
        "queue_recipients", sa.Column("not_before", schema.real(), server_default="0", nullable=False)
    )
    op.add_column(
        "queue_recipients", sa.Column("hold", schema.ascii_text(16), server_default="", nullable=False)
    )
    op.add_column(
        "queue_recipients", sa.Column("delay_told", schema.small(), server_default="0", nullable=False)
    )
    op.add_column(
        "queue_recipients", sa.Column("status", schema.ascii_text(16), server_default="", nullable=False)
    )
    op.add_column(
        "queue_recipients", sa.Column("remote", schema.key_text(255), server_default="", nullable=False)
    )
    op.create_index(
        "ix_queue_recipients_held_destination_due_at",
        "queue_recipients",
        ["held", "destination", "due_at"],
        unique=False,
    )
    op.create_index(
        "ix_queue_recipients_held_expires_at", "queue_recipients", ["held", "expires_at"], unique=False
    )
