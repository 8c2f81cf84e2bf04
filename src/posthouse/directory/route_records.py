"""The tables of routes and their statements. Times are seconds since 1970.

Routes stand in the directory because they are looked up like it: cached, and dropped when its version moves.
"""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, func, insert, select, update

from posthouse.database import schema

routes = schema.table(
    "routes",
    Column("id", schema.ident(), primary_key=True),
    Column("position", schema.big(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("description", schema.key_text(400), nullable=False),
    Column("recipient", schema.key_text(320), nullable=False),
    Column("sender", schema.key_text(320), nullable=False),
    Column("account", schema.key_text(320), nullable=False),
    Column("target", schema.text(), nullable=False),
    Column("port", schema.big(), nullable=False),
    Column("protocol", schema.ascii_text(8), nullable=False),
    Column("command", schema.text(), nullable=False),
    Column("security", schema.ascii_text(16), nullable=False),
    Column("verify", schema.small(), nullable=False),
    Column("username", schema.key_text(320), nullable=False),
    Column("password", schema.text(), nullable=False),
    Column("mechanism", schema.ascii_text(32), nullable=False),
    Column("token_url", schema.text(), nullable=False),
    Column("client_id", schema.text(), nullable=False),
    Column("client_secret", schema.text(), nullable=False),
    Column("refresh_token", schema.text(), nullable=False),
    Column("scope", schema.text(), nullable=False),
    Column("tries", schema.big(), nullable=False),
    Column("minutes", schema.big(), nullable=False),
    Column("all_addresses", schema.small(), nullable=False),
    Column("local_recipients", schema.small(), nullable=False),
    Column("local_senders", schema.small(), nullable=False),
    Column("hold", schema.small(), nullable=False),
    Column("etrn_networks", schema.text(), nullable=False),
    Column("etrn_accounts", schema.text(), nullable=False),
    Column("source", schema.ascii_text(100), nullable=False),
    Column("certificate", schema.key_text(255), nullable=False),
    Column("batch", schema.big(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("asked_until", schema.real(), nullable=False),
    sqlite_autoincrement=True,
)
"""``recipient``, ``sender`` and ``account`` are patterns ("" = any; see ``routes_patterns``), ``target`` is as it was
written (``a|b|c``), ``command`` a JSON list. ``asked_until``: a route that holds its mail gives it away until then,
because its host asked for it (ETRN). Ids are never used again: queue rows name them."""

route_addresses = schema.table(
    "route_addresses",
    Column("route_id", schema.big(), primary_key=True, autoincrement=False),
    Column("address", schema.key_text(320), primary_key=True),
)
"""Addresses that a route takes which does not take all."""

route_sources = schema.table(
    "route_sources",
    Column("domain", schema.key_text(255), primary_key=True),
    Column("address", schema.ascii_text(100), nullable=False),
)
"""The local address that mail of senders in a domain leaves from."""

route_tokens = schema.table(
    "route_tokens",
    Column("route_id", schema.big(), primary_key=True, autoincrement=False),
    Column("token", schema.text(), nullable=False),
    Column("until", schema.real(), nullable=False),
    Column("fingerprint", schema.ascii_text(64), nullable=False),
)
"""Access tokens for XOAUTH2 and when they end. ``fingerprint`` is of what they were asked with: others are no use."""

_R, _A, _S, _T = routes.c, route_addresses.c, route_sources.c, route_tokens.c

COLUMNS = tuple(column.name for column in _R)
CHANGEABLE = tuple(name for name in COLUMNS if name not in ("id", "created_at"))

INSERT_ROUTE = insert(routes).values({name: bindparam(name) for name in COLUMNS if name != "id"})
UPDATE_ROUTE = (
    update(routes)
    .where(_R.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in CHANGEABLE})
)
PLACE = update(routes).where(_R.id == bindparam("of_id")).values(position=bindparam("place"))
ASKED = update(routes).where(_R.id == bindparam("of_id")).values(asked_until=bindparam("until"))
SET_REFRESH = (
    update(routes)
    .where(_R.id == bindparam("of_id"), _R.refresh_token == bindparam("old"))
    .values(refresh_token=bindparam("new"))
)
DELETE_ROUTE = delete(routes).where(_R.id == bindparam("of_id"))
SELECT_ROUTES = select(routes).order_by(_R.position, _R.id).limit(1000)
SELECT_ACTIVE = select(routes).where(_R.active == 1).order_by(_R.position, _R.id).limit(1000)
SELECT_ROUTE = select(routes).where(_R.id == bindparam("of_id"))

INSERT_ADDRESS = insert(route_addresses).values(route_id=bindparam("of_route"), address=bindparam("key"))
SELECT_LISTED = select(_A.address).where(
    _A.route_id == bindparam("of_route"), _A.address.in_(bindparam("keys", expanding=True))
)
SELECT_ADDRESSES = (
    select(_A.address)
    .where(_A.route_id == bindparam("of_route"), _A.address > bindparam("after"))
    .order_by(_A.address)
    .limit(bindparam("count"))
)
COUNT_ADDRESSES = select(func.count()).where(_A.route_id == bindparam("of_route"))
DELETE_LISTED = delete(route_addresses).where(
    _A.route_id == bindparam("of_route"), _A.address.in_(bindparam("keys", expanding=True))
)
DELETE_ADDRESSES = delete(route_addresses).where(_A.route_id == bindparam("of_route"))

SELECT_SOURCES = select(_S.domain, _S.address).order_by(_S.domain).limit(1000)
SELECT_SOURCE = select(_S.address).where(_S.domain == bindparam("of_domain"))
DELETE_SOURCE = delete(route_sources).where(_S.domain == bindparam("of_domain"))

SELECT_TOKEN = select(_T.token, _T.until, _T.fingerprint).where(_T.route_id == bindparam("of_route"))
DELETE_TOKEN = delete(route_tokens).where(_T.route_id == bindparam("of_route"))
