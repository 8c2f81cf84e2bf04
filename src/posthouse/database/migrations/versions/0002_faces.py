"""What administration in the browser and by API keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from posthouse.database import schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables that came with the faces."""
    op.create_table(
        "account_roles",
        sa.Column('account_id', schema.big(), autoincrement=False, nullable=False),
        sa.Column('role', schema.ascii_text(10), nullable=False),
        sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_roles')),
        **schema.OPTIONS,
    )
    op.create_table(
        "administered_domains",
        sa.Column('account_id', schema.big(), autoincrement=False, nullable=False),
        sa.Column('domain_id', schema.big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'domain_id', name=op.f('pk_administered_domains')),
        **schema.OPTIONS,
    )
