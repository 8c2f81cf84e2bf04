"""Routes. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class RouteAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """In order. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    addresses: list[str]
    next: str = ""
    total: int = 0


class RouteAddressesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """`changed` addresses were added or removed; `total` are listed now."""

    id: int
    changed: int
    total: int


class RouteReleased(msgspec.Struct, frozen=True, kw_only=True):
    """`recipients` of waiting mail are tried now."""

    id: int
    recipients: int


class RouteSource(msgspec.Struct, frozen=True, kw_only=True):
    """Mail of senders in `domain` leaves from the local `address`; "" where it has none of its own."""

    domain: str
    address: str


class RouteSources(msgspec.Struct, frozen=True, kw_only=True):
    """By domain."""

    sources: list[RouteSource]


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a test: what was done (`dns`, `connect`, `tls`, `sign in` …), with which host, and how it
    went."""

    name: str
    host: str
    good: bool
    text: str


class RouteTested(msgspec.Struct, frozen=True, kw_only=True):
    """`good`: mail could be handed over to one of the hosts."""

    id: int
    good: bool
    steps: list[RouteStep]


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """A route (see adding one). `place`: the how-manieth is asked, from 1. `secrets` names those that are
    stored. `addresses`: how many are listed. `asked_until`: a route that holds its mail gives it away until
    then."""

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


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which they are asked."""

    routes: list[RouteView]


