"""Domains: add, list, remove."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.names import domain_name
from posthouse.manage.audit import note
from posthouse.manage.use import Call, Nothing, narrows, use


class DomainName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain, in any case; internationalised names in either form."""

    name: str


class Domain(msgspec.Struct, frozen=True):
    """A domain with the number of accounts and aliases in it."""

    name: str
    accounts: int = 0
    aliases: int = 0


class Domains(msgspec.Struct, frozen=True):
    """By name."""

    domains: list[Domain]


@use("domain.add", right="change")
async def add(call: Call, wanted: DomainName) -> Domain:
    """Take mail for a domain from now on."""
    feed = call.context.feed
    name = domain_name(wanted.name)

    def op(tx: Transaction) -> Domain:
        admin.add_domain(tx, name, feed=feed)
        note(tx, call.actor, "domain.add", name, after={"name": name})
        return Domain(name)

    return await call.context.database.run(op)


@use("domain.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: Nothing) -> Domains:
    """List the domains with what they hold."""

    def op(tx: Transaction) -> Domains:
        return Domains([Domain(row.name, row.accounts, row.aliases) for row in admin.list_domains(tx)])

    return await call.context.database.scan(op)


@use("domain.remove", right="change")
async def remove(call: Call, wanted: DomainName) -> Domain:
    """Take no more mail for a domain; it must have no accounts and aliases left."""
    feed = call.context.feed
    name = domain_name(wanted.name)

    def op(tx: Transaction) -> Domain:
        admin.remove_domain(tx, name, feed=feed)
        note(tx, call.actor, "domain.remove", name, before={"name": name})
        return Domain(name)

    return await call.context.database.run(op)
