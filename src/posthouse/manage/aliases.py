"""Aliases: add, list, remove."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.manage.audit import note
from posthouse.manage.use import Call, named, narrows, use


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail for ``address`` goes to ``target``."""

    address: str
    target: str


class AliasAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alias by its address."""

    address: str


class OfDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all."""

    domain: str | None = None


class Aliases(msgspec.Struct, frozen=True):
    """By address."""

    aliases: list[Alias]


@use("alias.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: Alias) -> Alias:
    """Let mail for an address go to another one."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        added = admin.add_alias(tx, wanted.address, wanted.target, feed=feed)
        note(tx, call.actor, "alias.add", added.address, after={"target": added.target})
        return Alias(added.address, added.target)

    return await call.context.database.run(op)


@use("alias.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: OfDomain) -> Aliases:
    """List the aliases, of one domain or of all."""

    def op(tx: Transaction) -> Aliases:
        return Aliases([Alias(row.address, row.target) for row in admin.list_aliases(tx, wanted.domain)])

    return await call.context.database.scan(op)


@use("alias.remove", right="change", open_to="domain", about=named("address"))
async def remove(call: Call, wanted: AliasAddress) -> Alias:
    """Remove an alias."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        removed = admin.remove_alias(tx, wanted.address, feed=feed)
        note(tx, call.actor, "alias.remove", removed.address, before={"target": removed.target})
        return Alias(removed.address, removed.target)

    return await call.context.database.run(op)
