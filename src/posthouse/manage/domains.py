"""Domains: add, list, show, remove."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, listing
from posthouse.directory.names import domain_name
from posthouse.manage.audit import note
from posthouse.manage.reach import page_size, within
from posthouse.manage.use import Call, named, narrows, use


class DomainName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain, in any case; internationalised names in either form."""

    name: str


class Domain(msgspec.Struct, frozen=True):
    """A domain with the number of accounts and aliases in it."""

    name: str
    accounts: int = 0
    aliases: int = 0


class DomainPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With ``search`` in the name; ``limit`` of them after the name ``after``."""

    search: str = ""
    limit: int = 200
    after: str = ""


class Domains(msgspec.Struct, frozen=True):
    """By name. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    domains: list[Domain]
    next: str = ""
    total: int = 0


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
async def list_all(call: Call, wanted: DomainPage) -> Domains:
    """List the domains with what they hold."""
    own = within(call, "domain.list", None)
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> Domains:
        page = listing.page_domains(tx, own, wanted.search, wanted.after, limit)
        views = [_view(row) for row in page.rows]
        return Domains(views, views[-1].name if len(views) == limit else "", page.total)

    return await call.context.database.scan(op)


def _view(row: admin.DomainInfo) -> Domain:
    return Domain(row.name, row.accounts, row.aliases)


@use("domain.show", right="view", open_to="domain", about=named("name"))
async def show(call: Call, wanted: DomainName) -> Domain:
    """Show one domain with what it holds."""

    def op(tx: Transaction) -> Domain:
        return _view(admin.find_domain(tx, wanted.name))

    return await call.context.database.scan(op)


@use("domain.remove", right="change", conditional=True)
async def remove(call: Call, wanted: DomainName) -> Domain:
    """Take no more mail for a domain; it must have no accounts and aliases left."""
    feed = call.context.feed
    name = domain_name(wanted.name)

    def op(tx: Transaction) -> Domain:
        call.check(_view(admin.find_domain(tx, name)))
        admin.remove_domain(tx, name, feed=feed)
        note(tx, call.actor, "domain.remove", name, before={"name": name})
        return Domain(name)

    return await call.context.database.run(op)