class RoutesCalls(Topic):
    """Calls of the topic Routes."""

    def route_list(self) -> Routes:
        """List the routes in the order in which they are asked, never their secrets. Right: view."""
        return self._link.ask("GET", "/routes", Routes)

    def route_add(
        self,
        *,
        recipient: str = "",
        sender: str = "",
        account: str = "",
        description: str = "",
        active: bool = True,
        target: str = "",
        port: int = 0,
        protocol: Literal["smtp", "lmtp", "pipe"] = "smtp",
        command: Sequence[str] = (),
        security: Literal["none", "may", "starttls", "tls"] = "may",
        verify: bool = False,
        username: str = "",
        password: str = "",
        mechanism: Literal["", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "XOAUTH2"] = "",
        token_url: str = "",
        client_id: str = "",
        client_secret: str = "",
        refresh_token: str = "",
        scope: str = "",
        tries: int = 0,
        minutes: int = 0,
        all_addresses: bool = True,
        local_recipients: bool = False,
        local_senders: bool = False,
        hold: bool = False,
        etrn_networks: str = "",
        etrn_accounts: str = "",
        source: str = "",
        certificate: str = "",
        batch: int = 0,
        idempotency_key: str = "",
    ) -> RouteView:
        """Add a route, behind all others. Right: change."""
        return self._link.ask(
            "POST",
            "/routes",
            RouteView,
            body=given(
                {},
                ("recipient", recipient, ""),
                ("sender", sender, ""),
                ("account", account, ""),
                ("description", description, ""),
                ("active", active, True),
                ("target", target, ""),
                ("port", port, 0),
                ("protocol", protocol, "smtp"),
                ("command", command, ()),
                ("security", security, "may"),
                ("verify", verify, False),
                ("username", username, ""),
                ("password", password, ""),
                ("mechanism", mechanism, ""),
                ("token_url", token_url, ""),
                ("client_id", client_id, ""),
                ("client_secret", client_secret, ""),
                ("refresh_token", refresh_token, ""),
                ("scope", scope, ""),
                ("tries", tries, 0),
                ("minutes", minutes, 0),
                ("all_addresses", all_addresses, True),
                ("local_recipients", local_recipients, False),
                ("local_senders", local_senders, False),
                ("hold", hold, False),
                ("etrn_networks", etrn_networks, ""),
                ("etrn_accounts", etrn_accounts, ""),
                ("source", source, ""),
                ("certificate", certificate, ""),
                ("batch", batch, 0),
            ),
            key=idempotency_key,
        )

    def route_smart_host(
        self,
        *,
        target: str = "",
        port: int = 0,
        security: str = "starttls",
        verify: bool = True,
        username: str = "",
        password: str | None = None,
    ) -> Routes:
        """Send all mail that takes no other route by one host (the route `*`), or by none. Right: change."""
        return self._link.ask(
            "PUT",
            "/routes/smart-host",
            Routes,
            body=given(
                {},
                ("target", target, ""),
                ("port", port, 0),
                ("security", security, "starttls"),
                ("verify", verify, True),
                ("username", username, ""),
                ("password", password, None),
            ),
        )

    def route_sources(self) -> RouteSources:
        """List the domains whose mail leaves from an address of its own. Right: view."""
        return self._link.ask("GET", "/routes/sources", RouteSources)

    def route_source(self, domain: str, *, address: str = "") -> RouteSource:
        """Let mail of a domain's senders leave from an address of this machine, or from any. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/routes/sources/{}", domain),
            RouteSource,
            body=given({}, ("address", address, "")),
        )

    def route_remove(self, id: int, *, if_match: str = "") -> RouteView:
        """Remove a route. What waits for it takes the way that is there then, or goes back to its sender.
        Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/routes/{}", id), RouteView, if_match=if_match)

    def route_show(self, id: int) -> Tagged[RouteView]:
        """Show one route. Right: view."""
        return self._link.tagged("GET", path_of("/routes/{}", id), RouteView)

    def route_change(
        self,
        id: int,
        *,
        recipient: str | None = None,
        sender: str | None = None,
        account: str | None = None,
        description: str | None = None,
        active: bool | None = None,
        target: str | None = None,
        port: int | None = None,
        protocol: Literal["smtp", "lmtp", "pipe"] | None = None,
        command: Sequence[str] | None = None,
        security: Literal["none", "may", "starttls", "tls"] | None = None,
        verify: bool | None = None,
        username: str | None = None,
        password: str | None = None,
        mechanism: Literal["", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "XOAUTH2"] | None = None,
        token_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        refresh_token: str | None = None,
        scope: str | None = None,
        tries: int | None = None,
        minutes: int | None = None,
        all_addresses: bool | None = None,
        local_recipients: bool | None = None,
        local_senders: bool | None = None,
        hold: bool | None = None,
        etrn_networks: str | None = None,
        etrn_accounts: str | None = None,
        source: str | None = None,
        certificate: str | None = None,
        batch: int | None = None,
        if_match: str = "",
    ) -> RouteView:
        """Change a route, or switch it on or off. What waits for it goes by it as it is then. Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/routes/{}", id),
            RouteView,
            body=given(
                {},
                ("recipient", recipient, None),
                ("sender", sender, None),
                ("account", account, None),
                ("description", description, None),
                ("active", active, None),
                ("target", target, None),
                ("port", port, None),
                ("protocol", protocol, None),
                ("command", command, None),
                ("security", security, None),
                ("verify", verify, None),
                ("username", username, None),
                ("password", password, None),
                ("mechanism", mechanism, None),
                ("token_url", token_url, None),
                ("client_id", client_id, None),
                ("client_secret", client_secret, None),
                ("refresh_token", refresh_token, None),
                ("scope", scope, None),
                ("tries", tries, None),
                ("minutes", minutes, None),
                ("all_addresses", all_addresses, None),
                ("local_recipients", local_recipients, None),
                ("local_senders", local_senders, None),
                ("hold", hold, None),
                ("etrn_networks", etrn_networks, None),
                ("etrn_accounts", etrn_accounts, None),
                ("source", source, None),
                ("certificate", certificate, None),
                ("batch", batch, None),
            ),
            if_match=if_match,
        )

    def route_addresses(self, id: int, *, limit: int = 200, after: str = "") -> RouteAddresses:
        """List the addresses that a route takes which does not take all. Right: view."""
        return self._link.ask(
            "GET",
            path_of("/routes/{}/addresses", id),
            RouteAddresses,
            query=given({}, ("limit", limit, 200), ("after", after, "")),
        )

    def route_address_add(
        self, id: int, *, addresses: Sequence[str], idempotency_key: str = ""
    ) -> RouteAddressesChanged:
        """List further addresses that a route takes. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/routes/{}/addresses", id),
            RouteAddressesChanged,
            body=given({"addresses": addresses}),
            key=idempotency_key,
        )

    def route_address_remove(
        self, id: int, *, addresses: Sequence[str], idempotency_key: str = ""
    ) -> RouteAddressesChanged:
        """List addresses no more; mail that waits for them goes back to its sender. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/routes/{}/addresses/remove", id),
            RouteAddressesChanged,
            body=given({"addresses": addresses}),
            key=idempotency_key,
        )

    def route_move(self, id: int, *, place: int, idempotency_key: str = "") -> RouteView:
        """Change the place of a route: of several that fit, the first takes the mail. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/routes/{}/move", id),
            RouteView,
            body=given({"place": place}),
            key=idempotency_key,
        )

    def route_release(self, id: int, *, idempotency_key: str = "") -> RouteReleased:
        """Try what waits for a route now; one that holds its mail gives it away for a while, as if its host
        had asked. Right: change."""
        return self._link.ask("POST", path_of("/routes/{}/release", id), RouteReleased, key=idempotency_key)

    def route_test(self, id: int, *, domain: str = "", idempotency_key: str = "") -> RouteTested:
        """Connect to the hosts of a route and tell step by step how far it works; no mail is sent. Right:
        change."""
        return self._link.ask(
            "POST",
            path_of("/routes/{}/test", id),
            RouteTested,
            body=given({}, ("domain", domain, "")),
            key=idempotency_key,
        )
