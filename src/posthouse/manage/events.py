"""Events: what happened, to be looked at once or to be watched as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from posthouse.cluster import events
from posthouse.cluster.events import Event
from posthouse.database.contract import Transaction
from posthouse.deliver.webhook_rows import fits
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, narrows, use

CHUNK = 200
"""Events read at once."""

MOST_READ = 10_000
"""Events looked through for one page."""

MOST_WATCHERS = 100
POLL_SECONDS = 2.0
BEAT_SECONDS = 15.0
MOST_KINDS = 50

_watchers: set[int] = set()
_next_watcher = 0


class EventLine(msgspec.Struct, frozen=True, tag="event"):
    """One event. ``at`` in seconds since 1970; ``domain`` and ``account`` are whom it concerns, "" where that is the
    server as a whole; what ``data`` holds depends on the kind."""

    id: int
    at: float
    kind: str
    domain: str
    account: str
    data: dict[str, Any]


class EventBeat(msgspec.Struct, frozen=True, tag="beat"):
    """Sent when nothing else was for a while: everything up to the event ``id`` was looked at."""

    id: int


class EventGap(msgspec.Struct, frozen=True, tag="gap"):
    """The events after ``after`` and before ``before`` are not kept any more: look at the things themselves."""

    after: int
    before: int


class EventFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Empty parts let everything through that is yours to see. ``kinds`` are kinds or their beginnings
    (``message``, ``message.received``)."""

    kinds: list[str] = []
    domain: str = ""
    account: str = ""


