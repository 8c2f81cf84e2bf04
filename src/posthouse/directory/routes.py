"""Routes as values, and the units that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import route_records as records
from posthouse.directory.routes_patterns import NULL_SENDER, covers, is_bounded, names_domain
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.address import Address

MOST_ROUTES = 500
MOST_ADDRESSES = 100_000
"""Addresses that one route may list."""
AT_ONCE = 500
"""Addresses added or removed by one unit."""

_FLAGS = ("active", "verify", "all_addresses", "local_recipients", "local_senders", "hold")
_LISTS = ("command",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route; see ``route_records.routes``. Patterns are in normal form; those that are not "" must all fit."""

    id: int = 0
    position: int = 0
    active: bool = True
    description: str = ""
    recipient: str = ""
    sender: str = ""
    account: str = ""
    target: str = ""
    port: int = 0
    protocol: str = "smtp"
    command: tuple[str, ...] = ()
    security: str = "may"
    verify: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = ""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    tries: int = 0
    minutes: int = 0
    all_addresses: bool = True
    local_recipients: bool = False
    local_senders: bool = False
    hold: bool = False
    etrn_networks: str = ""
    etrn_accounts: str = ""
    source: str = ""
    certificate: str = ""
    batch: int = 0
    created_at: float = 0.0
    asked_until: float = 0.0

    @property
    def domain(self) -> str:
        """The one domain whose recipients it is for; "" where these may be several."""
        return names_domain(self.recipient)

    @property
    def is_smart_host(self) -> bool:
        """Whether it takes whatever no route before it takes."""
        return self.recipient == "*" and not self.sender and not self.account

    @property
    def for_strangers(self) -> bool:
        """Whether everybody may send to its recipients. A pattern that is not bounded never lets them."""
        return self.local_recipients and is_bounded(self.recipient)

    def takes(self, recipient: Address, sender: Address | None, account: str) -> bool:
        """Whether it is for this mail. ``sender`` None is the null reverse-path, ``account`` "" nobody's."""
        if not covers(self.recipient, recipient):
            return False
        if self.sender == NULL_SENDER:
            if sender is not None:
                return False
        elif self.sender and (sender is None or not covers(self.sender, sender)):
            return False
        return not self.account or (bool(account) and covers(self.account, _address(account)))


def _address(key: str) -> Address:
    local, _, domain = key.rpartition("@")
    return Address(local, domain)


def every(tx: Transaction) -> list[Route]:
    """All routes, in the order in which they are asked."""
    return [_route(row) for row in tx.execute(records.SELECT_ROUTES)]


def active(tx: Transaction) -> tuple[Route, ...]:
    """Those that are switched on, in order."""
    return tuple(_route(row) for row in tx.execute(records.SELECT_ACTIVE))


def find(tx: Transaction, route_id: int, *, lock: bool = False) -> Route | None:
    """The route of this id."""
    ask = tx.lock if lock else tx.execute
    rows = ask(records.SELECT_ROUTE, {"of_id": route_id})
    return _route(rows[0]) if rows else None


def add(tx: Transaction, route: Route, feed: Feed | None) -> int:
    """Add a route behind all others; its id."""
    last = max((each.position for each in every(tx)), default=0)
    values = _values(route) | {"position": last + 1}
    values.pop("id")
    added = tx.insert(records.INSERT_ROUTE, values)
    bump(tx, DIRECTORY, feed)
    return added


def change(tx: Transaction, route: Route, feed: Feed | None) -> None:
    """Write a route in place of the one with its id. A token that was asked for with other credentials is not used
    any more (see ``token``)."""
    values = _values(route)
    tx.change(
        records.UPDATE_ROUTE,
        {"of_id": route.id, **{f"new_{name}": values[name] for name in records.CHANGEABLE}},
    )
    bump(tx, DIRECTORY, feed)


def remove(tx: Transaction, route_id: int, feed: Feed | None) -> None:
    """Remove a route with its addresses and its token."""
    of_route = {"of_route": route_id}
    tx.change(records.DELETE_ADDRESSES, of_route)
    tx.change(records.DELETE_TOKEN, of_route)
    tx.change(records.DELETE_ROUTE, {"of_id": route_id})
    bump(tx, DIRECTORY, feed)


def move(tx: Transaction, route_id: int, place: int, feed: Feed | None) -> int:
    """Put a route at a place (from 1; what is too far is the end); the place it has then."""
    order = [each.id for each in every(tx)]
    order.remove(route_id)
    at = min(max(place, 1), len(order) + 1)
    order.insert(at - 1, route_id)
    tx.execute_many(records.PLACE, [{"of_id": each, "place": number} for number, each in enumerate(order, 1)])
    bump(tx, DIRECTORY, feed)
    return at


