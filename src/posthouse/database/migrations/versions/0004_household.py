"""What the household keeps: more about domains, accounts and aliases; lists, groups, shared folders, ways in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from posthouse.database import schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the household, and add to those of the directory."""
    op.add_column(
        "accounts", sa.Column("protocols", schema.ascii_text(80), server_default="", nullable=False)
    )
    op.add_column(
        "accounts", sa.Column("networks", schema.ascii_text(1600), server_default="", nullable=False)
    )
    op.add_column("accounts", sa.Column("max_message", schema.big(), server_default="0", nullable=False))
    op.add_column(
        "accounts", sa.Column("display_name", schema.key_text(200), server_default="", nullable=False)
    )
    op.add_column(
        "accounts", sa.Column("first_name", schema.key_text(100), server_default="", nullable=False)
    )
    op.add_column("accounts", sa.Column("last_name", schema.key_text(100), server_default="", nullable=False))
    op.add_column("accounts", sa.Column("language", schema.ascii_text(16), server_default="", nullable=False))
    op.add_column(
        "accounts", sa.Column("time_zone", schema.ascii_text(64), server_default="", nullable=False)
    )
    op.add_column("accounts", sa.Column("note", schema.key_text(500), server_default="", nullable=False))
    op.add_column("accounts", sa.Column("last_signin", schema.real(), server_default="0", nullable=False))
