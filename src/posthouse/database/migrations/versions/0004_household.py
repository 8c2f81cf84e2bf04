"""What the household keeps: more about domains, accounts, aliases; lists, groups, sharing, ways in."""

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
        "account_forwards", sa.Column("not_spam", schema.small(), server_default="0", nullable=False)
    )
    op.add_column(
        "account_forwards", sa.Column("sender", schema.key_text(400), server_default="", nullable=False)
    )
    op.add_column(
        "account_forwards", sa.Column("recipient", schema.key_text(400), server_default="", nullable=False)
    )
    op.add_column(
        "account_forwards", sa.Column("subject", schema.key_text(400), server_default="", nullable=False)
    )
    op.add_column("account_forwards", sa.Column("max_size", schema.big(), server_default="0", nullable=False))
    op.add_column(
        "account_forwards", sa.Column("starts_at", schema.real(), server_default="0", nullable=False)
    )
    op.add_column("account_forwards", sa.Column("ends_at", schema.real(), server_default="0", nullable=False))
    op.create_table(
        "account_groups",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("name", schema.key_text(320), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=True),
        sa.Column("description", schema.text(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_account_groups_name")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_account_groups_domain_id", "account_groups", ["domain_id"], unique=False)
    op.create_table(
        "account_limits",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("max_messages", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_limits")),
        **schema.OPTIONS,
    )
    op.create_table(
        "app_passwords",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("prefix", schema.ascii_text(8), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.Column("name", schema.text(), nullable=False),
        sa.Column("protocols", schema.ascii_text(80), nullable=False),
        sa.Column("networks", schema.ascii_text(1600), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.Column("used_at", schema.real(), nullable=False),
        sa.Column("used_peer", schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_passwords")),
        sa.UniqueConstraint("secret", name=op.f("uq_app_passwords_secret")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_app_passwords_account_id", "app_passwords", ["account_id"], unique=False)
    op.create_table(
        "archive_progress",
        sa.Column("mailbox_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("uid", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_archive_progress")),
        **schema.OPTIONS,
    )
    op.create_index("ix_archive_progress_account_id", "archive_progress", ["account_id"], unique=False)
    op.create_table(
        "archive_rules",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("scope", schema.ascii_text(10), nullable=False),
        sa.Column("of_id", schema.big(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("mail", schema.ascii_text(16), nullable=False),
        sa.Column("action", schema.ascii_text(16), nullable=False),
        sa.Column("days", schema.big(), nullable=False),
        sa.Column("folder", schema.key_text(400), nullable=False),
        sa.UniqueConstraint("scope", "of_id", name=op.f("uq_archive_rules_scope_of_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_rules")),
        **schema.OPTIONS,
    )
    op.create_table(
        "auto_bans",
        sa.Column("network", schema.ascii_text(50), autoincrement=False, nullable=False),
        sa.Column("times", schema.small(), nullable=False),
        sa.Column("until", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_auto_bans")),
        **schema.OPTIONS,
    )
    op.create_table(
        "auto_replies",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("subject", schema.key_text(400), nullable=False),
        sa.Column("plain", schema.text(), nullable=False),
        sa.Column("html", schema.text(), nullable=False),
        sa.Column("starts_at", schema.real(), nullable=False),
        sa.Column("ends_at", schema.real(), nullable=False),
        sa.Column("days", schema.big(), nullable=False),
        sa.Column("audience", schema.ascii_text(16), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_auto_replies")),
        **schema.OPTIONS,
    )
    op.create_table(
        "auto_reply_senders",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("sender", schema.ascii_text(64), nullable=False),
        sa.Column("replied_at", schema.real(), nullable=False),
        sa.UniqueConstraint("account_id", "sender", name=op.f("uq_auto_reply_senders_account_id_sender")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auto_reply_senders")),
        **schema.OPTIONS,
    )
    op.create_index("ix_auto_reply_senders_replied_at", "auto_reply_senders", ["replied_at"], unique=False)
    op.add_column("bans", sa.Column("kind", schema.ascii_text(20), server_default="", nullable=False))
    op.create_table(
        "client_certificates",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("fingerprint", schema.digest(), nullable=False),
        sa.Column("name", schema.text(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_certificates")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_client_certificates_fingerprint")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_client_certificates_account_id", "client_certificates", ["account_id"], unique=False)
    op.create_table(
        "cram_md5_keys",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("password_hash", schema.ascii_text(255), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_cram_md5_keys")),
        **schema.OPTIONS,
    )
    op.create_table(
        "deleted_mailboxes",
        sa.Column("mailbox_id", schema.ident(), autoincrement=False, nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("name", schema.key_text(512), nullable=False),
        sa.Column("special_use", schema.ascii_text(32), nullable=False),
        sa.Column("deleted_at", schema.big(), nullable=False),
        sa.Column("restored", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_deleted_mailboxes")),
        **schema.OPTIONS,
    )
    op.create_index("ix_deleted_mailboxes_account_id", "deleted_mailboxes", ["account_id"], unique=False)
    op.create_table(
        "deleted_messages",
        sa.Column("id", schema.ident(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", schema.big(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("deleted_at", schema.big(), nullable=False),
        sa.Column("whole", schema.small(), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deleted_messages")),
        **schema.OPTIONS,
    )
    op.create_index(
        "ix_deleted_messages_account_id_deleted_at",
        "deleted_messages",
        ["account_id", "deleted_at"],
        unique=False,
    )
    op.create_index("ix_deleted_messages_body", "deleted_messages", ["body"], unique=False)
    op.create_index("ix_deleted_messages_deleted_at", "deleted_messages", ["deleted_at"], unique=False)
    op.create_index("ix_deleted_messages_mailbox_id", "deleted_messages", ["mailbox_id"], unique=False)
    op.create_table(
        "domain_templates",
        sa.Column("name", schema.key_text(80), autoincrement=False, nullable=False),
        sa.Column("content", schema.text(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_domain_templates")),
        **schema.OPTIONS,
    )
    op.add_column("domains", sa.Column("active", schema.small(), server_default="1", nullable=False))
    op.add_column("domains", sa.Column("plus", schema.ascii_text(1), server_default="+", nullable=False))
    op.add_column("domains", sa.Column("plus_folder", schema.small(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("catch_all", schema.key_text(320), server_default="", nullable=False))
    op.add_column("domains", sa.Column("postmaster", schema.key_text(320), server_default="", nullable=False))
    op.add_column("domains", sa.Column("max_size", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("max_message", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("max_account", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("max_accounts", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("max_aliases", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("max_lists", schema.big(), server_default="0", nullable=False))
    op.add_column("domains", sa.Column("defaults", schema.text(), nullable=True))
    op.create_table(
        "expiry_warnings",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("changed_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_expiry_warnings")),
        **schema.OPTIONS,
    )
    op.create_table(
        "folder_acl",
        sa.Column("mailbox_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("identifier", schema.ascii_text(255), autoincrement=False, nullable=False),
        sa.Column("rights", schema.ascii_text(16), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "identifier", name=op.f("pk_folder_acl")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_index("ix_folder_acl_identifier", "folder_acl", ["identifier"], unique=False)
    op.create_table(
        "folder_notes",
        sa.Column("mailbox_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("entry", schema.key_text(255), autoincrement=False, nullable=False),
        sa.Column("value", schema.blob(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "account_id", "entry", name=op.f("pk_folder_notes")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "ip_ranges",
        sa.Column("name", schema.key_text(100), autoincrement=False, nullable=False),
        sa.Column("version", schema.small(), nullable=False),
        sa.Column("first", schema.key_blob(16), nullable=False),
        sa.Column("last", schema.key_blob(16), nullable=False),
        sa.Column("priority", schema.small(), nullable=False),
        sa.Column("options", schema.big(), nullable=False),
        sa.Column("until", schema.real(), nullable=False),
        sa.Column("connections", schema.big(), nullable=False),
        sa.Column("connection_rate", schema.big(), nullable=False),
        sa.Column("message_rate", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ip_ranges")),
        **schema.OPTIONS,
    )
    op.create_table(
        "journals",
        sa.Column("domain_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("mail", schema.ascii_text(16), nullable=False),
        sa.Column("form", schema.ascii_text(16), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_journals")),
        **schema.OPTIONS,
    )
    op.create_table(
        "list_progress",
        sa.Column("row_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("list_id", schema.big(), nullable=False),
        sa.Column("reached", schema.key_text(400), nullable=False),
        sa.Column("verdict", schema.ascii_text(10), nullable=False),
        sa.Column("words", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_list_progress")),
        **schema.OPTIONS,
    )
    op.add_column("mailboxes", sa.Column("own_seen", schema.small(), server_default="0", nullable=False))
    op.create_table(
        "mailing_lists",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("name", schema.key_text(200), nullable=False),
        sa.Column("description", schema.text(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("mode", schema.ascii_text(16), nullable=False),
        sa.Column("signed_in", schema.small(), nullable=False),
        sa.Column("moderation", schema.ascii_text(16), nullable=False),
        sa.Column("joining", schema.ascii_text(16), nullable=False),
        sa.Column("tag", schema.key_text(60), nullable=False),
        sa.Column("replies", schema.ascii_text(16), nullable=False),
        sa.Column("max_size", schema.big(), nullable=False),
        sa.Column("own_from", schema.small(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailing_lists")),
        sa.UniqueConstraint("address", name=op.f("uq_mailing_lists_address")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_mailing_lists_domain_id", "mailing_lists", ["domain_id"], unique=False)
    op.create_table(
        "network_list_parts",
        sa.Column("name", schema.ascii_text(60), autoincrement=False, nullable=False),
        sa.Column("generation", schema.big(), autoincrement=False, nullable=False),
        sa.Column("number", schema.big(), autoincrement=False, nullable=False),
        sa.Column("data", schema.blob(), nullable=False),
        sa.PrimaryKeyConstraint("name", "generation", "number", name=op.f("pk_network_list_parts")),
        **schema.OPTIONS,
    )
    op.create_table(
        "network_list_states",
        sa.Column("name", schema.ascii_text(60), autoincrement=False, nullable=False),
        sa.Column("place", schema.text(), nullable=False),
        sa.Column("generation", schema.big(), nullable=False),
        sa.Column("etag", schema.text(), nullable=False),
        sa.Column("modified", schema.text(), nullable=False),
        sa.Column("entries", schema.big(), nullable=False),
        sa.Column("skipped", schema.big(), nullable=False),
        sa.Column("size", schema.big(), nullable=False),
        sa.Column("good_at", schema.real(), nullable=False),
        sa.Column("tried_at", schema.real(), nullable=False),
        sa.Column("failures", schema.big(), nullable=False),
        sa.Column("trouble", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_network_list_states")),
        **schema.OPTIONS,
    )
    op.create_table(
        "network_lists",
        sa.Column("name", schema.ascii_text(60), autoincrement=False, nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("place", schema.text(), nullable=False),
        sa.Column("refresh", schema.big(), nullable=False),
        sa.Column("protocols", schema.ascii_text(100), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_network_lists")),
        **schema.OPTIONS,
    )
    op.create_table(
        "oauth_clients",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("client_id", schema.ascii_text(64), nullable=False),
        sa.Column("name", schema.text(), nullable=False),
        sa.Column("redirect_uris", schema.text(), nullable=False),
        sa.Column("by_hand", schema.small(), nullable=False),
        sa.Column("peer", schema.ascii_text(64), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
        sa.UniqueConstraint("client_id", name=op.f("uq_oauth_clients_client_id")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_oauth_clients_peer_created_at", "oauth_clients", ["peer", "created_at"], unique=False)
    op.create_table(
        "oauth_codes",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("kind", schema.ascii_text(8), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.Column("user_code", schema.ascii_text(16), nullable=False),
        sa.Column("client", schema.big(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("scopes", schema.ascii_text(64), nullable=False),
        sa.Column("redirect_uri", schema.text(), nullable=False),
        sa.Column("challenge", schema.ascii_text(64), nullable=False),
        sa.Column("state", schema.ascii_text(8), nullable=False),
        sa.Column("grant_id", schema.big(), nullable=False),
        sa.Column("asked_at", schema.real(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_codes")),
        sa.UniqueConstraint("secret", name=op.f("uq_oauth_codes_secret")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_oauth_codes_expires_at", "oauth_codes", ["expires_at"], unique=False)
    op.create_index("ix_oauth_codes_user_code", "oauth_codes", ["user_code"], unique=False)
    op.create_table(
        "oauth_grants",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("client", schema.big(), nullable=False),
        sa.Column("scopes", schema.ascii_text(64), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("used_at", schema.real(), nullable=False),
        sa.Column("used_peer", schema.ascii_text(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grants")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_oauth_grants_account_id", "oauth_grants", ["account_id"], unique=False)
    op.create_index("ix_oauth_grants_client", "oauth_grants", ["client"], unique=False)
    op.create_table(
        "oauth_tokens",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("grant_id", schema.big(), nullable=False),
        sa.Column("kind", schema.ascii_text(8), nullable=False),
        sa.Column("secret", schema.digest(), nullable=False),
        sa.Column("spent", schema.small(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_tokens")),
        sa.UniqueConstraint("secret", name=op.f("uq_oauth_tokens_secret")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_oauth_tokens_expires_at", "oauth_tokens", ["expires_at"], unique=False)
    op.create_index("ix_oauth_tokens_grant_id", "oauth_tokens", ["grant_id"], unique=False)
    op.create_table(
        "quota_warnings",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("level", schema.small(), nullable=False),
        sa.Column("warned_at", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_quota_warnings")),
        **schema.OPTIONS,
    )
    op.create_table(
        "removed_accounts",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("removed_at", schema.real(), nullable=False),
        sa.Column("removed_by", schema.key_text(320), nullable=False),
        sa.Column("purging", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_removed_accounts")),
        sa.UniqueConstraint("address", name=op.f("uq_removed_accounts_address")),
        **schema.OPTIONS,
    )
    op.create_index("ix_removed_accounts_removed_at", "removed_accounts", ["removed_at"], unique=False)
    op.create_table(
        "removed_domains",
        sa.Column("domain_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("name", schema.key_text(255), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("removed_at", schema.real(), nullable=False),
        sa.Column("removed_by", schema.key_text(320), nullable=False),
        sa.Column("purging", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_removed_domains")),
        sa.UniqueConstraint("name", name=op.f("uq_removed_domains_name")),
        **schema.OPTIONS,
    )
    op.create_table(
        "seen_marks",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("message_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("seen", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", name=op.f("pk_seen_marks")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_index("ix_seen_marks_message_id", "seen_marks", ["message_id"], unique=False)
    op.create_table(
        "shared_mailboxes",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.Column("keep_sent", schema.small(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_shared_mailboxes")),
        sqlite_with_rowid=False,
        **schema.OPTIONS,
    )
    op.create_table(
        "signatures",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("scope", schema.ascii_text(10), nullable=False),
        sa.Column("of_id", schema.big(), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("method", schema.ascii_text(16), nullable=False),
        sa.Column("plain", schema.text(), nullable=False),
        sa.Column("html", schema.text(), nullable=False),
        sa.Column("replies", schema.small(), nullable=False),
        sa.Column("within", schema.small(), nullable=False),
        sa.UniqueConstraint("scope", "of_id", name=op.f("uq_signatures_scope_of_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatures")),
        **schema.OPTIONS,
    )
    op.create_table(
        "signin_sources",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("name", schema.ascii_text(40), nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("details", schema.text(), nullable=False),
        sa.Column("secret", schema.text(), nullable=False),
        sa.Column("synced_at", schema.real(), nullable=False),
        sa.Column("synced", schema.text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_signin_sources_name")),
        **schema.OPTIONS,
    )
    op.create_table(
        "account_addresses",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("signin", schema.small(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_addresses")),
        sa.UniqueConstraint("address", name=op.f("uq_account_addresses_address")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_account_addresses_domain_id")),
        **schema.OPTIONS,
    )
    op.create_index("ix_account_addresses_account_id", "account_addresses", ["account_id"], unique=False)
    op.create_index("ix_account_addresses_domain_id", "account_addresses", ["domain_id"], unique=False)
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
    op.add_column("accounts", sa.Column("source", schema.ascii_text(40), server_default="", nullable=False))
    op.add_column(
        "accounts", sa.Column("scram_sha1", schema.ascii_text(255), server_default="", nullable=False)
    )
    op.add_column(
        "accounts", sa.Column("password_changed_at", schema.real(), server_default="0", nullable=False)
    )
    op.add_column(
        "accounts", sa.Column("app_passwords_only", schema.small(), server_default="0", nullable=False)
    )
    op.create_index("ix_accounts_domain_id_address", "accounts", ["domain_id", "address"], unique=False)
    op.add_column("aliases", sa.Column("more", schema.text(), nullable=True))
    op.add_column("aliases", sa.Column("active", schema.small(), server_default="1", nullable=False))
    op.add_column("aliases", sa.Column("note", schema.key_text(500), server_default="", nullable=False))
    op.create_table(
        "domain_names",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("name", schema.key_text(255), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_names")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_domain_names_domain_id")),
        sa.UniqueConstraint("name", name=op.f("uq_domain_names_name")),
        **schema.OPTIONS,
    )
    op.create_index("ix_domain_names_domain_id", "domain_names", ["domain_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("group_id", schema.big(), nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("member_id", schema.big(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_members")),
        sa.ForeignKeyConstraint(["group_id"], ["account_groups.id"], name=op.f("fk_group_members_group_id")),
        **schema.OPTIONS,
    )
    op.create_index(
        "ix_group_members_group_id_kind_member_id",
        "group_members",
        ["group_id", "kind", "member_id"],
        unique=True,
    )
    op.create_index("ix_group_members_kind_member_id", "group_members", ["kind", "member_id"], unique=False)
    op.create_table(
        "list_members",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("list_id", schema.big(), nullable=False),
        sa.Column("kind", schema.ascii_text(10), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("shown", schema.key_text(320), nullable=False),
        sa.Column("away", schema.ascii_text(10), nullable=False),
        sa.Column("bounces", schema.big(), nullable=False),
        sa.Column("bounced_at", schema.real(), nullable=False),
        sa.Column("joined_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_members")),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_lists.id"], name=op.f("fk_list_members_list_id")),
        **schema.OPTIONS,
    )
    op.create_index("ix_list_members_kind_address", "list_members", ["kind", "address"], unique=False)
    op.create_index(
        "ix_list_members_list_id_kind_address", "list_members", ["list_id", "kind", "address"], unique=True
    )
    op.create_table(
        "list_people",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("list_id", schema.big(), nullable=False),
        sa.Column("role", schema.ascii_text(10), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_people")),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_lists.id"], name=op.f("fk_list_people_list_id")),
        **schema.OPTIONS,
    )
    op.create_index("ix_list_people_address", "list_people", ["address"], unique=False)
    op.create_index(
        "ix_list_people_list_id_role_address", "list_people", ["list_id", "role", "address"], unique=True
    )
    op.create_table(
        "masked_addresses",
        sa.Column("id", schema.ident(), nullable=False),
        sa.Column("address", schema.key_text(320), nullable=False),
        sa.Column("account_id", schema.big(), nullable=False),
        sa.Column("domain_id", schema.big(), nullable=False),
        sa.Column("note", schema.key_text(200), nullable=False),
        sa.Column("active", schema.small(), nullable=False),
        sa.Column("expires_at", schema.real(), nullable=False),
        sa.Column("most", schema.big(), nullable=False),
        sa.Column("used", schema.big(), nullable=False),
        sa.Column("last_used", schema.real(), nullable=False),
        sa.Column("created_at", schema.real(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_masked_addresses")),
        sa.UniqueConstraint("address", name=op.f("uq_masked_addresses_address")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name=op.f("fk_masked_addresses_domain_id")),
        sqlite_autoincrement=True,
        **schema.OPTIONS,
    )
    op.create_index("ix_masked_addresses_account_id", "masked_addresses", ["account_id"], unique=False)
    op.create_index("ix_masked_addresses_domain_id", "masked_addresses", ["domain_id"], unique=False)
    op.create_table(
        "source_accounts",
        sa.Column("account_id", schema.big(), autoincrement=False, nullable=False),
        sa.Column("source", schema.ascii_text(40), nullable=False),
        sa.Column("digest", schema.ascii_text(255), nullable=False),
        sa.Column("verified_at", schema.real(), nullable=False),
        sa.Column("disabled", schema.small(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_source_accounts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_source_accounts_account_id")),
        **schema.OPTIONS,
    )
