"""Steering the queue: hold, release, retry, bounce, delete; pause and resume destinations."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import routes as stored_routes
from posthouse.directory.routes_patterns import covers, names_domain
from posthouse.mail.address import Address
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.queues_which import Steer, Which, destination_of, gone, selection_of
from posthouse.manage.use import Call, Progress, narrows, use
from posthouse.queue import control, destinations, selection
from posthouse.queue.contract import MX
from posthouse.queue.control import Action, Steered
from posthouse.queue.selection import STRETCH, Found, Place, Selection


class Done(msgspec.Struct, frozen=True):
    """What was done. ``recipients`` were changed, of so many ``messages``; ``delivering`` were left alone because they
    are being delivered at this moment."""

    recipients: int
    messages: int
    delivering: int = 0


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain, a word of the queue (``mx:example.org``, ``route:3``, ``local``), or ``*`` for all of them."""

    destination: str


class Paused(msgspec.Struct, frozen=True):
    """Whether the destination is paused now. ``routes`` by which mail for a paused domain may leave all the same: each
    is a destination of its own."""

    destination: str
    paused: bool
    routes: list[int] = []


@use("queue.hold", right="change", open_to="domain", about=narrows)
async def hold(call: Call, wanted: Steer) -> Done:
    """Hold waiting mail: it is not tried until it is released, however long that takes."""
    return await _steer(call, "hold", wanted)


@use("queue.release", right="change", open_to="domain", about=narrows)
async def release(call: Call, wanted: Steer) -> Done:
    """Let mail go that is held, whoever or whatever held it."""
    return await _steer(call, "release", wanted)


@use("queue.retry", right="change", open_to="domain", about=narrows)
async def retry(call: Call, wanted: Steer) -> Done:
    """Try waiting mail now, also mail that is held. What is to be sent later waits for its time unless it is named by
    its id."""
    return await _steer(call, "retry", wanted)


@use("queue.bounce", right="change", open_to="domain", about=narrows)
async def bounce(call: Call, wanted: Steer) -> Done:
    """Give up waiting mail: its senders get the notice they would get at its expiry."""
    return await _steer(call, "bounce", wanted)


@use("queue.delete", right="change", open_to="domain", about=narrows)
async def delete(call: Call, wanted: Steer) -> Done:
    """Delete waiting mail for good. Nobody is told; its trace and the audit remember it."""
    return await _steer(call, "delete", wanted)


async def _steer(call: Call, action: Action, wanted: Steer) -> Done:
    chosen = selection_of(call, wanted)
    _check_named(chosen, wanted)
    now = time.time()
    total, messages, delivering, read = 0, set[int](), 0, 0
    pending: list[int] = []
    place: Place | None = Place()
    while place is not None:
        stretch = await call.context.database.scan(selection.walk, chosen, place, STRETCH)
        place, read = stretch.next, read + stretch.read
        pending += [row.id for row in stretch.rows if _concerned(action, chosen, row, now)]
        while len(pending) >= STRETCH or (pending and place is None):
            some, pending = pending[:STRETCH], pending[STRETCH:]
            done = await call.context.database.run(_op, call, action, chosen, some, now, wanted)
            total, delivering = total + len(done.rows), delivering + done.leased
            messages |= done.messages
            await call.emit(Progress(text=f"{total} recipients", done=total))
    if chosen.named and not read:
        raise gone(chosen.messages[0] if chosen.messages else chosen.row)
    return Done(total, len(messages), delivering)


def _concerned(action: Action, chosen: Selection, row: Found, now: float) -> bool:
    """What is due right now was made so by this call a moment ago, and met again further on."""
    return control.meant(action, chosen, row, now) and row.due_at != now


def _check_named(chosen: Selection, wanted: Steer) -> None:
    """Nothing named is not everything."""
    if not wanted.all and chosen == Selection(within=chosen.within):
        raise ManageError(
            "invalid",
            "It was not said which mail is meant.",
            "Name messages by their ids, or give a filter; `all` is for everything that waits.",
        )


def _op(
    tx: Transaction, call: Call, action: Action, chosen: Selection, ids: list[int], now: float, wanted: Which
) -> Steered:
    """One unit, with its line in the audit."""
    done = control.steer(tx, action, chosen, ids, now, call.actor.name, feed=call.context.feed)
    if done.rows:
        after = {"recipients": len(done.rows), "messages": len(done.messages), **_said(wanted)}
        note(tx, call.actor, f"queue.{action}", _subject(chosen), after=after)
    return done


def _subject(chosen: Selection) -> str:
    return str(chosen.messages[0]) if len(chosen.messages) == 1 else "queue"


def _said(wanted: Which) -> dict[str, Any]:
    """The filters that were given."""
    return {name: value for name, value in msgspec.to_builtins(wanted).items() if value}


@use("queue.pause", right="change")
async def pause(call: Call, wanted: Destination) -> Paused:
    """Stop delivery to a destination, or to all: mail for it is taken and waits."""
    name, feed = _destination(wanted.destination), call.context.feed

    def op(tx: Transaction) -> list[int]:
        if destinations.pause(tx, name, call.actor.name, time.time(), feed=feed):
            note(tx, call.actor, "queue.pause", name, before={"paused": False}, after={"paused": True})
        return _around(tx, name)

    return Paused(name, True, await call.context.database.run(op))


@use("queue.resume", right="change")
async def resume(call: Call, wanted: Destination) -> Paused:
    """Deliver to a paused destination again."""
    name, feed = _destination(wanted.destination), call.context.feed

    def op(tx: Transaction) -> None:
        if destinations.resume(tx, name, feed=feed):
            note(tx, call.actor, "queue.resume", name, before={"paused": True}, after={"paused": False})

    await call.context.database.run(op)
    return Paused(name, False)


def _around(tx: Transaction, name: str) -> list[int]:
    """The routes that take mail for this domain past its own hosts."""
    if not name.startswith(MX):
        return []
    somebody = Address("somebody", name.removeprefix(MX))
    return [
        route.id
        for route in stored_routes.active(tx)
        if names_domain(route.recipient) == somebody.domain or covers(route.recipient, somebody)
    ]


def _destination(text: str) -> str:
    if not text.strip():
        raise ManageError("invalid", "No destination was named.", "Give a domain, or * for all.")
    return destination_of(text)