def ask_for(tx: Transaction, route_ids: Sequence[int], until: float, feed: Feed | None) -> None:
    """The hosts of these routes want their mail: it is given away until then."""
    for each in sorted(route_ids):
        tx.change(records.ASKED, {"of_id": each, "until": until})
    bump(tx, DIRECTORY, feed)


# --- listed addresses --------------------------------------------------------------------------------------


def listed(tx: Transaction, route_id: int, keys: Sequence[str]) -> bool:
    """Whether a route lists one of these addresses (a few)."""
    return bool(tx.execute(records.SELECT_LISTED, {"of_route": route_id, "keys": list(keys)}))


def addresses(tx: Transaction, route_id: int, after: str, count: int) -> list[str]:
    """Addresses a route lists, in order, behind ``after``."""
    wanted = {"of_route": route_id, "after": after, "count": count}
    return [str(row[0]) for row in tx.execute(records.SELECT_ADDRESSES, wanted)]


def count_addresses(tx: Transaction, route_id: int) -> int:
    """How many addresses a route lists."""
    return int(tx.execute(records.COUNT_ADDRESSES, {"of_route": route_id})[0][0])


def add_addresses(tx: Transaction, route_id: int, keys: Sequence[str], feed: Feed | None) -> int:
    """List these addresses (at most :data:`AT_ONCE`); how many are new."""
    wanted = list(dict.fromkeys(keys))
    there = {
        str(row[0])
        for row in tx.execute(records.SELECT_LISTED, {"of_route": route_id, "keys": wanted})
        if wanted
    }
    fresh = [each for each in wanted if each not in there]
    if fresh:
        tx.execute_many(records.INSERT_ADDRESS, [{"of_route": route_id, "key": each} for each in fresh])
        bump(tx, DIRECTORY, feed)
    return len(fresh)


def remove_addresses(tx: Transaction, route_id: int, keys: Sequence[str], feed: Feed | None) -> int:
    """List these addresses no more; how many there were."""
    gone = tx.change(records.DELETE_LISTED, {"of_route": route_id, "keys": list(keys)}) if keys else 0
    if gone:
        bump(tx, DIRECTORY, feed)
    return gone


# --- the addresses mail leaves from ------------------------------------------------------------------------


def sources(tx: Transaction) -> list[tuple[str, str]]:
    """Domain and local address of each domain whose mail leaves from an address of its own."""
    return [(str(row[0]), str(row[1])) for row in tx.execute(records.SELECT_SOURCES)]


def source(tx: Transaction, domain: str) -> str:
    """The local address that mail of this domain's senders leaves from; "" for none of its own."""
    rows = tx.execute(records.SELECT_SOURCE, {"of_domain": domain})
    return str(rows[0][0]) if rows else ""


def set_source(tx: Transaction, domain: str, address: str, feed: Feed | None) -> None:
    """Let mail of a domain's senders leave from a local address; "" takes that back."""
    if address:
        tx.upsert(records.route_sources, {"domain": domain}, {"address": address})
    else:
        tx.change(records.DELETE_SOURCE, {"of_domain": domain})
    bump(tx, DIRECTORY, feed)


# --- access tokens -----------------------------------------------------------------------------------------


def token(tx: Transaction, route_id: int, fingerprint: str) -> tuple[str, float]:
    """The access token of a route and when it ends; ("", 0.0) without one that was asked for with these
    credentials."""
    rows = tx.execute(records.SELECT_TOKEN, {"of_route": route_id})
    if not rows or rows[0][2] != fingerprint:
        return "", 0.0
    return str(rows[0][0]), float(rows[0][1])


def keep_token(tx: Transaction, route_id: int, value: str, until: float, fingerprint: str) -> None:
    """Keep an access token for the other workers."""
    values = {"token": value, "until": until, "fingerprint": fingerprint}
    tx.upsert(records.route_tokens, {"route_id": route_id}, values)


def drop_token(tx: Transaction, route_id: int) -> None:
    """The token is no good."""
    tx.change(records.DELETE_TOKEN, {"of_route": route_id})


def renew_refresh(tx: Transaction, route_id: int, old: str, new: str, feed: Feed | None) -> bool:
    """The authority gave another refresh token for this one. False if somebody changed it meanwhile."""
    if not tx.change(records.SET_REFRESH, {"of_id": route_id, "old": old, "new": new}):
        return False
    bump(tx, DIRECTORY, feed)
    return True


def _route(row: Row) -> Route:
    values: dict[str, Any] = dict(zip(records.COLUMNS, row, strict=True))
    for name in _FLAGS:
        values[name] = bool(values[name])
    for name in _LISTS:
        values[name] = tuple(msgspec.json.decode(values[name], type=list[str])) if values[name] else ()
    return Route(**values)


def _values(route: Route) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(route, name) for name in records.COLUMNS}
    for name in _FLAGS:
        values[name] = int(values[name])
    for name in _LISTS:
        values[name] = msgspec.json.encode(list(values[name])).decode() if values[name] else ""
    return values
