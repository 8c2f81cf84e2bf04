"""Domains: add, list, show, change, remove; their other names. Templates are in ``domain_templates``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, domains, listing
from posthouse.directory.domains import LIMITS, Properties
from posthouse.directory.names import domain_name
from posthouse.manage.accounts_csv import parse_quota
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size, within
from posthouse.manage.removed_purge import end_removal, remove_in
from posthouse.manage.use import Call, named, narrows, not_allowed, use

_SIZES = ("max_size", "max_message", "max_account", "quota")
_OF_THE_SERVER = ("active", *LIMITS)
"""What a domain's own administrator may not change."""


class DomainName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain, in any case; internationalised names in either form."""

    name: str


class RemoveDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain to remove, with ``everything`` in it, or only when no account and no alias is left. ``purge``: for good
    at once, without a way back."""

    name: str
    everything: bool = False
    purge: bool = False


class NewDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new domain, made from a ``template`` where one is named."""

    name: str
    template: str = ""


class OtherName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain and another name of it."""

    name: str
    other: str


class DomainChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is not given stays. Sizes such as ``2G``, or ``none``; counts 0 for no limit.

    ``active``: mail is taken and people may sign in. ``plus``: the character before the detail of an address, "" for
    none; ``plus_folder``: a detail chooses the folder of its name. ``catch_all``: who gets mail for addresses that
    nobody has, "" for nobody; ``postmaster``: who gets the postmaster's. ``max_size``: all mailboxes together;
    ``max_message``: the largest message its people send or take; ``max_account``: the largest quota. ``quota``,
    ``language``, ``time_zone`` and ``protocols`` are what new accounts are given. The server's administrator alone
    changes ``active`` and the limits.
    """

    name: str
    active: bool | None = None
    plus: str | None = None
    plus_folder: bool | None = None
    catch_all: str | None = None
    postmaster: str | None = None
    max_size: str | None = None
    max_message: str | None = None
    max_account: str | None = None
    max_accounts: int | None = None
    max_aliases: int | None = None
    max_lists: int | None = None
    quota: str | None = None
    language: str | None = None
    time_zone: str | None = None
    protocols: list[str] | None = None


class Domain(msgspec.Struct, frozen=True):
    """A domain with the number of accounts and aliases in it."""

    name: str
    accounts: int = 0
    aliases: int = 0
    active: bool = True


class DomainDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A domain with all that holds in it; sizes in bytes, limits 0 where there is none. ``others`` are its other
    names. The rest is as in a change."""

    name: str
    accounts: int = 0
    aliases: int = 0
    others: list[str] = []
    active: bool = True
    plus: str = "+"
    plus_folder: bool = False
    catch_all: str = ""
    postmaster: str = ""
    max_size: int = 0
    max_message: int = 0
    max_account: int = 0
    max_accounts: int = 0
    max_aliases: int = 0
    max_lists: int = 0
    quota: int = 0
    language: str = ""
    time_zone: str = ""
    protocols: list[str] = []


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
async def add(call: Call, wanted: NewDomain) -> DomainDetails:
    """Take mail for a domain from now on."""
    feed = call.context.feed
    name = domain_name(wanted.name)

    def op(tx: Transaction) -> DomainDetails:
        admin.add_domain(tx, name, template=wanted.template, feed=feed)
        after = {"name": name, **({"template": wanted.template} if wanted.template else {})}
        note(tx, call.actor, "domain.add", name, after=after)
        return details_of(tx, name)

    return await call.context.database.run(op)


