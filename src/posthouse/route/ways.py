"""Where mail leaves to (``contract.Ways``): literals, routes in order, then the domain's own hosts."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from time import time
from typing import cast

from posthouse.directory.contract import Directory
from posthouse.directory.routes import Route
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.routes_patterns import covers
from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import LOCAL, MX, ROUTE
from posthouse.route.contract import Credentials, Security, Way
from posthouse.route.targets import a_labels, parse_targets
from posthouse.settings import mx as settings_mx
from posthouse.settings import route as settings_route
from posthouse.settings.contract import CurrentSettings

XOAUTH2 = "XOAUTH2"

MOST_MADE = 1000
"""Ways that are remembered, so that they need not be put together for each message."""


class RouteWays:
    """Finds ways. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        book: RouteBook,
        directory: Directory,
        settings: CurrentSettings,
        clock: Callable[[], float] = time,
    ) -> None:
        self._book = book
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._made: dict[tuple[int, str, str, bool], tuple[Route, Way]] = {}

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        """The way for one recipient; see ``contract.Ways``. An address of ours leads to :data:`LOCAL` where there is
        an account, an alias or a list by now, else only to a route that names it or its domain. The access token of a
        route with XOAUTH2 is not in it: it is put in where it is needed (``deliver.remote.oauth``)."""
        local = await self._directory.is_local_domain(recipient.domain)
        if local:
            target = await self._directory.target(recipient)
            caught = target.caught and await self.covers(recipient)
            if target.kind in ("account", "alias", "list") and not caught:
                return Way(LOCAL)
        if refusal := self._literal(recipient.domain):
            return refusal
        route = await self.route(recipient, sender, account_id, local=local)
        if route is not None:
            if not route.all_addresses and not await self._book.lists(route, recipient):
                return Refusal(550, "5.1.1", "No such user here", cause=f"not listed in route {route.id}")
            return await self._by_route(route, recipient, sender, account_id)
        if local:
            return Refusal(550, "5.1.1", "No such user here")
        return await self._by_mx(recipient.domain, sender, account_id)

    async def route(
        self, recipient: Address, sender: Address | None, account_id: int | None, *, local: bool
    ) -> Route | None:
        """The first route for this mail. For recipients in a domain of ours (``local``) only those count that name
        the domain: a smart host takes no mail for addresses that nobody has."""
        routes = await self._book.routes()
        account = None
        if account_id is not None and any(route.account for route in routes):
            account = await self._directory.account(account_id)
        for route in routes:
            if local and route.domain != recipient.domain:
                continue
            if route.takes(recipient, sender, account.address if account is not None else ""):
                return route
        return None

    async def covers(self, address: Address) -> bool:
        """Whether a route that names its domain takes an address of ours that nobody has; one with a list of addresses
        takes those alone, the others are the catch-all's."""
        for route in await self._book.routes():
            if route.domain != address.domain or not route.takes(address, None, ""):
                continue
            if route.all_addresses or await self._book.lists(route, address):
                return True
        return False

    async def treats_as_local(self, sender: Address | None) -> bool:
        """Whether a sender is of ours, or of a domain that a route treats as local when it sends."""
        if sender is None:
            return False
        if await self._directory.is_local_domain(sender.domain):
            return True
        routes = await self._book.routes()
        return any(route.local_senders and covers(route.recipient, sender) for route in routes)

    def _literal(self, domain: str) -> Refusal | None:
        """Why mail may not go to an address literal (RFC 5321 4.1.3); None for other domains."""
        if not domain.startswith("["):
            return None
        if not self._settings.now[settings_mx.ADDRESS_LITERALS]:
            return Refusal(550, "5.1.3", "Mail to IP addresses in brackets is not sent from here")
        if not ip_address(domain[1:-1].removeprefix("IPv6:")).is_global:
            return Refusal(550, "5.1.3", "Mail to IP addresses that are not public is not sent from here")
        return None

    async def _by_mx(self, domain: str, sender: Address | None, account_id: int | None) -> Way | Refusal:
        name = _mx_name(domain)
        if isinstance(name, Refusal):
            return name
        source = await self._source(sender, account_id)
        return Way(f"{MX}{name}", domain=name, source=source)

    async def _by_route(
        self, route: Route, recipient: Address, sender: Address | None, account_id: int | None
    ) -> Way | Refusal:
        targets = parse_targets(route.target, route.port or default_port(route))
        domain, destination = "", f"{ROUTE}{route.id}"
        if not targets and route.protocol != "pipe":
            name = _mx_name(recipient.domain)
            if isinstance(name, Refusal):
                return name
            domain = name
            if not route.domain:  # for several domains: each has hosts of its own, and waits by itself
                destination = f"{MX}{name}"
        source = route.source or await self._source(sender, account_id)
        retrying = not route.hold or self._clock() < route.asked_until
        # The book gives the same object for as long as the route is what it was.
        place = (route.id, domain, source, retrying)
        known = self._made.get(place)
        if known is not None and known[0] is route and known[1].destination == destination:
            return known[1]
        way = way_of(
            route, targets=targets, domain=domain, destination=destination, source=source, retrying=retrying
        )
        if len(self._made) >= MOST_MADE:
            self._made.clear()
        self._made[place] = route, way
        return way

    async def _source(self, sender: Address | None, account_id: int | None) -> str:
        """The local address to connect from: by the sender's domain, by that of the account, by the setting."""
        domains = [sender.domain] if sender is not None else []
        if account_id is not None:
            account = await self._directory.account(account_id)
            domains += [account.address.rpartition("@")[2]] if account is not None else []
        for domain in domains:
            if found := await self._book.source(domain):
                return found
        return self._settings.now[settings_route.SOURCE]


def way_of(route: Route, **more: object) -> Way:
    """The way a route says; ``more`` are fields of it that depend on the mail."""
    values: dict[str, object] = {
        "destination": f"{ROUTE}{route.id}",
        "targets": parse_targets(route.target, route.port or default_port(route)),
        "protocol": route.protocol,
        "security": route.security,
        "verify": route.verify,
        "credentials": _credentials(route),
        "command": route.command,
        "source": route.source,
        "certificate": route.certificate,
        "route_id": route.id,
        "name": route.description or route.recipient or route.sender or route.account,
        "tries": route.tries,
        "minutes": route.minutes,
        "batch": route.batch,
    }
    return Way(**cast("dict[str, str]", values | more))  # type: ignore[arg-type]


def default_port(route: Route) -> int:
    """The port of targets that name none, by protocol and security."""
    if route.protocol == "lmtp":
        return 24
    return 465 if cast("Security", route.security) == "tls" else 25


def _credentials(route: Route) -> Credentials | None:
    if not route.username:
        return None
    password = "" if route.mechanism == XOAUTH2 else route.password
    return Credentials(route.username, password, route.mechanism)  # type: ignore[arg-type]


def _mx_name(domain: str) -> str | Refusal:
    """A domain as it is asked for in the DNS; the refusal of names that can be in no DNS we know."""
    if domain.startswith("["):
        return domain
    try:
        name = a_labels(domain)
    except ValueError as problem:
        return Refusal(550, "5.1.2", f"Impossible domain: {problem}")
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return Refusal(550, "5.1.2", "There can be no such domain: its name has no ending")
    if len(name) > 253 or any(not 0 < len(label) < 64 for label in labels):
        return Refusal(550, "5.1.2", "There can be no such domain: its name is too long")
    return name
