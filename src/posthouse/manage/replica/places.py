"""Where each table of the database belongs in the replica. A new table has to be placed here: a test says so."""

from __future__ import annotations

MAIL = ("mailboxes", "messages")
"""Copied by modseq, in small units."""

QUEUE = ("queue_destinations", "queue_messages", "queue_recipients", "list_progress")
"""What is owed to other servers: compared whole."""

HISTORY = (
    "audit",
    "audit_places",
    "traces",
    "bounces",
    "webhook_deliveries",
    "tls_domains",
    "tls_reports",
    "sending_days",
    "auto_reply_senders",
    "deleted_mailboxes",
    "deleted_messages",
    "seen_marks",
    "archive_progress",
)
"""What grows with time: compared whole, and so less often where it is long."""

DIRECTORY = (
    "account_addresses",
    "account_forwards",
    "account_groups",
    "account_limits",
    "account_roles",
    "accounts",
    "acme_accounts",
    "acme_proofs",
    "administered_domains",
    "aliases",
    "api_tokens",
    "app_passwords",
    "archive_rules",
    "auto_bans",
    "auto_replies",
    "bans",
    "certificates",
    "client_certificates",
    "counters",
    "devices",
    "dkim_keys",
    "domain_names",
    "domain_templates",
    "domains",
    "expiry_warnings",
    "factors",
    "folder_acl",
    "folder_notes",
    "forward_targets",
    "group_members",
    "ip_ranges",
    "journals",
    "keywords",
    "list_members",
    "list_people",
    "mailing_lists",
    "masked_addresses",
    "network_lists",
    "oauth_clients",
    "oauth_grants",
    "quota_warnings",
    "removed_accounts",
    "removed_domains",
    "route_addresses",
    "route_sources",
    "routes",
    "secrets",
    "sender_rights",
    "sending_brakes",
    "sending_limits",
    "settings_values",
    "setup_notes",
    "shared_mailboxes",
    "signatures",
    "signin_sources",
    "source_accounts",
    "sts_policies",
    "subscriptions",
    "suppressions",
    "webhooks",
)
"""What people set, and what belongs to mailboxes but is small: compared whole, of one moment."""

LEFT = ("facts", "tombstones")
"""Made anew: what bodies look like when they are next looked at; expunges are told from UIDs that are missing. All
that backups leave out is left out too (``backup.tables.LEFT_OUT``)."""

GROUPS = {"queue": QUEUE, "directory": DIRECTORY, "history": HISTORY}