@use("domain.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: DomainPage) -> Domains:
    """List the domains with what they hold."""
    own = within(call, "domain.list", None)
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> Domains:
        page = listing.page_domains(tx, own, wanted.search, wanted.after, limit)
        views = [Domain(row.name, row.accounts, row.aliases, row.active) for row in page.rows]
        return Domains(views, views[-1].name if len(views) == limit else "", page.total)

    return await call.context.database.scan(op)


@use("domain.show", right="view", open_to="domain", about=named("name"))
async def show(call: Call, wanted: DomainName) -> DomainDetails:
    """Show one domain: what it holds, its other names, its limits, what its new accounts are given."""

    def op(tx: Transaction) -> DomainDetails:
        return details_of(tx, wanted.name)

    return await call.context.database.scan(op)


@use("domain.set", right="change", open_to="domain", about=named("name"), conditional=True)
async def put(call: Call, wanted: DomainChange) -> DomainDetails:
    """Change what holds in a domain; what is not given stays."""
    feed = call.context.feed
    name = domain_name(wanted.name)
    given = changes_of(wanted)
    if call.actor.role != "server" and any(each in given for each in _OF_THE_SERVER):
        raise not_allowed(call.actor, "domain.set", "change")

    def op(tx: Transaction) -> DomainDetails:
        call.check(details_of(tx, name))
        before, after = domains.change(tx, name, given, feed=feed)
        old, new = _differing(before, after)
        if new:
            note(tx, call.actor, "domain.set", name, before=old, after=new)
        return details_of(tx, name)

    return await call.context.database.run(op)


@use("domain.name_add", right="change")
async def add_name(call: Call, wanted: OtherName) -> DomainDetails:
    """Let a domain have another name: mail to it, from it and signing in with it are as with the domain's own."""
    feed = call.context.feed

    def op(tx: Transaction) -> DomainDetails:
        other = domains.add_name(tx, wanted.name, wanted.other, feed=feed)
        name = domain_name(wanted.name)
        note(tx, call.actor, "domain.name_add", name, after={"other": other})
        return details_of(tx, name)

    return await call.context.database.run(op)


@use("domain.name_remove", right="change")
async def remove_name(call: Call, wanted: OtherName) -> DomainDetails:
    """Take another name from a domain: mail to it is refused from then on."""
    feed = call.context.feed

    def op(tx: Transaction) -> DomainDetails:
        other = domains.remove_name(tx, wanted.name, wanted.other, feed=feed)
        name = domain_name(wanted.name)
        note(tx, call.actor, "domain.name_remove", name, before={"other": other})
        return details_of(tx, name)

    return await call.context.database.run(op)


@use("domain.remove", right="change", conditional=True)
async def remove(call: Call, wanted: RemoveDomain) -> Domain:
    """Take no more mail for a domain. It can be restored for some days, unless it is removed for good at once."""
    name = domain_name(wanted.name)

    def op(tx: Transaction) -> Domain:
        call.check(details_of(tx, name))
        remove_in(tx, call, name, everything=wanted.everything, purge=wanted.purge)
        return Domain(name)

    removed = await call.context.database.run(op)
    await end_removal(call, name)
    return removed


def details_of(tx: Transaction, name: str) -> DomainDetails:
    """All there is about a domain. Raises DirectoryError."""
    info = admin.find_domain(tx, name)
    held = domains.properties_of(tx, info.id)
    return DomainDetails(
        name=info.name,
        accounts=info.accounts,
        aliases=info.aliases,
        others=domains.names_of(tx, info.id),
        **{**asdict(held), "protocols": list(held.protocols)},
    )


def changes_of(wanted: msgspec.Struct) -> dict[str, Any]:
    """What is given, by the names and in the form of :class:`Properties`. Raises ManageError."""
    given = {
        key: value
        for key, value in msgspec.structs.asdict(wanted).items()
        if value is not None and key != "name"
    }
    for key in _SIZES:
        if key in given:
            given[key] = _size(given[key])
    if "protocols" in given:
        given["protocols"] = tuple(given["protocols"])
    return given


def _size(text: str) -> int:
    try:
        return parse_quota(text)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Write it like 2G or 500M, or none.") from None


def _differing(before: Properties, after: Properties) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = asdict(before), asdict(after)
    keys = [key for key in new if old[key] != new[key]]
    return {key: old[key] for key in keys}, {key: new[key] for key in keys}
