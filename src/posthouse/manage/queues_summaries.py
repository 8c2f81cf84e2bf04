"""The queue by destination, by sender, and by what it waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.errors import ManageError
from posthouse.manage.queues_causes import cause_of
from posthouse.manage.use import Call, Nothing, use
from posthouse.queue import destinations, summaries
from posthouse.queue.destinations import EVERYTHING
from posthouse.queue.summaries import NAMES, OfReason

MAX_NAMES = 500
LOOKED = 200_000
"""Rows of which the reasons are counted."""

MAX_PAUSED = 500
LONGEST = 400


class NamePage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` names after the name ``after``; with ``search`` those that begin so."""

    limit: int = 100
    after: str = ""
    search: str = ""


class DestinationLine(msgspec.Struct, frozen=True):
    """What waits for one destination: ``recipients``, and ``held`` ones; ``more``: they were counted up to there only.
    ``oldest`` is when the oldest was received, ``next_at`` when the first is tried, ``reason`` the last reply word for
    word. After ``failures`` in a row it is left alone until ``down_until``. Times in seconds since 1970, 0 for none."""

    destination: str
    recipients: int
    held: int
    more: bool
    oldest: float
    next_at: float
    reason: str
    paused: bool
    paused_by: str
    paused_at: float
    down_until: float
    failures: int


class PausedDestination(msgspec.Struct, frozen=True):
    """A paused destination (``*``: all of them), who paused it and when (seconds since 1970)."""

    destination: str
    by: str
    at: float


class DestinationList(msgspec.Struct, frozen=True):
    """The destinations that mail waits for, of one page (by name) those with most first; and all that are paused,
    whether mail waits for them or not. ``next`` is the ``after`` of the page that follows, "" on the last."""

    destinations: list[DestinationLine]
    paused: list[PausedDestination]
    next: str = ""


class SenderLine(msgspec.Struct, frozen=True):
    """What waits of one sender ("": the empty one). ``more``: counted up to there only. ``oldest``: when the first of
    them was received."""

    sender: str
    messages: int
    more: bool
    oldest: float


class SenderList(msgspec.Struct, frozen=True):
    """Of one page (by name) those with most first. ``next`` is the ``after`` of the page that follows, "" on the
    last."""

    senders: list[SenderLine]
    next: str = ""


class ReasonLine(msgspec.Struct, frozen=True):
    """Recipients that wait for the same ``cause``: ``status`` is the code of the last reply, ``hold`` why they are
    held, ``tried`` False for those that were not tried yet. ``reason`` is one of their last replies, word for word."""

    cause: str
    status: str
    hold: str
    tried: bool
    recipients: int
    reason: str
    destination: str


class ReasonList(msgspec.Struct, frozen=True):
    """Most first. ``looked``: recipients that were looked at; ``more``: the queue is longer than that."""

    reasons: list[ReasonLine]
    looked: int
    more: bool


@use("queue.destinations", right="view")
async def by_destination(call: Call, wanted: NamePage) -> DestinationList:
    """Show what waits for each destination, which are paused or cannot be reached, and what they said last."""
    limit, begins, place = _limit(wanted), summaries.begins_with(_short(wanted.search)), _short(wanted.after)
    lines: list[summaries.OfDestination] = []
    database = call.context.database
    while len(lines) < limit:
        spent = sum(line.recipients + line.held for line in lines)
        names = min(NAMES, limit - len(lines))
        some, place = await database.scan(summaries.destinations, place, begins, spent, names)
        lines += some
        if not place:
            break
    paused = await database.scan(_paused)
    lines.sort(key=lambda line: (-line.recipients - line.held, line.destination))
    now = time.time()
    return DestinationList([_line(line, now) for line in lines], paused, place)


def _limit(wanted: NamePage) -> int:
    return max(1, min(wanted.limit, MAX_NAMES))


def _short(text: str) -> str:
    if len(text) > LONGEST or "\0" in text:
        raise ManageError("invalid", "That is no name.", "Give a domain or an address, or its beginning.")
    return text.encode("utf-8", "replace").decode()


def _line(line: summaries.OfDestination, now: float) -> DestinationLine:
    state = line.state
    return DestinationLine(
        line.destination,
        line.recipients,
        line.held,
        max(line.recipients, line.held) >= line.counted,
        line.oldest,
        line.due_at,
        line.reason,
        state.paused,
        state.paused_by,
        state.paused_at,
        state.down_until if state.down_until > now else 0.0,
        state.failures,
    )


def _paused(tx: Transaction) -> list[PausedDestination]:
    names = sorted(destinations.paused(tx, MAX_PAUSED), key=lambda name: (name != EVERYTHING, name))
    states = destinations.states(tx, names)
    return [PausedDestination(name, states[name].paused_by, states[name].paused_at) for name in names]


@use("queue.senders", right="view")
async def by_sender(call: Call, wanted: NamePage) -> SenderList:
    """Show how much of each sender waits."""
    limit, begins, place = _limit(wanted), _short(wanted.search).strip(), _short(wanted.after)
    lines: list[summaries.OfSender] = []
    while len(lines) < limit:
        names = min(NAMES, limit - len(lines))
        some, place = await call.context.database.scan(summaries.senders, place, begins, names)
        lines += some
        if not place:
            break
    lines.sort(key=lambda line: (-line.messages, line.sender))
    shown = [
        SenderLine(line.sender, line.messages, line.messages >= line.counted, line.oldest) for line in lines
    ]
    return SenderList(shown, place)


@use("queue.reasons", right="view")
async def by_reason(call: Call, wanted: Nothing) -> ReasonList:
    """Show what the queue waits for: each cause, how many recipients, and a reply as an example."""
    found: dict[tuple[str, str, bool], OfReason] = {}
    counts: dict[tuple[str, str, bool], int] = {}
    looked = place = 0
    while True:
        some, number, place = await call.context.database.scan(summaries.reasons, place)
        looked += number
        _add(some, found, counts)
        if not place or looked >= LOOKED:
            break
    lines = [_reason(found[key], count) for key, count in counts.items()]
    return ReasonList(sorted(lines, key=lambda line: -line.recipients), looked, bool(place))


def _add(
    some: Iterable[OfReason],
    found: dict[tuple[str, str, bool], OfReason],
    counts: dict[tuple[str, str, bool], int],
) -> None:
    for one in some:
        key = one.status, one.hold, one.tried
        found[key] = one
        counts[key] = counts.get(key, 0) + one.recipients


def _reason(one: OfReason, count: int) -> ReasonLine:
    cause = cause_of(one.status, one.hold, one.tried)
    return ReasonLine(cause, one.status, one.hold, one.tried, count, one.reason, one.destination)
