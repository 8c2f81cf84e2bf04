"""What is shown of routes: everything but their secrets."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from posthouse.directory.routes import Route
from posthouse.manage.routes_fields import SECRETS, NewRoute

ORDINARY = tuple(name for name in NewRoute.__struct_fields__ if name not in SECRETS)
"""The fields of a route that may be shown."""


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """A route (see adding one). ``place``: the how-manieth is asked, from 1. ``secrets`` names those that are stored.
    ``addresses``: how many are listed. ``asked_until``: a route that holds its mail gives it away until then."""

    volatile: ClassVar[frozenset[str]] = frozenset(("place", "addresses", "asked_until"))

    id: int
    place: int
    recipient: str
    sender: str
    account: str
    description: str
    active: bool
    target: str
    port: int
    protocol: str
    command: list[str]
    security: str
    verify: bool
    username: str
    mechanism: str
    token_url: str
    client_id: str
    scope: str
    secrets: list[str]
    tries: int
    minutes: int
    all_addresses: bool
    addresses: int
    local_recipients: bool
    local_senders: bool
    hold: bool
    etrn_networks: str
    etrn_accounts: str
    source: str
    certificate: str
    batch: int
    created_at: float
    asked_until: float


class Routes(msgspec.Struct, frozen=True):
    """In the order in which they are asked."""

    routes: list[RouteView]


class RouteAddresses(msgspec.Struct, frozen=True):
    """In order. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    addresses: list[str]
    next: str = ""
    total: int = 0


class RouteAddressesChanged(msgspec.Struct, frozen=True):
    """``changed`` addresses were added or removed; ``total`` are listed now."""

    id: int
    changed: int
    total: int


class RouteReleased(msgspec.Struct, frozen=True):
    """``recipients`` of waiting mail are tried now."""

    id: int
    recipients: int


class RouteStep(msgspec.Struct, frozen=True):
    """One step of a test: what was done (``dns``, ``connect``, ``tls``, ``sign in`` …), with which host, and how it
    went."""

    name: str
    host: str
    good: bool
    text: str


class RouteTested(msgspec.Struct, frozen=True):
    """``good``: mail could be handed over to one of the hosts."""

    id: int
    good: bool
    steps: list[RouteStep]


class RouteSource(msgspec.Struct, frozen=True):
    """Mail of senders in ``domain`` leaves from the local ``address``; "" where it has none of its own."""

    domain: str
    address: str


class RouteSources(msgspec.Struct, frozen=True):
    """By domain."""

    sources: list[RouteSource]


def view_of(route: Route, place: int, addresses: int) -> RouteView:
    """A route as it is shown."""
    values: dict[str, Any] = {name: getattr(route, name) for name in ORDINARY}
    values["command"] = list(route.command)
    return RouteView(
        id=route.id,
        place=place,
        secrets=[name for name in SECRETS if getattr(route, name)],
        addresses=addresses,
        created_at=route.created_at,
        asked_until=route.asked_until,
        **values,
    )


def facts(route: Route) -> dict[str, Any]:
    """For the audit: secrets are told to be there, never what they are. A command may hold some, so only its program
    is told."""
    values: dict[str, Any] = {name: getattr(route, name) for name in ORDINARY if name != "token_url"}
    values["command"] = list(route.command[:1]) + (["…"] if len(route.command) > 1 else [])
    values["authority"] = route.token_url
    values["secrets"] = [name for name in SECRETS if getattr(route, name)]
    return values
