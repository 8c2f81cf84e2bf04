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
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("role", schema.ascii_text(10), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_roles")),
        **schema.OPTIONS,
    )
    op.create_table(
        "acme_accounts",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("directory", schema.key_text(500), nullable=False),
        sa.Column("url", schema.text(), nullable=False),
        sa.Column("secret_key", schema.text(), nullable=False),
        sa.Column("next_key", schema.text(), nullable=False),
        sa.Column("contact", schema.text(), nullable=False),
        sa.Column("made_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acme_accounts")),
        sa.UniqueConstraint("directory", name=op.f("uq_acme_accounts_directory")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "acme_proofs",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("kind", schema.ascii_text(20), nullable=False),
        sa.Column("host", schema.key_text(255), nullable=False),
        sa.Column("token", schema.ascii_text(400), nullable=False),
        sa.Column("answer", schema.text(), nullable=False),
        sa.Column("made_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acme_proofs")),
        sa.UniqueConstraint("kind", "token", name=op.f("uq_acme_proofs_kind_token")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "administered_domains",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("domain_id", schema.big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "domain_id", name=op.f("pk_administered_domains")),
        **schema.OPTIONS,
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.Column("name", schema.text(), nullable=False),
        sa.Column("rights", schema.ascii_text(80), nullable=False),
        sa.Column("domains", schema.text(), nullable=False),
        sa.Column("networks", schema.text(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.Column("used_at", schema.real(), nullable=False),
        sa.Column("used_peer", schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret", name=op.f("uq_api_tokens_secret")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_api_tokens_account_id", "api_tokens", ["account_id"], unique=False)
    op.create_table(
        "audit_places",
        sa.Column("place", schema.key_text(320), autoincrement=False, nullable=False),
        sa.Column("audit_id", schema.big(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("place", "audit_id", name=op.f("pk_audit_places")),
        **schema.OPTIONS,
    )
    op.create_table(
        "backup_state",
        sa.Column("name", schema.ascii_text(40), autoincrement=False, nullable=False),
        sa.Column("value", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_backup_state")),
        **schema.OPTIONS,
    )
    op.create_table(
        "bans",
        sa.Column("network", schema.ascii_text(50), autoincrement=False, nullable=False),
        sa.Column("version", schema.small(), nullable=False),
        sa.Column("bits", schema.small(), nullable=False),
        sa.Column("first", schema.key_blob(16), nullable=False),
        sa.Column("reason", schema.text(), nullable=False),
        sa.Column("until", schema.real(), nullable=False),
        sa.Column("created", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_bans")),
        **schema.OPTIONS,
    )
    op.create_table(
        "browser_sessions",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.Column("password_mark", schema.digest(), nullable=False),
        sa.Column("peer", schema.ascii_text(64), nullable=False),
        sa.Column("agent", schema.text(), nullable=False),
        sa.Column("how", schema.ascii_text(20), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("seen_at", schema.real(), nullable=False),
        sa.Column("fresh_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
        sa.UniqueConstraint("secret", name=op.f("uq_browser_sessions_secret")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_browser_sessions_account_id", "browser_sessions", ["account_id"], unique=False)
    op.create_table(
        "certificates",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("hosts", schema.text(), nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("challenge", schema.ascii_text(20), nullable=False),
        sa.Column("chain", schema.text(), nullable=False),
        sa.Column("secret_key", schema.text(), nullable=False),
        sa.Column("not_before", schema.real(), nullable=False),
        sa.Column("not_after", schema.real(), nullable=False),
        sa.Column("made_at", schema.real(), nullable=False),
        sa.Column("retired_at", schema.real(), nullable=False),
        sa.Column("renew_at", schema.real(), nullable=False),
        sa.Column("window_begin", schema.real(), nullable=False),
        sa.Column("window_end", schema.real(), nullable=False),
        sa.Column("look_at", schema.real(), nullable=False),
        sa.Column("failures", schema.big(), nullable=False),
        sa.Column("failed_at", schema.real(), nullable=False),
        sa.Column("last_error", schema.text(), nullable=False),
        sa.Column("next_try", schema.real(), nullable=False),
        sa.Column("order_url", schema.text(), nullable=False),
        sa.Column("order_key", schema.text(), nullable=False),
        sa.Column("order_with", schema.ascii_text(20), nullable=False),
        sa.Column("busy_by", schema.ascii_text(64), nullable=False),
        sa.Column("busy_until", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "devices",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("mark", schema.digest(), nullable=False),
        sa.Column("protocol", schema.ascii_text(20), nullable=False),
        sa.Column("peer", schema.ascii_text(64), nullable=False),
        sa.Column("client", schema.text(), nullable=False),
        sa.Column("first_seen", schema.real(), nullable=False),
        sa.Column("last_seen", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("mark", name=op.f("uq_devices_mark")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_devices_account_id", "devices", ["account_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("kind", schema.ascii_text(60), nullable=False),
        sa.Column("domain", schema.key_text(255), nullable=False),
        sa.Column("account", schema.key_text(320), nullable=False),
        sa.Column("data", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "factors",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("name", schema.text(), nullable=False),
        sa.Column("mark", schema.digest(), nullable=False),
        sa.Column("secret", schema.text(), nullable=False),
        sa.Column("counter", schema.big(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("used_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("mark", name=op.f("uq_factors_mark")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_factors_account_id", "factors", ["account_id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("name", schema.digest(), autoincrement=False, nullable=False),
        sa.Column("request", schema.digest(), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("answer", schema.blob(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_idempotency")),
        **schema.OPTIONS,
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"], unique=False)
    op.create_table(
        "probations",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("deadline", schema.real(), nullable=False),
        sa.Column("use", schema.ascii_text(60), nullable=False),
        sa.Column("subject", schema.key_text(400), nullable=False),
        sa.Column("summary", schema.text(), nullable=False),
        sa.Column("undo", schema.ascii_text(60), nullable=False),
        sa.Column("parameters", schema.text(), nullable=False),
        sa.Column("actor", schema.key_text(255), nullable=False),
        sa.Column("actor_id", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probations")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_probations_subject", "probations", ["subject"], unique=False)
    op.create_table(
        "samples",
        sa.Column("topic", schema.ascii_text(40), autoincrement=False, nullable=False),
        sa.Column("at", schema.big(), autoincrement=False, nullable=False),
        sa.Column("span", schema.big(), nullable=False),
        sa.Column("value", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "at", name=op.f("pk_samples")),
        **schema.OPTIONS,
    )
    op.create_index("ix_samples_span_at", "samples", ["span", "at"], unique=False)
    op.create_table(
        "setup_notes",
        sa.Column("name", schema.ascii_text(40), autoincrement=False, nullable=False),
        sa.Column("value", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setup_notes")),
        **schema.OPTIONS,
    )
    op.create_table(
        "sign_in_links",
        sa.Column("secret", schema.digest(), autoincrement=False, nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("secret", name=op.f("pk_sign_in_links")),
        **schema.OPTIONS,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("webhook_id", schema.big(), nullable=False),
        sa.Column("queue_id", schema.big(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("first_event", schema.big(), nullable=False),
        sa.Column("last_event", schema.big(), nullable=False),
        sa.Column("events", schema.big(), nullable=False),
        sa.Column("state", schema.ascii_text(16), nullable=False),
        sa.Column("attempts", schema.big(), nullable=False),
        sa.Column("tried_at", schema.real(), nullable=False),
        sa.Column("status", schema.big(), nullable=False),
        sa.Column("trouble", schema.text(), nullable=False),
        sa.Column("body", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_webhook_deliveries_queue_id", "webhook_deliveries", ["queue_id"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_webhook_id_state", "webhook_deliveries", ["webhook_id", "state"], unique=False
    )
    op.create_table(
        "webhooks",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("url", schema.text(), nullable=False),
        sa.Column("secret", schema.ascii_text(200), nullable=False),
        sa.Column("kinds", schema.text(), nullable=False),
        sa.Column("domain", schema.key_text(255), nullable=False),
        sa.Column("account", schema.key_text(320), nullable=False),
        sa.Column("description", schema.key_text(400), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("off_reason", schema.text(), nullable=False),
        sa.Column("seen_event", schema.big(), nullable=False),
        sa.Column("missed", schema.big(), nullable=False),
        sa.Column("tried_at", schema.real(), nullable=False),
        sa.Column("taken_at", schema.real(), nullable=False),
        sa.Column("failing_since", schema.real(), nullable=False),
        sa.Column("status", schema.big(), nullable=False),
        sa.Column("trouble", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
