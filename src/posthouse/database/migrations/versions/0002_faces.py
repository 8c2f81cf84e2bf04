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
    op.create_table(
        "api_tokens",
        sa.Column('id', schema.ident(), nullable=False),
        sa.Column('account_id', schema.big(), nullable=False),
        sa.Column('secret', schema.digest(), nullable=False),
        sa.Column('name', schema.text(), nullable=False),
        sa.Column('rights', schema.ascii_text(80), nullable=False),
        sa.Column('domains', schema.text(), nullable=False),
        sa.Column('networks', schema.text(), nullable=False),
        sa.Column('created_at', schema.real(), nullable=False),
        sa.Column('expires_at', schema.real(), nullable=False),
        sa.Column('used_at', schema.real(), nullable=False),
        sa.Column('used_peer', schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
        sa.UniqueConstraint('secret', name=op.f('uq_api_tokens_secret')),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_api_tokens_account_id", "api_tokens", ['account_id'], unique=False)
    op.create_table(
        "audit_places",
        sa.Column('place', schema.key_text(320), autoincrement=False, nullable=False),
        sa.Column('audit_id', schema.big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint('place', 'audit_id', name=op.f('pk_audit_places')),
        **schema.OPTIONS,
    )
    op.create_table(
        "browser_sessions",
        sa.Column('id', schema.ident(), nullable=False),
        sa.Column('account_id', schema.big(), nullable=False),
        sa.Column('secret', schema.digest(), nullable=False),
        sa.Column('password_mark', schema.digest(), nullable=False),
        sa.Column('peer', schema.ascii_text(64), nullable=False),
        sa.Column('agent', schema.text(), nullable=False),
        sa.Column('how', schema.ascii_text(20), nullable=False),
        sa.Column('created_at', schema.real(), nullable=False),
        sa.Column('seen_at', schema.real(), nullable=False),
        sa.Column('fresh_at', schema.real(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_browser_sessions')),
        sa.UniqueConstraint('secret', name=op.f('uq_browser_sessions_secret')),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_browser_sessions_account_id", "browser_sessions", ['account_id'], unique=False)
    op.create_table(
        "devices",
        sa.Column('id', schema.ident(), nullable=False),
        sa.Column('account_id', schema.big(), nullable=False),
        sa.Column('mark', schema.digest(), nullable=False),
        sa.Column('protocol', schema.ascii_text(20), nullable=False),
        sa.Column('peer', schema.ascii_text(64), nullable=False),
        sa.Column('client', schema.text(), nullable=False),
        sa.Column('first_seen', schema.real(), nullable=False),
        sa.Column('last_seen', schema.real(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_devices')),
        sa.UniqueConstraint('mark', name=op.f('uq_devices_mark')),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_devices_account_id", "devices", ['account_id'], unique=False)
    op.create_table(
        "factors",
        sa.Column('id', schema.ident(), nullable=False),
        sa.Column('account_id', schema.big(), nullable=False),
        sa.Column('kind', schema.ascii_text(10), nullable=False),
        sa.Column('name', schema.text(), nullable=False),
        sa.Column('mark', schema.digest(), nullable=False),
        sa.Column('secret', schema.text(), nullable=False),
        sa.Column('counter', schema.big(), nullable=False),
        sa.Column('created_at', schema.real(), nullable=False),
        sa.Column('used_at', schema.real(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_factors')),
        sa.UniqueConstraint('mark', name=op.f('uq_factors_mark')),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_factors_account_id", "factors", ['account_id'], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column('secret', schema.digest(), autoincrement=False, nullable=False),
        sa.Column('account_id', schema.big(), nullable=False),
        sa.Column('expires_at', schema.real(), nullable=False),
        sa.PrimaryKeyConstraint('secret', name=op.f('pk_sign_in_links')),
        **schema.OPTIONS,
    )
