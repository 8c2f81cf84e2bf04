"""The tables of our authorisation server and their statements. Times are seconds since 1970; of what is secret only
its SHA-256 is kept."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, or_, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts

oauth_clients = schema.table(
    "oauth_clients",
    Column("id", schema.ident(), primary_key=True),
    Column("client_id", schema.ascii_text(64), nullable=False, unique=True),
    Column("name", schema.text(), nullable=False),
    Column("redirect_uris", schema.text(), nullable=False),
    Column("by_hand", schema.small(), nullable=False),
    Column("peer", schema.ascii_text(64), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "peer", "created_at"),
    sqlite_autoincrement=True,
)
"""Programs. ``redirect_uris`` one a line; ``by_hand``: an administrator entered it; ``peer`` registered it."""

oauth_grants = schema.table(
    "oauth_grants",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("client", schema.big(), nullable=False),
    Column("scopes", schema.ascii_text(64), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("used_at", schema.real(), nullable=False),
    Column("used_peer", schema.ascii_text(64), nullable=False),
    Index(None, "account_id"),
    Index(None, "client"),
    sqlite_autoincrement=True,
)
"""What an account's owner has agreed to: the family of all tokens that come of it. No foreign keys: ids are never
used again, and what is left over is swept."""

oauth_tokens = schema.table(
    "oauth_tokens",
    Column("id", schema.ident(), primary_key=True),
    Column("grant_id", schema.big(), nullable=False),
    Column("kind", schema.ascii_text(8), nullable=False),
    Column("secret", schema.digest(), nullable=False, unique=True),
    Column("spent", schema.small(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Index(None, "grant_id"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)
"""``kind`` is ``access`` or ``refresh``. A refresh token that was ``spent`` is kept until it expires: whoever brings it
again is a thief, or was robbed by one."""

oauth_codes = schema.table(
    "oauth_codes",
    Column("id", schema.ident(), primary_key=True),
    Column("kind", schema.ascii_text(8), nullable=False),
    Column("secret", schema.digest(), nullable=False, unique=True),
    Column("user_code", schema.ascii_text(16), nullable=False),
    Column("client", schema.big(), nullable=False),
    Column("account_id", schema.big(), nullable=False),
    Column("scopes", schema.ascii_text(64), nullable=False),
    Column("redirect_uri", schema.text(), nullable=False),
    Column("challenge", schema.ascii_text(64), nullable=False),
    Column("state", schema.ascii_text(8), nullable=False),
    Column("grant_id", schema.big(), nullable=False),
    Column("asked_at", schema.real(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Index(None, "user_code"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)
"""Codes on their way: ``kind`` is ``code`` or ``device``, ``state`` ``waiting`` (of a device, for its owner),
``agreed``, ``denied`` or ``used``. ``asked_at``: when a device asked last."""


INSERT_CLIENT = insert(oauth_clients).values(
    {one.name: bindparam(one.name) for one in oauth_clients.c if one.name != "id"}
)
CLIENT = select(*oauth_clients.c).where(oauth_clients.c.client_id == bindparam("of_client"))
CLIENT_BY_ID = select(*oauth_clients.c).where(oauth_clients.c.id == bindparam("of_id"))
CLIENTS = select(
    *oauth_clients.c,
    select(func.count())
    .select_from(oauth_grants)
    .where(oauth_grants.c.client == oauth_clients.c.id)
    .scalar_subquery(),
).order_by(oauth_clients.c.id)
COUNT_CLIENTS = select(func.count()).select_from(oauth_clients)
COUNT_OF_PEER = (
    select(func.count())
    .select_from(oauth_clients)
    .where(oauth_clients.c.peer == bindparam("of_peer"), oauth_clients.c.created_at > bindparam("since"))
)
REMOVE_CLIENT = delete(oauth_clients).where(oauth_clients.c.id == bindparam("of_id"))
SWEEP_CLIENTS = delete(oauth_clients).where(
    oauth_clients.c.by_hand == 0,
    oauth_clients.c.created_at < bindparam("before"),
    oauth_clients.c.id.not_in(select(oauth_grants.c.client)),
)

INSERT_GRANT = insert(oauth_grants).values(
    {one.name: bindparam(one.name) for one in oauth_grants.c if one.name != "id"}
)
GRANTS_OF = (
    select(*oauth_grants.c, oauth_clients.c.name)
    .join(oauth_clients, oauth_clients.c.id == oauth_grants.c.client)
    .where(oauth_grants.c.account_id == bindparam("account_id"))
    .order_by(oauth_grants.c.id)
)
GRANT = (
    select(*oauth_grants.c, oauth_clients.c.name)
    .join(oauth_clients, oauth_clients.c.id == oauth_grants.c.client)
    .where(oauth_grants.c.id == bindparam("of_id"))
)
USED = (
    update(oauth_grants)
    .where(oauth_grants.c.id == bindparam("of_id"), oauth_grants.c.used_at < bindparam("now"))
    .values(used_at=bindparam("now"), used_peer=bindparam("peer"))
)
REMOVE_GRANT = delete(oauth_grants).where(oauth_grants.c.id == bindparam("of_id"))
FORGET_GRANTS = delete(oauth_grants).where(oauth_grants.c.account_id == bindparam("account_id"))
REMOVE_GRANTS_OF_CLIENT = delete(oauth_grants).where(oauth_grants.c.client == bindparam("of_id"))
SWEEP_GRANTS = delete(oauth_grants).where(
    or_(
        oauth_grants.c.account_id.not_in(select(accounts.c.id)),
        oauth_grants.c.client.not_in(select(oauth_clients.c.id)),
        oauth_grants.c.id.not_in(select(oauth_tokens.c.grant_id)),
    )
)

INSERT_TOKEN = insert(oauth_tokens).values(
    {one.name: bindparam(one.name) for one in oauth_tokens.c if one.name != "id"}
)
TOKEN = (
    select(
        oauth_tokens.c.id,
        oauth_tokens.c.kind,
        oauth_tokens.c.spent,
        oauth_tokens.c.expires_at,
        oauth_grants.c.id,
        oauth_grants.c.account_id,
        oauth_grants.c.client,
        oauth_grants.c.scopes,
        oauth_clients.c.client_id,
        accounts.c.address,
    )
    .join(oauth_grants, oauth_grants.c.id == oauth_tokens.c.grant_id)
    .join(oauth_clients, oauth_clients.c.id == oauth_grants.c.client)
    .join(accounts, accounts.c.id == oauth_grants.c.account_id)
    .where(oauth_tokens.c.secret == bindparam("of_secret"))
)
SPEND = (
    update(oauth_tokens)
    .where(oauth_tokens.c.id == bindparam("of_id"), oauth_tokens.c.spent == 0)
    .values(spent=1)
)
REMOVE_TOKENS = delete(oauth_tokens).where(oauth_tokens.c.grant_id == bindparam("grant_id"))
SWEEP_TOKENS = delete(oauth_tokens).where(
    or_(
        oauth_tokens.c.expires_at < bindparam("before"),
        oauth_tokens.c.grant_id.not_in(select(oauth_grants.c.id)),
    )
)

INSERT_CODE = insert(oauth_codes).values(
    {one.name: bindparam(one.name) for one in oauth_codes.c if one.name != "id"}
)
CODE = select(*oauth_codes.c).where(
    oauth_codes.c.kind == bindparam("of_kind"), oauth_codes.c.secret == bindparam("of_secret")
)
DEVICE = select(*oauth_codes.c).where(
    oauth_codes.c.user_code == bindparam("user_code"), oauth_codes.c.kind == "device"
)
DECIDE = (
    update(oauth_codes)
    .where(oauth_codes.c.id == bindparam("of_id"), oauth_codes.c.state == "waiting")
    .values(state=bindparam("now_state"), account_id=bindparam("of_account"))
)
USE_CODE = (
    update(oauth_codes)
    .where(oauth_codes.c.id == bindparam("of_id"), oauth_codes.c.state == "agreed")
    .values(state="used", grant_id=bindparam("of_grant"))
)
ASKED = update(oauth_codes).where(oauth_codes.c.id == bindparam("of_id")).values(asked_at=bindparam("now"))
COUNT_CODES = select(func.count()).select_from(oauth_codes)
SWEEP_CODES = delete(oauth_codes).where(oauth_codes.c.expires_at < bindparam("before"))
