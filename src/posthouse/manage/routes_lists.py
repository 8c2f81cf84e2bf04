"""What belongs to routes and grows long: listed addresses, and the addresses that mail of domains leaves from."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory import routes as stored
from posthouse.directory.names import target_address
from posthouse.manage.audit import note
from posthouse.manage.reach import page_size
from posthouse.manage.routes import found
from posthouse.manage.routes_fields import RouteError
from posthouse.manage.routes_views import RouteAddresses, RouteAddressesChanged, RouteSource, RouteSources
from posthouse.manage.use import Call, Nothing, use
from posthouse.settings.route import check_source

AUDITED = 20
"""Addresses that an audit line names."""


class RouteAddressPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` addresses of a route, after the address ``after``."""

    id: int
    limit: int = 200
    after: str = ""


class RouteAddressList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of a route, at most 500 at once."""

    id: int
    addresses: list[str]


class RouteSourceOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``domain`` is one of ours; ``address`` an address of this machine, "" for none of its own."""

    domain: str
    address: str = ""


@use("route.addresses", right="view")
async def addresses(call: Call, wanted: RouteAddressPage) -> RouteAddresses:
    """List the addresses that a route takes which does not take all."""
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> RouteAddresses:
        found(tx, wanted.id)
        listed = stored.addresses(tx, wanted.id, wanted.after[:320], limit)
        total = stored.count_addresses(tx, wanted.id)
        return RouteAddresses(listed, listed[-1] if len(listed) == limit else "", total)

    return await call.context.database.scan(op)


@use("route.address_add", right="change")
async def add_addresses(call: Call, wanted: RouteAddressList) -> RouteAddressesChanged:
    """List further addresses that a route takes."""
    keys = _keys(wanted.addresses)

    def op(tx: Transaction) -> RouteAddressesChanged:
        found(tx, wanted.id, lock=True)
        if stored.count_addresses(tx, wanted.id) + len(keys) > stored.MOST_ADDRESSES:
            raise RouteError(
                "addresses",
                f"A route can list {stored.MOST_ADDRESSES} addresses.",
                "Let it take all, or remove some.",
                "refused",
            )
        count = stored.add_addresses(tx, wanted.id, keys, call.context.feed)
        if count:
            note(tx, call.actor, "route.address_add", str(wanted.id), after=_told(keys))
        return RouteAddressesChanged(wanted.id, count, stored.count_addresses(tx, wanted.id))

    return await call.context.database.run(op)


@use("route.address_remove", right="change")
async def remove_addresses(call: Call, wanted: RouteAddressList) -> RouteAddressesChanged:
    """List addresses no more; mail that waits for them goes back to its sender."""
    keys = _keys(wanted.addresses)

    def op(tx: Transaction) -> RouteAddressesChanged:
        found(tx, wanted.id, lock=True)
        count = stored.remove_addresses(tx, wanted.id, keys, call.context.feed)
        if count:
            note(tx, call.actor, "route.address_remove", str(wanted.id), before=_told(keys))
        return RouteAddressesChanged(wanted.id, count, stored.count_addresses(tx, wanted.id))

    return await call.context.database.run(op)


@use("route.sources", right="view")
async def list_sources(call: Call, wanted: Nothing) -> RouteSources:
    """List the domains whose mail leaves from an address of its own."""
    listed = await call.context.database.scan(stored.sources)
    return RouteSources([RouteSource(*each) for each in listed])


@use("route.source", right="change")
async def set_source(call: Call, wanted: RouteSourceOf) -> RouteSource:
    """Let mail of a domain's senders leave from an address of this machine, or from any."""
    address = wanted.address.strip()
    if complaint := check_source(address):
        raise RouteError("address", f"{address[:80]!r} {complaint}.", "Give an address like 192.0.2.1.")

    def op(tx: Transaction) -> RouteSource:
        domain = admin.find_domain(tx, wanted.domain).name
        before = stored.source(tx, domain)
        if before != address:
            stored.set_source(tx, domain, address, call.context.feed)
            note(
                tx, call.actor, "route.source", domain, before={"address": before}, after={"address": address}
            )
        return RouteSource(domain, address)

    return await call.context.database.run(op)


def _keys(texts: list[str]) -> list[str]:
    if not texts or len(texts) > stored.AT_ONCE:
        raise RouteError("addresses", f"Give 1 to {stored.AT_ONCE} addresses at once.", "Use several calls.")
    return list(dict.fromkeys(target_address(each).key for each in texts))


def _told(keys: list[str]) -> dict[str, object]:
    return {"addresses": keys[:AUDITED], "count": len(keys)}
