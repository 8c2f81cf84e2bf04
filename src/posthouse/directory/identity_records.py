"""Tables of signing in at the web pages and the API. Times are seconds since 1970; of every secret only its
SHA-256 is kept, but for the shared secret of a TOTP factor, which must be readable to compute codes from it.

No row points at its account by a foreign key: ids of accounts are never used again, every look-up joins the
account, and what belonged to a removed one is swept up by the hourly cleaning.
"""

from __future__ import annotations

from sqlalchemy import Column, Index

from posthouse.database import schema

browser_sessions = schema.table(
    "browser_sessions",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("secret", schema.digest(), nullable=False, unique=True),
    Column("password_mark", schema.digest(), nullable=False),
    Column("peer", schema.ascii_text(64), nullable=False),
    Column("agent", schema.text(), nullable=False),
    Column("how", schema.ascii_text(20), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("seen_at", schema.real(), nullable=False),
    Column("fresh_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""Signed-in browsers. ``password_mark`` is the SHA-256 of the account's stored password hash at sign-in: with
another password the session is over. ``how`` names what was given: ``password``, ``password+totp``,
``passkey``, ``link``, ``oidc``."""

factors = schema.table(
    "factors",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("name", schema.text(), nullable=False),
    Column("mark", schema.digest(), nullable=False, unique=True),
    Column("secret", schema.text(), nullable=False),
    Column("counter", schema.big(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("used_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""What proves a person besides the password. ``kind`` is ``totp`` (``secret`` the shared secret in base32,
``counter`` the last time step used), ``passkey`` (``secret`` its public key and origin as JSON, ``counter`` its
sign count, ``mark`` the SHA-256 of its credential id) or ``recovery`` (``mark`` the SHA-256 of account and
code)."""

sign_in_links = schema.table(
    "sign_in_links",
    Column("secret", schema.digest(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
)
"""One-time links that were made and not yet used."""

api_tokens = schema.table(
    "api_tokens",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("secret", schema.digest(), nullable=False, unique=True),
    Column("name", schema.text(), nullable=False),
    Column("rights", schema.ascii_text(80), nullable=False),
    Column("domains", schema.text(), nullable=False),
    Column("networks", schema.text(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Column("used_at", schema.real(), nullable=False),
    Column("used_peer", schema.ascii_text(64), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""API tokens. ``rights``, ``domains`` and ``networks`` are lists with blanks between; no domains: as far as the
account reaches; no networks: from anywhere. ``expires_at`` 0 = never."""

devices = schema.table(
    "devices",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("mark", schema.digest(), nullable=False, unique=True),
    Column("protocol", schema.ascii_text(20), nullable=False),
    Column("peer", schema.ascii_text(64), nullable=False),
    Column("client", schema.text(), nullable=False),
    Column("first_seen", schema.real(), nullable=False),
    Column("last_seen", schema.real(), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""Which mail programs signed in. ``mark`` is the SHA-256 of account, protocol, peer and client."""
