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
    op.create_table(
        "account_forwards",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("keep", schema.small(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_forwards")),
        **schema.OPTIONS,
    )
    op.create_table(
        "bounces",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("mark", schema.digest(), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("sender", schema.key_text(400), nullable=False),
        sa.Column("recipient", schema.key_text(400), nullable=False),
        sa.Column("cause", schema.ascii_text(20), nullable=False),
        sa.Column("action", schema.ascii_text(20), nullable=False),
        sa.Column("status", schema.ascii_text(16), nullable=False),
        sa.Column("said", schema.text(), nullable=False),
        sa.Column("envid", schema.key_text(255), nullable=False),
        sa.Column("message_id", schema.key_text(255), nullable=False),
        sa.Column("certain", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
        sa.UniqueConstraint("mark", name=op.f("uq_bounces_mark")),
        **schema.OPTIONS,
    )
    op.create_index("ix_bounces_at", "bounces", ["at"], unique=False)
    op.create_index("ix_bounces_sender_at", "bounces", ["sender", "at"], unique=False)
    op.create_table(
        "forward_targets",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("address", schema.key_text(400), nullable=False),
        sa.Column("target", schema.key_text(400), nullable=False),
        sa.Column("stopped", schema.small(), nullable=False),
        sa.Column("failing_since", schema.real(), nullable=False),
        sa.Column("trouble", schema.text(), nullable=False),
        sa.Column("told_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forward_targets")),
        **schema.OPTIONS,
    )
    op.create_index(
        "ix_forward_targets_account_id_address", "forward_targets", ["account_id", "address"], unique=True
    )
    op.create_table(
        "queue_destinations",
        sa.Column("destination", schema.key_text(400), autoincrement=False, nullable=False),
        sa.Column("paused", schema.small(), nullable=False),
        sa.Column("paused_by", schema.key_text(320), nullable=False),
        sa.Column("paused_at", schema.real(), nullable=False),
        sa.Column("down_until", schema.real(), nullable=False),
        sa.Column("failures", schema.big(), nullable=False),
        sa.Column("reason", schema.text(), nullable=False),
        sa.Column("tried_at", schema.real(), nullable=False),
        sa.Column("worked_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_queue_destinations")),
        **schema.OPTIONS,
    )
    op.create_index(
        "ix_queue_destinations_failures_tried_at",
        "queue_destinations",
        ["failures", "tried_at"],
        unique=False,
    )
    op.create_index("ix_queue_destinations_paused", "queue_destinations", ["paused"], unique=False)
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
    op.create_index("ix_queue_messages_account_id", "queue_messages", ["account_id"], unique=False)
    op.create_index("ix_queue_messages_deliver_by", "queue_messages", ["deliver_by"], unique=False)
    op.create_index("ix_queue_messages_sender_id", "queue_messages", ["sender", "id"], unique=False)
    op.create_table(
        "route_addresses",
        sa.Column("route_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("address", schema.key_text(320), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("route_id", "address", name=op.f("pk_route_addresses")),
        **schema.OPTIONS,
    )
    op.create_table(
        "route_sources",
        sa.Column("domain", schema.key_text(255), autoincrement=False, nullable=False),
        sa.Column("address", schema.ascii_text(100), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_route_sources")),
        **schema.OPTIONS,
    )
    op.create_table(
        "route_tokens",
        sa.Column("route_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("token", schema.text(), nullable=False),
        sa.Column("until", schema.real(), nullable=False),
        sa.Column("fingerprint", schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint("route_id", name=op.f("pk_route_tokens")),
        **schema.OPTIONS,
    )
    op.create_table(
        "routes",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("position", schema.big(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("description", schema.key_text(400), nullable=False),
        sa.Column("recipient", schema.key_text(320), nullable=False),
        sa.Column("sender", schema.key_text(320), nullable=False),
        sa.Column("account", schema.key_text(320), nullable=False),
        sa.Column("target", schema.text(), nullable=False),
        sa.Column("port", schema.big(), nullable=False),
        sa.Column("protocol", schema.ascii_text(8), nullable=False),
        sa.Column("command", schema.text(), nullable=False),
        sa.Column("security", schema.ascii_text(16), nullable=False),
        sa.Column("verify", schema.small(), nullable=False),
        sa.Column("username", schema.key_text(320), nullable=False),
        sa.Column("password", schema.text(), nullable=False),
        sa.Column("mechanism", schema.ascii_text(32), nullable=False),
        sa.Column("token_url", schema.text(), nullable=False),
        sa.Column("client_id", schema.text(), nullable=False),
        sa.Column("client_secret", schema.text(), nullable=False),
        sa.Column("refresh_token", schema.text(), nullable=False),
        sa.Column("scope", schema.text(), nullable=False),
        sa.Column("tries", schema.big(), nullable=False),
        sa.Column("minutes", schema.big(), nullable=False),
        sa.Column("all_addresses", schema.small(), nullable=False),
        sa.Column("local_recipients", schema.small(), nullable=False),
        sa.Column("local_senders", schema.small(), nullable=False),
        sa.Column("hold", schema.small(), nullable=False),
        sa.Column("etrn_networks", schema.text(), nullable=False),
        sa.Column("etrn_accounts", schema.text(), nullable=False),
        sa.Column("source", schema.ascii_text(100), nullable=False),
        sa.Column("certificate", schema.key_text(255), nullable=False),
        sa.Column("batch", schema.big(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("asked_until", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_table(
        "sender_rights",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("pattern", schema.key_text(400), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.UniqueConstraint("account_id", "pattern", name=op.f("uq_sender_rights_account_id_pattern")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_rights")),
        **schema.OPTIONS,
    )
    op.create_table(
        "sending_brakes",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("state", schema.ascii_text(16), nullable=False),
        sa.Column("at", schema.real(), nullable=False),
        sa.Column("changed_by", schema.key_text(255), nullable=False),
        sa.Column("reason", schema.text(), nullable=False),
        sa.Column("sent", schema.big(), nullable=False),
        sa.Column("usual", schema.big(), nullable=False),
        sa.Column("told", schema.small(), nullable=False),
        sa.Column("mark", schema.ascii_text(40), nullable=False),
        sa.UniqueConstraint("account_id", name=op.f("uq_sending_brakes_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_brakes")),
        **schema.OPTIONS,
    )
    op.create_index(
        "ix_sending_brakes_state_account_id", "sending_brakes", ["state", "account_id"], unique=False
    )
    op.create_table(
        "sending_counts",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("scope", schema.ascii_text(64), nullable=False),
        sa.Column("slot", schema.big(), nullable=False),
        sa.Column("messages", schema.big(), nullable=False),
        sa.Column("recipients", schema.big(), nullable=False),
        sa.UniqueConstraint("scope", "slot", name=op.f("uq_sending_counts_scope_slot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_counts")),
        **schema.OPTIONS,
    )
    op.create_index("ix_sending_counts_slot", "sending_counts", ["slot"], unique=False)
    op.create_table(
        "sending_days",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("scope", schema.ascii_text(64), nullable=False),
        sa.Column("day", schema.big(), nullable=False),
        sa.Column("busiest", schema.big(), nullable=False),
        sa.UniqueConstraint("scope", "day", name=op.f("uq_sending_days_scope_day")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_days")),
        **schema.OPTIONS,
    )
    op.create_index("ix_sending_days_day", "sending_days", ["day"], unique=False)
    op.create_table(
        "sending_limits",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("scope", schema.ascii_text(64), nullable=False),
        sa.Column("messages_hour", schema.big(), nullable=True),
        sa.Column("recipients_hour", schema.big(), nullable=True),
        sa.Column("messages_day", schema.big(), nullable=True),
        sa.Column("recipients_day", schema.big(), nullable=True),
        sa.Column("burst_hour", schema.big(), nullable=True),
        sa.Column("burst_minutes", schema.big(), nullable=True),
        sa.UniqueConstraint("scope", name=op.f("uq_sending_limits_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_limits")),
        **schema.OPTIONS,
    )
    op.create_table(
        "sts_policies",
        sa.Column("domain", schema.key_text(255), autoincrement=False, nullable=False),
        sa.Column("ident", schema.ascii_text(32), nullable=False),
        sa.Column("mode", schema.ascii_text(16), nullable=False),
        sa.Column("hosts", schema.text(), nullable=False),
        sa.Column("max_age", schema.big(), nullable=False),
        sa.Column("fetched_at", schema.real(), nullable=False),
        sa.Column("ends_at", schema.real(), nullable=False),
        sa.Column("tried_at", schema.real(), nullable=False),
        sa.Column("used_at", schema.real(), nullable=False),
        sa.Column("failure", schema.ascii_text(40), nullable=False),
        sa.Column("trouble", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_sts_policies")),
        **schema.OPTIONS,
    )
    op.create_index("ix_sts_policies_tried_at", "sts_policies", ["tried_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("address", schema.key_text(400), nullable=False),
        sa.Column("account", schema.key_text(320), nullable=False),
        sa.Column("cause", schema.ascii_text(20), nullable=False),
        sa.Column("status", schema.ascii_text(16), nullable=False),
        sa.Column("said", schema.text(), nullable=False),
        sa.Column("hits", schema.big(), nullable=False),
        sa.Column("soft_hits", schema.big(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("first_at", schema.real(), nullable=False),
        sa.Column("last_at", schema.real(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.Column("trace", schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        **schema.OPTIONS,
    )
    op.create_index("ix_suppressions_address_account", "suppressions", ["address", "account"], unique=True)
    op.create_index("ix_suppressions_expires_at", "suppressions", ["expires_at"], unique=False)
    op.create_table(
        "tls_domains",
        sa.Column("domain", schema.key_text(255), autoincrement=False, nullable=False),
        sa.Column("best", schema.small(), nullable=False),
        sa.Column("best_at", schema.real(), nullable=False),
        sa.Column("last", schema.small(), nullable=False),
        sa.Column("last_at", schema.real(), nullable=False),
        sa.Column("host", schema.key_text(255), nullable=False),
        sa.Column("tls", schema.ascii_text(16), nullable=False),
        sa.Column("source", schema.ascii_text(16), nullable=False),
        sa.Column("good", schema.big(), nullable=False),
        sa.Column("bad", schema.big(), nullable=False),
        sa.Column("trouble", schema.ascii_text(40), nullable=False),
        sa.Column("trouble_host", schema.key_text(255), nullable=False),
        sa.Column("trouble_at", schema.real(), nullable=False),
        sa.Column("downgraded_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_tls_domains")),
        **schema.OPTIONS,
    )
    op.create_index("ix_tls_domains_downgraded_at", "tls_domains", ["downgraded_at"], unique=False)
    op.create_index("ix_tls_domains_last_at", "tls_domains", ["last_at"], unique=False)
    op.create_table(
        "tls_reports",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("digest", schema.ascii_text(64), nullable=False),
        sa.Column("received_at", schema.real(), nullable=False),
        sa.Column("domain", schema.key_text(255), nullable=False),
        sa.Column("organisation", schema.key_text(255), nullable=False),
        sa.Column("contact", schema.key_text(320), nullable=False),
        sa.Column("report_id", schema.key_text(255), nullable=False),
        sa.Column("begins_at", schema.real(), nullable=False),
        sa.Column("ends_at", schema.real(), nullable=False),
        sa.Column("good", schema.big(), nullable=False),
        sa.Column("bad", schema.big(), nullable=False),
        sa.Column("details", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tls_reports")),
        sa.UniqueConstraint("digest", name=op.f("uq_tls_reports_digest")),
        **schema.OPTIONS,
    )
    op.create_index("ix_tls_reports_domain", "tls_reports", ["domain"], unique=False)
    op.create_index("ix_tls_reports_received_at", "tls_reports", ["received_at"], unique=False)
    op.create_table(
        "tls_results",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("day", schema.ascii_text(10), nullable=False),
        sa.Column("domain", schema.key_text(255), nullable=False),
        sa.Column("digest", schema.ascii_text(64), nullable=False),
        sa.Column("kind", schema.ascii_text(16), nullable=False),
        sa.Column("lines", schema.text(), nullable=False),
        sa.Column("hosts", schema.text(), nullable=False),
        sa.Column("host", schema.key_text(255), nullable=False),
        sa.Column("source", schema.ascii_text(45), nullable=False),
        sa.Column("result", schema.ascii_text(40), nullable=False),
        sa.Column("sessions", schema.big(), nullable=False),
        sa.UniqueConstraint("day", "domain", "digest", name=op.f("uq_tls_results_day_domain_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tls_results")),
        **schema.OPTIONS,
    )
    op.create_table(
        "dkim_keys",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("selector", schema.key_text(100), nullable=False),
        sa.Column("algorithm", schema.ascii_text(20), nullable=False),
        sa.Column("secret_key", schema.text(), nullable=False),
        sa.Column("public", schema.text(), nullable=False),
        sa.Column("state", schema.ascii_text(10), nullable=False),
        sa.Column("made_at", schema.real(), nullable=False),
        sa.Column("since", schema.real(), nullable=False),
        sa.Column("seen_at", schema.real(), nullable=False),
        sa.Column("checked_at", schema.real(), nullable=False),
        sa.Column("dns", schema.ascii_text(10), nullable=False),
        sa.Column("note", schema.text(), nullable=False),
        sa.Column("published", schema.ascii_text(10), nullable=False),
        sa.UniqueConstraint("domain_id", "selector", name=op.f("uq_dkim_keys_domain_id_selector")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dkim_keys")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_dkim_keys_domain_id")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
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
    op.add_column("queue_recipients", sa.Column("lane", schema.small(), server_default="0", nullable=False))
    op.create_index(
        "ix_queue_recipients_held_destination_due_at_id",
        "queue_recipients",
        ["held", "destination", "due_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_queue_recipients_held_destination_priority_lane_due_at",
        "queue_recipients",
        ["held", "destination", "priority", "lane", "due_at"],
        unique=False,
    )
    op.create_index(
        "ix_queue_recipients_held_expires_at", "queue_recipients", ["held", "expires_at"], unique=False
    )
    op.create_index("ix_queue_recipients_lease_owner", "queue_recipients", ["lease_owner"], unique=False)
