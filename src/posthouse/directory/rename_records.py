"""Statements that put another name of a domain into everything that tells it by name.

An address is changed where it ends with the old name. In rows with one ``@`` the database does it; those with more
(quoted local parts) are read and written one by one (:data:`ODD`), as their local part may have the same ending.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    String,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.sql.dml import Delete

from posthouse.directory.address_records import account_addresses, masked_addresses
from posthouse.directory.dkim_records import dkim_keys
from posthouse.directory.domain_records import templates
from posthouse.directory.forward_records import forward_targets
from posthouse.directory.group_records import account_groups
from posthouse.directory.identity_records import api_tokens
from posthouse.directory.journal_records import journals
from posthouse.directory.list_records import list_members, list_people, mailing_lists
from posthouse.directory.records import accounts, aliases, domains
from posthouse.directory.removed_records import removed_accounts
from posthouse.directory.route_records import route_addresses, routes
from posthouse.directory.sending_records import sender_rights
from posthouse.directory.source_records import signin_sources
from posthouse.directory.suppression_records import suppressions

ODD = "%@%@%"


class Place(NamedTuple):
    """A column that holds an address (or a pattern of some) at its end, or the name of a domain alone."""

    column: Column[Any]
    beside: tuple[Column[Any], ...] | None = None
    """The other columns of a unique key that this one is part of; None where it is unique by itself or not at all."""


PLACES = (
    Place(accounts.c.address),
    Place(removed_accounts.c.address),
    Place(account_addresses.c.address),
    Place(masked_addresses.c.address),
    Place(aliases.c.address),
    Place(aliases.c.target),
    Place(mailing_lists.c.address),
    Place(list_people.c.address, (list_people.c.list_id, list_people.c.role)),
    Place(list_members.c.address, (list_members.c.list_id, list_members.c.kind)),
    Place(list_members.c.shown),
    Place(account_groups.c.name),
    Place(domains.c.catch_all),
    Place(domains.c.postmaster),
    Place(forward_targets.c.address, (forward_targets.c.account_id,)),
    Place(forward_targets.c.target),
    Place(journals.c.address),
    Place(sender_rights.c.pattern, (sender_rights.c.account_id,)),
    Place(suppressions.c.address, (suppressions.c.account,)),
    Place(suppressions.c.account, (suppressions.c.address,)),
    Place(routes.c.recipient),
    Place(routes.c.sender),
    Place(routes.c.account),
    Place(route_addresses.c.address, (route_addresses.c.route_id,)),
)
"""Where addresses of a domain stand. What refers to accounts, lists and groups by their ids needs nothing."""


def _table(column: Column[Any]) -> Table:
    found = column.table
    assert isinstance(found, Table)
    return found


def _named(column: Column[Any]) -> ColumnElement[bool]:
    """Rows whose address ends with the name."""
    return column.like(bindparam("ending", type_=String))


def bulk(column: Column[Any]) -> Update:
    """All plain addresses at once."""
    changed = func.replace(column, bindparam("old_at"), bindparam("new_at"))
    return update(_table(column)).where(_named(column), column.not_like(ODD)).values({column: changed})


def odd(column: Column[Any]) -> Select[Any]:
    """Addresses that have to be looked at one by one."""
    return select(column).where(_named(column), column.like(ODD)).distinct()


def one(column: Column[Any]) -> Update:
    """One value."""
    return update(_table(column)).where(column == bindparam("is_now")).values({column: bindparam("is_then")})


def taken(place: Place) -> Select[Any]:
    """What has an address with this ending in a unique key, with the rest of the key."""
    return select(place.column, *(place.beside or ())).where(_named(place.column))


def drop(place: Place) -> Delete:
    """One row of a unique key."""
    beside = [column == bindparam(f"beside_{number}") for number, column in enumerate(place.beside or ())]
    return delete(_table(place.column)).where(place.column == bindparam("is_now"), *beside)


BULK = {place: bulk(place.column) for place in PLACES}
ODDS = {place: odd(place.column) for place in PLACES}
ONE = {place: one(place.column) for place in PLACES}
TAKEN = {place: taken(place) for place in PLACES if place.beside}
DROP = {place: drop(place) for place in PLACES if place.beside}

RENAME_DOMAIN = update(domains).where(domains.c.id == bindparam("of_id")).values(name=bindparam("new_name"))

WHOLE = (routes.c.recipient, routes.c.sender)
"""Patterns that may be the name of a domain alone."""
RENAME_WHOLE = [one(column) for column in WHOLE]

# lists of names and addresses in one text
SELECT_MORE = select(aliases.c.id, aliases.c.more).where(
    aliases.c.more.like(bindparam("within", type_=String))
)
SET_MORE = update(aliases).where(aliases.c.id == bindparam("of_id")).values(more=bindparam("new_more"))
SELECT_TOKENS = select(api_tokens.c.id, api_tokens.c.domains).where(api_tokens.c.domains != "")
SET_TOKEN = update(api_tokens).where(api_tokens.c.id == bindparam("of_id")).values(domains=bindparam("names"))
SELECT_SOURCES = select(signin_sources.c.id, signin_sources.c.details)
SET_SOURCE = (
    update(signin_sources).where(signin_sources.c.id == bindparam("of_id")).values(details=bindparam("new"))
)
SELECT_TEMPLATES = select(templates.c.name, templates.c.content)
SET_TEMPLATE = (
    update(templates).where(templates.c.name == bindparam("of_name")).values(content=bindparam("new_content"))
)
SELECT_ETRN = select(routes.c.id, routes.c.etrn_accounts).where(routes.c.etrn_accounts != "")
SET_ETRN = update(routes).where(routes.c.id == bindparam("of_id")).values(etrn_accounts=bindparam("names"))

FORGET_CHECKS = (
    update(dkim_keys)
    .where(dkim_keys.c.domain_id == bindparam("of_domain"))
    .values(seen_at=0.0, checked_at=0.0, dns="", note="", published="")
)
"""What the DNS said was of records below the old name."""
