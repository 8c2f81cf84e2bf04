"""The queue: what waits, and one message of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.manage.queues import COUNTED, WaitingList
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.queue_words import cause, hold_words
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/admin/queue"
FILTERS = ("search", "destination", "sender", "recipient", "reason", "state", "older")


def filters_of(source: Mapping[str, str]) -> dict[str, str]:
    """The filters that are given, of a query or a form."""
    return {name: source[name].strip() for name in FILTERS if source.get(name, "").strip()}


async def paused(visit: Visit) -> list[Any]:
    """What is paused; a domain's administrator is not told (it is not theirs to change)."""
    if visit.actor.role != "server":
        return []
    found: list[Any] = (await visit.perform("queue.destinations", {"limit": 1})).paused
    return found


async def routes(visit: Visit, destinations: Iterable[str]) -> dict[str, str]:
    """What the routes among these destinations are for; a domain's administrator is not told."""
    wanted = {each for each in destinations if each.startswith("route:")}
    if not wanted or visit.actor.role != "server":
        return {}
    found = (await visit.perform("route.list")).routes
    names = {f"route:{each.id}": each.recipient or "*" for each in found}
    return {name: names[name] for name in wanted & names.keys()}


@page("GET", HERE, open_to="domain", nav=Nav(mark("Queue"), "hourglass-split", "mail", 10))
async def listing(visit: Visit) -> Response:
    """The messages that wait, oldest first; with filters those to which all of them apply."""
    filters = filters_of(visit.form or visit.query)
    wanted = {**filters, "after": visit.query.get("after", ""), "limit": PER_PAGE}
    found = await visit.attempt("queue.list", wanted)
    return visit.render(
        "queue/list.html",
        found=found or WaitingList([], 0),
        filters=filters,
        most=COUNTED,
        paused=await paused(visit),
    )


def id_of(visit: Visit) -> int:
    """The message that the path names. Raises ManageError."""
    return number_of(visit.part("id"))


def number_of(text: str) -> int:
    """A number that a form or path names a message or a recipient by. Raises ManageError."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ManageError("missing", f"{text[:40]} is no message of the queue.", "See the list.")
    return int(text)


@page("GET", HERE + "/{id}", open_to="domain")
async def show(visit: Visit) -> Response:
    """One message with everybody it is still owed to."""
    after = visit.number("after", 0) if visit.query.get("after") else 0
    message = await visit.perform("queue.show", {"id": id_of(visit), "after": after})
    named = await routes(visit, (each.destination for each in message.recipients))
    return visit.render("queue/show.html", message=message, hold_words=hold_words, routes=named)


@page("GET", HERE + "/{id}/header", open_to="domain")
async def header(visit: Visit) -> Response:
    """The header of a message. That somebody looked at it is in the audit."""
    found = await visit.perform("queue.header", {"id": id_of(visit)})
    return visit.render("queue/header.html", found=found)


@page("GET", HERE + "/destinations", open_to="server")
async def destinations(visit: Visit) -> Response:
    """What waits for each destination, and which are paused."""
    return await _summary(visit, "destinations")


@page("GET", HERE + "/senders", open_to="server")
async def senders(visit: Visit) -> Response:
    """How much of each sender waits."""
    return await _summary(visit, "senders")


async def _summary(visit: Visit, what: str) -> Response:
    wanted = {
        "limit": PER_PAGE,
        "search": visit.query.get("search", ""),
        "after": visit.query.get("after", ""),
    }
    found = await visit.perform(f"queue.{what}", wanted)
    if what == "senders":
        return visit.render("queue/senders.html", found=found, paused=await paused(visit))
    named = await routes(visit, (each.destination for each in (*found.destinations, *found.paused)))
    return visit.render("queue/destinations.html", found=found, paused=found.paused, routes=named)


@page("GET", HERE + "/reasons", open_to="server")
async def reasons(visit: Visit) -> Response:
    """What the queue waits for."""
    found = await visit.perform("queue.reasons")
    named = await routes(visit, (each.destination for each in found.reasons))
    return visit.render(
        "queue/reasons.html", found=found, cause=cause, paused=await paused(visit), routes=named
    )
