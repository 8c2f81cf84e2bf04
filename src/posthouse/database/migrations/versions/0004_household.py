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
