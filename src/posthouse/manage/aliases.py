"""Aliases: add, list, show, remove."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, listing
from posthouse.manage.audit import note
from posthouse.manage.reach import guard_detail, page_size, within
from posthouse.manage.use import Call, named, narrows, use


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail for ``address`` goes to ``target``."""

    address: str
    target: str


class AliasAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alias by its address."""

    address: str


class AliasPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all; with ``search`` in the address; ``limit`` of them after the address ``after``."""

    domain: str | None = None
    search: str = ""
    limit: int = 200
    after: str = ""


class Aliases(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    aliases: list[Alias]
    next: str = ""
    total: int = 0


@use("alias.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: Alias) -> Alias:
    """Let mail for an address go to another one."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        guard_detail(tx, call, "alias.add", wanted.address)
        added = admin.add_alias(tx, wanted.address, wanted.target, feed=feed)
        note(tx, call.actor, "alias.add", added.address, after={"target": added.target})
        return Alias(added.address, added.target)

    return await call.context.database.run(op)


@use("alias.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: AliasPage) -> Aliases:
    """List the aliases, of one domain or of all."""
    domains = within(call, "alias.list", wanted.domain)
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> Aliases:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        page = listing.page_aliases(tx, domains, wanted.search, wanted.after, limit)
        views = [Alias(row.address, row.target) for row in page.rows]
        return Aliases(views, views[-1].address if len(views) == limit else "", page.total)

    return await call.context.database.scan(op)


@use("alias.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AliasAddress) -> Alias:
    """Show where one alias leads."""

    def op(tx: Transaction) -> Alias:
        found = admin.find_alias(tx, wanted.address)
        return Alias(found.address, found.target)

    return await call.context.database.scan(op)


@use("alias.remove", right="change", open_to="domain", about=named("address"), conditional=True)
async def remove(call: Call, wanted: AliasAddress) -> Alias:
    """Remove an alias."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        found = admin.find_alias(tx, wanted.address)
        call.check(Alias(found.address, found.target))
        removed = admin.remove_alias(tx, wanted.address, feed=feed)
        note(tx, call.actor, "alias.remove", removed.address, before={"target": removed.target})
        return Alias(removed.address, removed.target)

    return await call.context.database.run(op)
