"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from posthouse.database import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "audit",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("actor", schema.key_text(255), nullable=False),
        sa.Column("source", schema.key_text(100), nullable=False),
        sa.Column("use", schema.ascii_text(60), nullable=False),
        sa.Column("subject", schema.key_text(400), nullable=False),
        sa.Column("before", schema.text(), nullable=False),
        sa.Column("after", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject"], unique=False)
    op.create_table(
        "bodies",
        sa.Column("digest", schema.digest(), autoincrement=False, nullable=False),
        sa.Column("size", schema.big(), nullable=False),
        sa.Column("created_at", schema.big(), nullable=False),
        sa.Column("condemned_at", schema.big(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bodies")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "counters",
        sa.Column("name", schema.ascii_text(32), autoincrement=False, nullable=False),
        sa.Column("value", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "domains",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("name", schema.key_text(255), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domains")),
        sa.UniqueConstraint("name", name=op.f("uq_domains_name")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "facts",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("body", schema.digest(), nullable=False),
        sa.Column("data", schema.blob(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts")),
        sa.UniqueConstraint("body", name=op.f("uq_facts_body")),
        **schema.OPTIONS,
    )
    op.create_table(
        "keywords",
        sa.Column("mailbox_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("folded", schema.key_text(100), autoincrement=False, nullable=False),
        sa.Column("name", schema.key_text(100), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "folded", name=op.f("pk_keywords")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "leases",
        sa.Column("name", schema.ascii_text(64), autoincrement=False, nullable=False),
        sa.Column("holder", schema.ascii_text(64), nullable=False),
        sa.Column("until", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        **schema.OPTIONS,
    )
    op.create_table(
        "mailboxes",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("name", schema.key_text(512), nullable=False),
        sa.Column("object_id", schema.ascii_text(40), nullable=False),
        sa.Column("uidvalidity", schema.big(), nullable=False),
        sa.Column("uidnext", schema.big(), nullable=False),
        sa.Column("highest_modseq", schema.big(), nullable=False),
        sa.Column("tombstones_from", schema.big(), nullable=False),
        sa.Column("special_use", schema.ascii_text(32), nullable=False),
        sa.Column("messages", schema.big(), nullable=False),
        sa.Column("unseen", schema.big(), nullable=False),
        sa.Column("deleted", schema.big(), nullable=False),
        sa.Column("deleted_size", schema.big(), nullable=False),
        sa.Column("size", schema.big(), nullable=False),
        sa.Column("recent_from", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailboxes")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_mailboxes_account_id_name")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "messages",
        sa.Column("id", schema.ident(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", schema.big(), nullable=False),
        sa.Column("modseq", schema.big(), nullable=False),
        sa.Column("flags", schema.small(), nullable=False),
        sa.Column("zone", schema.small(), nullable=False),
        sa.Column("internal_date", schema.big(), nullable=False),
        sa.Column("save_date", schema.big(), nullable=False),
        sa.Column("size", schema.big(), nullable=False),
        sa.Column("prefix_size", schema.big(), nullable=False),
        sa.Column("thread", schema.key_blob(8), nullable=False),
        sa.Column("body", schema.digest(), nullable=False),
        sa.Column("email", schema.key_blob(16), nullable=False),
        sa.Column("keywords", schema.text(), nullable=False),
        sa.Column("prefix", schema.blob(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        **schema.OPTIONS,
    )
    op.create_index("ix_messages_body", "messages", ["body"], unique=False)
    op.create_index("ix_messages_mailbox_id_modseq", "messages", ["mailbox_id", "modseq"], unique=False)
    op.create_table(
        "queue_messages",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("trace", schema.ascii_text(64), nullable=False),
        sa.Column("body", schema.digest(), nullable=False),
        sa.Column("size", schema.big(), nullable=False),
        sa.Column("sender", schema.key_text(320), nullable=False),
        sa.Column("received_at", schema.real(), nullable=False),
        sa.Column("ret", schema.ascii_text(8), nullable=False),
        sa.Column("envid", schema.key_text(255), nullable=False),
        sa.Column("smtputf8", schema.small(), nullable=False),
        sa.Column("body_type", schema.ascii_text(16), nullable=False),
        sa.Column("priority", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_messages")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_queue_messages_body", "queue_messages", ["body"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("name", schema.ascii_text(40), autoincrement=False, nullable=False),
        sa.Column("value", schema.ascii_text(128), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
        **schema.OPTIONS,
    )
    op.create_table(
        "settings_values",
        sa.Column("name", schema.ascii_text(120), autoincrement=False, nullable=False),
        sa.Column("value", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings_values")),
        **schema.OPTIONS,
    )
    op.create_table(
        "subscriptions",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("name", schema.key_text(512), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_subscriptions")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "tombstones",
        sa.Column("mailbox_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("modseq", schema.big(), autoincrement=False, nullable=False),
        sa.Column("uid", schema.big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "modseq", "uid", name=op.f("pk_tombstones")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "traces",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("trace", schema.ascii_text(64), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("queue_id", schema.big(), nullable=False),
        sa.Column("message_id", schema.big(), nullable=False),
        sa.Column("header_id", schema.key_text(255), nullable=False),
        sa.Column("entries", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
        **schema.OPTIONS,
    )
    op.create_index("ix_traces_at", "traces", ["at"], unique=False)
    op.create_index("ix_traces_header_id", "traces", ["header_id"], unique=False)
    op.create_index("ix_traces_message_id", "traces", ["message_id"], unique=False)
    op.create_index("ix_traces_queue_id", "traces", ["queue_id"], unique=False)
    op.create_index("ix_traces_trace", "traces", ["trace"], unique=False)
    op.create_table(
        "versions",
        sa.Column("topic", schema.ascii_text(40), autoincrement=False, nullable=False),
        sa.Column("version", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_versions")),
        **schema.OPTIONS,
    )
    op.create_table(
        "accounts",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("password_hash", schema.ascii_text(255), nullable=False),
        sa.Column("scram_salt", schema.ascii_text(64), nullable=False),
        sa.Column("scram_iterations", schema.big(), nullable=False),
        sa.Column("scram_stored_key", schema.ascii_text(64), nullable=False),
        sa.Column("scram_server_key", schema.ascii_text(64), nullable=False),
        sa.Column("quota", schema.big(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_accounts_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("address", name=op.f("uq_accounts_address")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_accounts_domain_id", "accounts", ["domain_id"], unique=False)
    op.create_table(
        "aliases",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("target", schema.key_text(320), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_aliases_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_aliases")),
        sa.UniqueConstraint("address", name=op.f("uq_aliases_address")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_aliases_domain_id", "aliases", ["domain_id"], unique=False)
    op.create_table(
        "queue_recipients",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("message_id", schema.big(), nullable=False),
        sa.Column("recipient", schema.key_text(400), nullable=False),
        sa.Column("destination", schema.key_text(400), nullable=False),
        sa.Column("account_id", schema.big(), nullable=True),
        sa.Column("notify", schema.ascii_text(40), nullable=False),
        sa.Column("orcpt", schema.text(), nullable=False),
        sa.Column("due_at", schema.real(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.Column("attempts", schema.big(), nullable=False),
        sa.Column("held", schema.small(), nullable=False),
        sa.Column("reason", schema.text(), nullable=False),
        sa.Column("lease_token", schema.ascii_text(40), nullable=False),
        sa.Column("lease_owner", schema.key_text(255), nullable=False),
        sa.Column("lease_until", schema.real(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["queue_messages.id"], name=op.f("fk_queue_recipients_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_recipients")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_queue_recipients_held_due_at", "queue_recipients", ["held", "due_at"], unique=False)
    op.create_index("ix_queue_recipients_message_id", "queue_recipients", ["message_id"], unique=False)
