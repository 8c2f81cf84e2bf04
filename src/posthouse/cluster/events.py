"""Events: what happened, as small facts with an id that only grows. Webhooks and live views read them.

An event is written in the unit of what it tells of (:func:`write`), so neither is ever there without the other. What
is no part of a unit (a refusal, a sign-in) is gathered and written a moment later, best effort (:class:`Gathered`).

Readers go by id. On SQLite ids become visible in their order. A server database gives ids out before the units
commit: an id may appear after a higher one. So a reader does not pass a gap that is younger than :data:`GRACE`; an
event of a unit that took longer than that could be missed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from posthouse.cluster import event_records as records
from posthouse.database.contract import Database, DatabaseUnavailable, Row, Transaction
from posthouse.observe.log import logger

log = logger("cluster.events")

TOPIC = "events"
"""The feed's topic: there are new events."""

GRACE = 10.0
"""Seconds that a gap in the ids is waited for."""

FLUSH_SECONDS = 1.0
ONCE_SECONDS = 60.0
MOST_A_MINUTE = 300
CHUNK = 200
_MOST_TEXT = 300

told: Callable[[], None] | None = None
"""Called (from any thread) when events are durable; set while a server runs in this process."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Fact:
    """An event to be. ``kind`` is dotted (``message.received``), ``data`` plain values. ``domain`` and ``account``
    (an address) are whom it concerns, "" where that is nobody but the server's administrators."""

    kind: str
    data: dict[str, Any]
    domain: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is kept. ``at`` in seconds since 1970."""

    id: int
    at: float
    kind: str
    domain: str
    account: str
    data: dict[str, Any]


def of_address(kind: str, address: str, data: dict[str, Any]) -> Fact:
    """A fact about the account of this address (or of what somebody gave for one)."""
    return Fact(kind, data, address.rpartition("@")[2] if "@" in address else "", address)


def write(tx: Transaction, facts: Sequence[Fact]) -> None:
    """Write events within the caller's unit."""
    if not facts:
        return
    now = time.time()
    tx.execute_many(
        records.INSERT,
        [
            {
                "at": now,
                "kind": fact.kind,
                "domain": _plain(fact.domain, 255),
                "account": _plain(fact.account, 320),
                "data": _json(fact.data),
            }
            for fact in facts
        ],
    )
    if told is not None:
        tx.after_commit(told)


def _plain(text: str, length: int) -> str:
    """Text that every engine can store: strangers choose what stands in it."""
    if len(text) > length:
        text = text[:length]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _json(data: dict[str, Any]) -> str:
    """As it is kept. Halves of surrogate pairs (UTF-7 in a subject can hold them) are no text that JSON knows; mail
    is not refused for them."""
    try:
        return _encode(data).decode()
    except UnicodeEncodeError:
        return _encode(_whole(data)).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, (list, tuple)) else value


def read_after(tx: Transaction, after: int, limit: int, now: float) -> list[Event]:
    """The next events above the id ``after``, in order. It ends before a gap that may still be filled. (An event from
    the future was written when the clock was wrong: nobody waits until then.)"""
    found: list[Event] = []
    expected = after + 1
    for row in tx.execute(records.SELECT_AFTER, {"after": after, "count": limit}):
        event = _event(row)
        young = now - GRACE < event.at <= now + GRACE
        if event.id != expected and young and event.id != oldest(tx):
            break
        found.append(event)
        expected = event.id + 1
    return found


def read_before(tx: Transaction, before: int, limit: int) -> list[Event]:
    """The events below the id ``before``, newest first."""
    return [_event(row) for row in tx.execute(records.SELECT_BEFORE, {"before": before, "count": limit})]


def newest(tx: Transaction) -> int:
    """The highest id there is; 0 without any."""
    return int(tx.execute(records.SELECT_NEWEST)[0][0] or 0)


def oldest(tx: Transaction) -> int:
    """The lowest id there is; 0 without any."""
    return int(tx.execute(records.SELECT_OLDEST)[0][0] or 0)


def remove_old(tx: Transaction, before: float) -> int:
    """Remove the oldest events as far as they were written before this time, at most :data:`CHUNK`; how many
    went."""
    upto = gone = 0
    for row_id, at in tx.execute(records.SELECT_OLD, {"count": CHUNK}):
        if at >= before:
            break
        upto, gone = int(row_id), gone + 1
    if gone:
        tx.change(records.DELETE_UPTO, {"upto": upto})
    return gone


def _event(row: Row) -> Event:
    return Event(int(row[0]), float(row[1]), row[2], row[3], row[4], _decode(row[5]))


@dataclass(slots=True)
class Gathered:
    """Events that no unit writes, until they are written together.

    ``note`` may be called at any time in the event loop. Strangers cause these events, so they are few: the same
    ``key`` counts once a minute, and no kind more than :data:`MOST_A_MINUTE` times a minute.
    """

    clock: Callable[[], float] = time.time
    _waiting: list[Fact] = field(default_factory=list)
    _seen: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _minute: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _dropped: int = 0
    _open: bool = False

    def note(self, fact: Fact, key: str = "") -> None:
        """Remember one; nothing while nobody writes them down."""
        if not self._open:
            return
        now = self.clock()
        if key and self._again(f"{fact.kind} {key}", now):
            return
        minute = int(now // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[fact.kind] += 1
        if self._counts[fact.kind] > MOST_A_MINUTE:
            self._dropped += 1
            return
        data = {
            name: each[:_MOST_TEXT] if isinstance(each, str) else each for name, each in fact.data.items()
        }
        self._waiting.append(Fact(fact.kind, data, fact.domain, fact.account))

    def _again(self, key: str, now: float) -> bool:
        while self._seen and (len(self._seen) > 5000 or next(iter(self._seen.values())) < now - ONCE_SECONDS):
            self._seen.popitem(last=False)
        if key in self._seen:
            return True
        self._seen[key] = now
        return False

    async def run(self, database: Database) -> None:
        """Write what is gathered until cancelled, then what is left."""
        self._open = True
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                try:
                    await self.flush(database)
                except DatabaseUnavailable as problem:
                    log.warning("events.unwritable", reason=str(problem))
                except Exception:  # strangers choose what is written: it must not end the worker
                    log.exception("events.unwritable")
        finally:
            self._open = False
            try:
                await self.flush(database)
            except Exception as problem:  # best effort: what they tell of has long been answered
                log.warning("events.unwritable", reason=f"{type(problem).__name__}: {problem}")

    async def flush(self, database: Database) -> None:
        """Write what was gathered. What the database does not take is dropped: memory stays bounded."""
        if self._dropped:
            log.warning("events.not_written", count=self._dropped)
            self._dropped = 0
        facts, self._waiting = self._waiting, []
        for start in range(0, len(facts), CHUNK):
            await database.run(write, facts[start : start + CHUNK])


gathered = Gathered()
"""Those of this process."""
