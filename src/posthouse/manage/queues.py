"""The queue: list, count, show."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from posthouse.bodies.contract import BodyMissing
from posthouse.database.contract import Transaction
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.queues_which import Filters, Which, gone, place_in, scope_of, selection_of
from posthouse.manage.use import Call, narrows, use
from posthouse.queue import destinations, selection, view
from posthouse.queue.destinations import EVERYTHING, DestinationState
from posthouse.queue.selection import Place, Selection

MAX_LISTED = 10_000
READ = 2_000
"""Rows looked at in one go."""

LOOKED = 50_000
"""Rows looked at for one page; then it is given as it is, with a `next`."""

COUNTED = 10_001
"""Counted no further than this."""

COUNT_LOOKED = 200_000
MAX_HEADER = 64 * 1024


class Page(Filters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first ``limit`` messages, after the place ``after``, to which all of the filters apply. ``destination``: a
    domain, or a word of the queue (``mx:example.org``, ``route:3``, ``local``). ``sender``: an address just as the
    queue shows it, a domain, or ``<>`` for the empty sender. ``recipient``: an address or a domain. ``reason``: a piece
    of the last reply, or a status code (4.2.2). ``search``: a piece of sender or recipient, or a trace id.
    ``state``: ``held``, or ``waiting`` for what is not. ``older``: received so long ago or longer (``2d``)."""

    limit: int = 100
    after: str = ""


class QueueId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of the queue by its id; with many recipients those after the recipient ``after``."""

    id: int
    after: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """A waiting message. ``recipients`` still owed, ``held`` of them until an administrator acts; ``next_at``: when
    the first is tried. ``recipient`` is one of them, ``destination`` where that one goes and ``reason`` what was said
    about it last. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    next_at: float
    attempts: int
    recipient: str = ""
    destination: str = ""
    reason: str = ""


class WaitingList(msgspec.Struct, frozen=True):
    """Oldest first; with a destination or only held ones: those due next first. ``total`` counts all that wait or are
    found, up to 10000 (10001 stands for more); -1 where that would take too long. ``next`` is the ``after`` of the
    page that follows, "" on the last; a search in a long queue may come back with few or none and a ``next``."""

    messages: list[Waiting]
    total: int
    next: str = ""


class Owed(msgspec.Struct, frozen=True):
    """One recipient still owed; ``row`` names it. ``state``: waiting, held, being delivered, paused (its destination
    is) or scheduled (its sender wants it to be sent at ``not_before``). ``hold`` says why it is held: ``admin`` (by
    hand), ``expired``, ``burst`` (its sender sent too much at once) or ``route`` (its route waits to be asked).
    ``reason`` is what was said last, word for word, by the host ``remote`` if one spoke, with ``status``.
    ``down_until``: its destination could not be reached and is left alone until then. Times in seconds since 1970,
    0 for none."""

    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    state: str
    reason: str
    row: int = 0
    hold: str = ""
    not_before: float = 0.0
    status: str = ""
    remote: str = ""
    down_until: float = 0.0
    notify: str = ""


