"""Routes: which mail leaves by which hosts, in order, and what is tried of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import routes as stored
from posthouse.directory.routes import Route
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.routes_fields import SECRETS, NewRoute, RouteChange, RouteError, checked, given
from posthouse.manage.routes_views import (
    RouteReleased,
    Routes,
    RouteStep,
    RouteTested,
    RouteView,
    facts,
    view_of,
)
from posthouse.manage.use import Call, Nothing, Private, use
from posthouse.queue.contract import ROUTE
from posthouse.queue.etrn import release as release_rows
from posthouse.route.etrn import CHUNK, give_away
from posthouse.route.ways import XOAUTH2
from posthouse.settings import route as settings_route


class RouteTester(Protocol):
    """Tries a route at once; the running server has it."""

    async def test(self, route: Route, domain: str) -> list[RouteStep]:
        """What happens with each host of the route, up to the point where mail would be handed over. ``domain`` is
        asked for its MX where the route names no target. Never raises for what others do."""


class RouteId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A route by its id."""

    id: int


class RouteTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``domain``: whose MX hosts are asked, for a route without targets that is for several domains."""

    id: int
    domain: str = ""


class RouteMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a route at a place, from 1; what is beyond the last is the end."""

    id: int
    place: int


class SmartHost(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The host that takes all mail that no other route takes: the route ``*``. Without ``target`` it is removed, and
    mail goes to the hosts of its domain again. ``password`` left out stays as it is."""

    target: str = ""
    port: int = 0
    security: str = "starttls"
    verify: bool = True
    username: str = ""
    password: str | None = None


@use("route.list", right="view")
async def list_routes(call: Call, wanted: Nothing) -> Routes:
    """List the routes in the order in which they are asked, never their secrets."""

    def op(tx: Transaction) -> Routes:
        return Routes(
            [
                view_of(each, place, stored.count_addresses(tx, each.id))
                for place, each in enumerate(stored.every(tx), 1)
            ]
        )

    return await call.context.database.scan(op)


@use("route.show", right="view")
async def show(call: Call, wanted: RouteId) -> RouteView:
    """Show one route."""
    return await call.context.database.scan(_shown, wanted.id)


@use("route.add", right="change")
async def add(call: Call, wanted: NewRoute) -> RouteView:
    """Add a route, behind all others."""
    route = checked(Route(**given(wanted), created_at=time.time()))
    if route.command:
        require_fresh(call)  # it is run with the rights of the server

    def op(tx: Transaction) -> RouteView:
        return _add(tx, call, route)

    return await call.context.database.run(op)


@use("route.change", right="change", conditional=True)
async def change(call: Call, wanted: RouteChange) -> RouteView:
    """Change a route, or switch it on or off. What waits for it goes by it as it is then."""
    former = await call.context.database.scan(found, wanted.id)
    values = given(wanted)
    if values.get("command") and values["command"] != former.command:
        require_fresh(call)

    def op(tx: Transaction) -> RouteView:
        before = found(tx, wanted.id, lock=True)
        call.check(_shown(tx, wanted.id))
        after = checked(
            replace(before, **values)
        )  # what is wrong with a host is said before what it would learn
        _guard_secrets(before, values)
        return _change(tx, call, before, after)

    changed = await call.context.database.run(op)
    if former.hold and not (changed.hold and changed.active):
        await _release_all(call, changed.id)
    return changed


@use("route.remove", right="change", conditional=True)
async def remove(call: Call, wanted: RouteId) -> RouteView:
    """Remove a route. What waits for it takes the way that is there then, or goes back to its sender."""

    def op(tx: Transaction) -> RouteView:
        route = found(tx, wanted.id, lock=True)
        shown = _shown(tx, wanted.id)
        call.check(shown)
        stored.remove(tx, route.id, call.context.feed)
        note(tx, call.actor, "route.remove", str(route.id), before=facts(route))
        return shown

    shown = await call.context.database.run(op)
    await _release_all(call, shown.id)
    return shown


@use("route.move", right="change")
async def move(call: Call, wanted: RouteMove) -> RouteView:
    """Change the place of a route: of several that fit, the first takes the mail."""

    def op(tx: Transaction) -> RouteView:
        found(tx, wanted.id, lock=True)
        before = _shown(tx, wanted.id).place
        place = stored.move(tx, wanted.id, wanted.place, call.context.feed)
        note(tx, call.actor, "route.move", str(wanted.id), before={"place": before}, after={"place": place})
        return _shown(tx, wanted.id)

    return await call.context.database.run(op)


@use("route.release", right="change")
async def release(call: Call, wanted: RouteId) -> RouteReleased:
    """Try what waits for a route now; one that holds its mail gives it away for a while, as if its host had asked."""
    now = time.time()
    until = now + call.context.settings.now[settings_route.ETRN_TIME]

    def op(tx: Transaction) -> None:
        found(tx, wanted.id, lock=True)
        note(tx, call.actor, "route.release", str(wanted.id))

    await call.context.database.run(op)
    count = await give_away(call.context.database, call.context.feed, [wanted.id], until, now)
    return RouteReleased(wanted.id, count)


@use("route.test", right="change")
async def test(call: Call, wanted: RouteTrial) -> RouteTested:
    """Connect to the hosts of a route and tell step by step how far it works; no mail is sent."""
    tester = call.context.routes
    if tester is None:
        raise ManageError(
            "unavailable", "The server is stopped: nothing can be tried.", "Start it, then try again."
        )
    route = await call.context.database.scan(found, wanted.id)
    if route.protocol == "pipe":
        raise ManageError(
            "refused", "A command is run for mail only.", "Send a message to one of its recipients."
        )
    domain = wanted.domain.strip() or route.domain
    if not route.target and not domain:
        raise ManageError(
            "invalid", "It is for several domains.", "Say whose hosts are to be tried: a domain."
        )
    steps = await tester.test(route, domain)
    ended = {step.host: step.good for step in steps if step.host}
    return RouteTested(route.id, any(ended.values()), steps)


@use("route.smart_host", right="change")
async def smart_host(call: Call, wanted: SmartHost) -> Routes:
    """Send all mail that takes no other route by one host (the route ``*``), or by none."""
    values: dict[str, Any] = {
        "target": wanted.target.strip(),
        "port": wanted.port,
        "security": wanted.security,
        "verify": wanted.verify,
        "username": wanted.username.strip(),
    }
    if wanted.security not in ("none", "may", "starttls", "tls"):
        raise RouteError("security", "There is no such security.", "Give one of none, may, starttls, tls.")
    if wanted.password is not None:
        values["password"] = wanted.password

    def op(tx: Transaction) -> list[Route]:
        there = [each for each in stored.every(tx) if each.is_smart_host]
        if not wanted.target.strip():
            for each in there:
                stored.remove(tx, each.id, call.context.feed)
                note(tx, call.actor, "route.remove", str(each.id), before=facts(each))
            return there
        if there:
            other = dict(values, active=True)
            if there[0].mechanism == XOAUTH2 and wanted.password:
                other["mechanism"] = ""
            after = checked(replace(there[0], **other))
            if wanted.password is None:
                _guard_secrets(there[0], values)
            _change(tx, call, there[0], after)
        else:
            made = Route(recipient="*", description="Smart host", created_at=time.time(), **values)
            _add(tx, call, checked(made))
        return []

    for gone in await call.context.database.run(op):
        await _release_all(call, gone.id)
    found: Routes = await list_routes(call, Nothing())
    return found


def _add(tx: Transaction, call: Call, route: Route) -> RouteView:
    every = stored.every(tx)
    if len(every) >= stored.MOST_ROUTES:
        raise ManageError(
            "refused", f"There are {stored.MOST_ROUTES} routes.", "Remove one that is not needed."
        )
    _check_single(every, route)
    made = found(tx, stored.add(tx, route, call.context.feed))
    note(tx, call.actor, "route.add", str(made.id), after=facts(made))
    return _shown(tx, made.id)


def _change(tx: Transaction, call: Call, before: Route, after: Route) -> RouteView:
    _check_single(stored.every(tx), after)
    if after == before:
        return _shown(tx, before.id)
    stored.change(tx, after, call.context.feed)
    was, now = facts(before), facts(after)
    differs = [name for name in now if was[name] != now[name]]
    old = {name: was[name] for name in differs}
    new = {name: now[name] for name in differs}
    for name in SECRETS:
        if getattr(before, name) != getattr(after, name):
            old[name] = new[name] = True  # masked: that there is another one is all to tell
    note(tx, call.actor, "route.change", str(after.id), before=old, after=new)
    return _shown(tx, after.id)


def _check_single(every: list[Route], route: Route) -> None:
    """Of two routes for the same mail only the first would ever be asked."""
    for each in every:
        same = (each.recipient, each.sender, each.account) == (route.recipient, route.sender, route.account)
        if same and each.id != route.id and each.active and route.active:
            raise RouteError(
                "recipient",
                f"Route {each.id} is for the same mail already.",
                "Change that one: it may have several targets.",
                "exists",
            )


def _guard_secrets(former: Route, values: dict[str, Any]) -> None:
    """A stored secret goes to the hosts it was given for: whoever names others gives it again."""
    if not values.get("username", former.username):
        return  # they are forgotten
    for names, secrets in (
        (("target", "port"), SECRETS),
        (("token_url",), ("client_secret", "refresh_token")),
    ):
        moved = any(values.get(name, getattr(former, name)) != getattr(former, name) for name in names)
        for secret in secrets:
            if moved and getattr(former, secret) and values.get(secret) is None:
                raise RouteError(
                    secret, "It would be shown to another host.", "Give the password (or the tokens) again."
                )


async def _release_all(call: Call, route_id: int) -> None:
    """What is held by a route that holds no more is tried now. In units of bounded size."""
    after, first = 0, True
    while after or first:
        first = False
        _, after = await call.context.database.run(
            release_rows, f"{ROUTE}{route_id}", after, CHUNK, time.time(), feed=call.context.feed
        )


def found(tx: Transaction, route_id: int, lock: bool = False) -> Route:
    """The route of this id. Raises ManageError."""
    route = stored.find(tx, route_id, lock=lock)
    if route is None:
        raise ManageError("missing", f"There is no route {route_id}.", "List routes to see those there are.")
    return route


def _shown(tx: Transaction, route_id: int) -> RouteView:
    for place, each in enumerate(stored.every(tx), 1):
        if each.id == route_id:
            return view_of(each, place, stored.count_addresses(tx, route_id))
    return view_of(found(tx, route_id), 0, 0)