class ListEvents(EventFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``limit`` events after the event ``after``, oldest first; with ``order`` newest those before it, newest first
    (``after`` left out: from the end). Few events that fit may take several pages, some of them empty."""

    limit: int = 100
    after: str = ""
    order: Literal["oldest", "newest"] = "oldest"


class WatchEvents(EventFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Events after the event ``after`` (left out: from now on). ``seconds`` ends the watch by itself; 0 watches until
    the caller goes."""

    after: str = ""
    seconds: float = 0.0


class EventLines(msgspec.Struct, frozen=True):
    """``next`` is the ``after`` of the page that follows, "" when there is none yet; ``last`` the id up to which
    everything was looked at: ask after it later."""

    events: list[EventLine]
    next: str = ""
    last: int = 0


class EventsWatched(msgspec.Struct, frozen=True):
    """How the watch went: events shown, and the id up to which everything was looked at."""

    events: int
    last: int


@use("event.list", right="view", open_to="user", about=narrows)
async def list_events(call: Call, wanted: ListEvents) -> EventLines:
    """List what happened: mail, sign-ins, changes, certificates, backups."""
    wanted = _checked(wanted)
    limit = page_size(wanted.limit)
    down = wanted.order == "newest"
    at = _id(wanted.after) if wanted.after else (2**62 if down else 0)
    if not down:
        at = min(at, await call.context.database.scan(events.newest))
    found: list[EventLine] = []
    looked, last = 0, 0 if down else at
    while looked < MOST_READ:
        read = await call.context.database.scan(_page, at, down)
        for event in read:
            at, looked, last = event.id, looked + 1, max(last, event.id)
            if _fits(call.actor, wanted, event):
                found.append(_line(call.actor, event))
                if len(found) == limit:
                    return EventLines(found, str(at), last)
        if len(read) < CHUNK:
            return EventLines(found, "", last)
    return EventLines(found, str(at), last)


@use("event.watch", right="view", open_to="user", about=narrows)
async def watch_events(call: Call, wanted: WatchEvents) -> EventsWatched:
    """Show what happens as it happens: mail, sign-ins, changes, certificates, backups."""
    wanted = _checked(wanted)
    if not call.context.running:
        raise ManageError(
            "unavailable", "The server is stopped: nothing happens.", "event.list shows what happened."
        )
    global _next_watcher
    if len(_watchers) >= MOST_WATCHERS:
        raise ManageError("unavailable", "Too many watch events already.", "Wait until one of them stops.")
    _next_watcher += 1
    mine = _next_watcher
    _watchers.add(mine)
    try:
        return await _watch(call, wanted)
    finally:
        _watchers.discard(mine)


async def _watch(call: Call, wanted: WatchEvents) -> EventsWatched:
    """There is no buffer: a slow reader is simply further behind in the table, until what it wants is thinned."""
    database, loop = call.context.database, asyncio.get_running_loop()
    awake = asyncio.Event()
    unsubscribe = call.context.feed.subscribe(events.TOPIC, None, lambda topic, key, version: awake.set())
    end = loop.time() + wanted.seconds if wanted.seconds > 0 else float("inf")
    shown, told_at = 0, loop.time()
    try:
        newest = await database.read(events.newest)
        at = min(_id(wanted.after), newest) if wanted.after else newest
        while True:
            awake.clear()
            read = await database.read(_page, at, False)
            if read and read[0].id > at + 1 and await database.read(events.oldest) == read[0].id:
                await call.emit(EventGap(at, read[0].id))
            for event in read:
                at = event.id
                if _fits(call.actor, wanted, event):
                    await call.emit(_line(call.actor, event))
                    shown, told_at = shown + 1, loop.time()
            left = end - loop.time()
            if left <= 0:
                return EventsWatched(shown, at)
            if loop.time() - told_at >= BEAT_SECONDS:
                await call.emit(EventBeat(at))
                told_at = loop.time()
            if len(read) < CHUNK:
                await _wait(awake, min(left, POLL_SECONDS))
    finally:
        unsubscribe()


async def _wait(awake: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(awake.wait(), seconds)
    except TimeoutError:
        pass


def _page(tx: Transaction, at: int, down: bool) -> list[Event]:
    return events.read_before(tx, at, CHUNK) if down else events.read_after(tx, at, CHUNK, time.time())


def _fits(actor: Actor, wanted: EventFilter, event: Event) -> bool:
    """Whether the actor may see it and asked for it."""
    if actor.role != "server" and not any(name and actor.governs(name) for name in _whose(event)):
        return False
    return (
        (not wanted.kinds or fits(event.kind, wanted.kinds))
        and wanted.domain in ("", event.domain)
        and wanted.account in ("", event.account)
    )


def _whose(event: Event) -> Iterable[str]:
    """Whose event it is: the account's, else the domain's. A user is told of the own account only."""
    return (event.account,) if event.account else (event.domain,)


_MAIL = ("sender", "subject")
"""What events of received mail may tell of its content (the setting events.subject)."""


def _line(actor: Actor, event: Event) -> EventLine:
    data = event.data
    if event.kind == "message.received" and "read_mail" not in actor.rights:
        data = {name: value for name, value in data.items() if name not in _MAIL}
    return EventLine(event.id, event.at, event.kind, event.domain, event.account, data)


Filter = TypeVar("Filter", bound=EventFilter)


def _checked(wanted: Filter) -> Filter:
    """The filter with names as they are kept. Raises ManageError."""
    kinds = check_kinds(wanted.kinds)
    domain, account = check_whose(wanted.domain, wanted.account)
    return msgspec.structs.replace(wanted, kinds=kinds, domain=domain, account=account)


def check_kinds(kinds: Iterable[str]) -> list[str]:
    """Kinds as they are compared. Raises ManageError."""
    found = list(dict.fromkeys(each.strip().lower() for each in kinds if each.strip()))
    if len(found) > MOST_KINDS:
        raise ManageError("invalid", f"{len(found)} kinds are too many.", f"Name at most {MOST_KINDS}.")
    for each in found:
        if len(each) > 60 or not each.isascii() or not each.replace(".", "").replace("_", "").isalnum():
            raise ManageError(
                "invalid",
                f"{each[:60]!r} is no kind of event.",
                "Write it like message.received, or message.",
            )
    return found


def check_whose(domain: str, account: str) -> tuple[str, str]:
    """Domain and address as they are kept. Raises ManageError."""
    try:
        return (
            domain_name(domain) if domain.strip() else "",
            own_address(account).key if account.strip() else "",
        )
    except DirectoryError as error:
        raise ManageError("invalid", f"{error.text[:1].upper()}{error.text[1:]}.", error.mend) from None


def _id(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    raise ManageError("invalid", f"{text[:40]!r} is no id of an event.", "Give the id of the last one seen.")