class WaitingMessage(msgspec.Struct, frozen=True):
    """A waiting message with the recipients still owed; ``next`` is the ``after`` of those that follow, 0 when that
    is all. ``kind``: ``forward``, ``notice`` or ``report`` for what is not somebody's own mail. ``priority``: -9 to 9.
    ``deliver_by``: until when it should be there, 0 for none. ``require_tls``: it may only go over verified TLS."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: list[Owed]
    next: int = 0
    kind: str = ""
    priority: int = 0
    deliver_by: float = 0.0
    require_tls: bool = False


class Header(msgspec.Struct, frozen=True):
    """The header of a waiting message as text; its body is not shown."""

    id: int
    header: str


class Counted(msgspec.Struct, frozen=True):
    """How many recipients and messages are meant. ``more``: it was counted up to there only."""

    recipients: int
    messages: int
    more: bool = False


@use("queue.list", right="view", open_to="domain", about=narrows)
async def list_waiting(call: Call, wanted: Page) -> WaitingList:
    """List the messages that wait. Administrators of domains see mail from and to their domains."""
    limit = max(1, min(wanted.limit, MAX_LISTED))
    chosen = selection_of(call, wanted)
    if chosen.plain:
        return await _list_all(call, wanted.after, limit)
    return await _list_some(call, chosen, wanted.after, limit)


async def _list_all(call: Call, after: str, limit: int) -> WaitingList:
    if after and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise ManageError("invalid", f"{after!r} is no place in the queue.", "Give a page's `next`.")
    database = call.context.database
    lines: list[view.QueueLine] = []
    place = int(after or 0)
    while True:
        page, place = await database.scan(view.list_mail, place)
        lines += page
        if not place or len(lines) >= limit:
            break
    total = await database.scan(view.count_mail, COUNTED)
    more = len(lines) > limit or bool(place)
    shown = lines[:limit]
    return WaitingList([_waiting(line) for line in shown], total, str(shown[-1].id) if more and shown else "")


async def _list_some(call: Call, chosen: Selection, after: str, limit: int) -> WaitingList:
    database = call.context.database
    place: Place | None = place_in(after)
    firsts: dict[int, selection.Found] = {}
    read = 0
    while place is not None and len(firsts) < limit and read < LOOKED:
        stretch = await database.scan(selection.walk, chosen, place, READ)
        read += stretch.read
        place = stretch.next
        for row in stretch.rows:
            if row.message_id not in firsts and len(firsts) == limit:
                place = selection.before(chosen, row)
                break
            firsts.setdefault(row.message_id, row)
    lines: dict[int, view.QueueLine] = {}
    ids = list(firsts)
    for start in range(0, len(ids), view.PAGE):
        some = ids[start : start + view.PAGE]
        seen = await _narrowed(call, some) if chosen.within is not None else None
        for line in await database.scan(view.list_lines, some):
            lines[line.id] = _seen(line, seen.get(line.id, [])) if seen is not None else line
    shown = [_waiting(lines[row.message_id], row) for row in firsts.values() if row.message_id in lines]
    whole = place is None and not after
    return WaitingList(shown, len(shown) if whole else -1, str(place) if place is not None else "")


async def _narrowed(call: Call, ids: Sequence[int]) -> dict[int, list[selection.Found]]:
    """The rows of these messages that the caller may see."""
    mine = Selection(messages=tuple(ids), within=scope_of(call.actor))
    found: dict[int, list[selection.Found]] = {}
    place: Place | None = Place()
    while place is not None:
        stretch = await call.context.database.scan(selection.walk, mine, place, READ)
        place = stretch.next
        for row in stretch.rows:
            found.setdefault(row.message_id, []).append(row)
    return found


def _seen(line: view.QueueLine, rows: Sequence[selection.Found]) -> view.QueueLine:
    """A line that counts only these rows."""
    if not rows:
        return line
    return replace(
        line,
        recipients=len(rows),
        held=sum(row.held for row in rows),
        due_at=min(row.due_at for row in rows),
        attempts=max(row.attempts for row in rows),
    )


def _waiting(line: view.QueueLine, row: selection.Found | None = None) -> Waiting:
    return Waiting(
        line.id,
        line.trace,
        line.sender,
        line.size,
        line.received_at,
        line.recipients,
        line.held,
        line.due_at,
        line.attempts,
        row.recipient if row is not None else line.recipient,
        row.destination if row is not None else line.destination,
        row.reason if row is not None else line.reason,
    )


@use("queue.count", right="view", open_to="domain", about=narrows)
async def count(call: Call, wanted: Which) -> Counted:
    """Count the waiting mail that is meant, before something is done to it."""
    chosen = selection_of(call, wanted)
    place: Place | None = Place()
    recipients = read = 0
    messages: set[int] = set()
    while place is not None and recipients < COUNTED and read < COUNT_LOOKED:
        stretch = await call.context.database.scan(selection.walk, chosen, place, READ)
        read += stretch.read
        recipients += len(stretch.rows)
        messages.update(row.message_id for row in stretch.rows)
        place = stretch.next
    return Counted(recipients, len(messages), place is not None)


@use("queue.show", right="view", open_to="domain", about=narrows)
async def show(call: Call, wanted: QueueId) -> WaitingMessage:
    """Show one waiting message and each recipient it is still owed to: what was said last, and when it is tried
    next."""
    found, onward = await _detail(call, wanted.id, wanted.after)
    message = found.message
    return WaitingMessage(
        found.id,
        message.trace,
        message.sender,
        message.size,
        message.received_at,
        await owed_in(call, found.recipients),
        onward,
        message.kind,
        message.priority,
        message.deliver_by,
        message.require_tls,
    )


async def owed_in(call: Call, rows: Sequence[view.QueueRecipient]) -> list[Owed]:
    """The rows with what is known of their destinations."""
    names = [EVERYTHING, *sorted({row.destination for row in rows})]
    states = await call.context.database.scan(destinations.states, names)
    now = time.time()
    return [_owed(row, states, now) for row in rows]


async def _detail(call: Call, queue_id: int, after: int = 0) -> tuple[view.QueueDetail, int]:
    """A message with those of the next recipients that the caller may see, and the recipient behind which it goes on
    (0 at the end). Raises ManageError."""
    domains = scope_of(call.actor)
    while True:
        found = await call.context.database.scan(view.show_queue, queue_id, after)
        if found is None:
            raise gone(queue_id)
        onward = found.recipients[-1].id if len(found.recipients) == view.RECIPIENTS else 0
        if domains is None or selection.concerns(domains, found.message.sender):
            return found, onward
        rows = [row for row in found.recipients if selection.concerns(domains, row.recipient)]
        if rows:
            return replace(found, recipients=rows), onward
        if not onward:
            raise gone(queue_id)
        after = onward


def _owed(row: view.QueueRecipient, states: Mapping[str, DestinationState], now: float) -> Owed:
    state = states.get(row.destination)
    paused = any(states[name].paused for name in (EVERYTHING, row.destination) if name in states)
    return Owed(
        row.recipient,
        row.destination,
        row.due_at,
        row.expires_at,
        row.attempts,
        _state(row, paused, now),
        row.reason,
        row.id,
        row.hold,
        row.not_before,
        row.status,
        row.remote,
        state.down_until if state is not None and state.down_until > now else 0.0,
        row.notify,
    )


def _state(row: view.QueueRecipient, paused: bool, now: float) -> str:
    if row.held:
        return "held"
    if row.leased_until > now:
        return "being delivered"
    if row.not_before > now:
        return "scheduled"
    return "paused" if paused else "waiting"


@use("queue.header", right="read_mail", open_to="domain", about=narrows)
async def header(call: Call, wanted: QueueId) -> Header:
    """Show the header of a waiting message, to find out what it is."""
    found, _ = await _detail(call, wanted.id)
    try:
        data = call.context.bodies.read_range(found.message.body, 0, MAX_HEADER)
    except BodyMissing:
        raise ManageError(
            "missing", "Its content is gone.", "`posthouse verify` tells what is missing."
        ) from None

    def op(tx: Transaction) -> None:
        note(tx, call.actor, "queue.header", str(wanted.id))

    await call.context.database.run(op)
    return Header(found.id, data.partition(b"\r\n\r\n")[0].decode("utf-8", "backslashreplace"))
