"""Search keys that the view in memory answers: flags, dates, sizes, sets (RFC 9051 6.4.4).

A filter takes messages and returns those that match, in the same order. One list comprehension each: 20,000 messages
cost about a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from posthouse.access.imap.contract import ImapSession
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, Message
from posthouse.wire.imap.syntax import SAVED, STAR, Key

Messages = list[Message]
Filter = Callable[[Messages], Messages]

_EPOCH_ORDINAL = 719163

_FLAGS = {"ANSWERED": ANSWERED, "DELETED": DELETED, "DRAFT": DRAFT, "FLAGGED": FLAGGED, "SEEN": SEEN}


def days(day: date) -> int:
    """A calendar day as days since 1970."""
    return day.toordinal() - _EPOCH_ORDINAL


def _flag(bit: int, wanted: bool) -> Filter:
    if wanted:
        return lambda messages: [m for m in messages if m.flags & bit]
    return lambda messages: [m for m in messages if not m.flags & bit]


def _keyword(session: ImapSession, word: str, wanted: bool) -> Filter:
    """Keywords are the same in any case, so the spellings in use are looked up first."""
    lower = word.lower()
    spellings = [known for known in session.selected.keywords if known.lower() == lower]
    if not spellings:
        return (lambda messages: []) if wanted else (lambda messages: messages)
    if len(spellings) == 1:
        (only,) = spellings
        if wanted:
            return lambda messages: [m for m in messages if only in m.keywords]
        return lambda messages: [m for m in messages if only not in m.keywords]
    names = set(spellings)
    return lambda messages: [m for m in messages if names.isdisjoint(m.keywords) != wanted]


def _recent(session: ImapSession, wanted: bool) -> Filter:
    recent = session.is_recent
    return lambda messages: [m for m in messages if recent(m.uid) == wanted]


def _new(session: ImapSession) -> Filter:
    recent = session.is_recent
    return lambda messages: [m for m in messages if not m.flags & SEEN and recent(m.uid)]


def _internal(name: str, day: int) -> Filter:
    """BEFORE, ON, SINCE: the internal date's calendar day in the zone it was given in."""
    if name == "BEFORE":
        return lambda messages: [m for m in messages if (m.internal_date + m.zone * 60) // 86400 < day]
    if name == "SINCE":
        return lambda messages: [m for m in messages if (m.internal_date + m.zone * 60) // 86400 >= day]
    return lambda messages: [m for m in messages if (m.internal_date + m.zone * 60) // 86400 == day]


def _saved(name: str, day: int) -> Filter:
    """SAVEDBEFORE and its kin (RFC 8514 4.3); the day is UTC's."""
    if name == "SAVEDBEFORE":
        return lambda messages: [m for m in messages if m.save_date // 86400 < day]
    if name == "SAVEDSINCE":
        return lambda messages: [m for m in messages if m.save_date // 86400 >= day]
    return lambda messages: [m for m in messages if m.save_date // 86400 == day]


def _set(session: ImapSession, key: Key) -> Filter:
    if key.value == SAVED:
        wanted = set(session.saved)
    elif key.value == ((1, STAR),):
        return lambda messages: messages
    else:
        wanted = {uid for _, uid in session.resolve(key.value, key.name == "UID")}
    return lambda messages: [m for m in messages if m.uid in wanted]


def memory_filter(session: ImapSession, key: Key, now: float) -> Filter | None:
    """The filter of a key, or None when it takes more than the view. Raises BadSequence."""
    name: str = key.name
    value: Any = key.value
    bit = _FLAGS.get(name)
    if bit is not None:
        return _flag(bit, True)
    bit = _FLAGS.get(name.removeprefix("UN"))
    if bit is not None:
        return _flag(bit, False)
    if name in ("ALL", "SAVEDATESUPPORTED"):
        return lambda messages: messages
    if name in ("KEYWORD", "UNKEYWORD"):
        return _keyword(session, value, name == "KEYWORD")
    if name in ("RECENT", "OLD"):
        return _recent(session, name == "RECENT")
    if name == "NEW":
        return _new(session)
    if name in ("BEFORE", "ON", "SINCE"):
        return _internal(name, days(value))
    if name in ("SAVEDBEFORE", "SAVEDON", "SAVEDSINCE"):
        return _saved(name, days(value))
    if name in ("UID", "SEQUENCE"):
        return _set(session, key)
    return _by_number(name, value, now)


def _by_number(name: str, value: Any, now: float) -> Filter | None:
    if name == "LARGER":
        return lambda messages: [m for m in messages if m.size > value]
    if name == "SMALLER":
        return lambda messages: [m for m in messages if m.size < value]
    if name == "YOUNGER":
        return lambda messages: [m for m in messages if now - m.internal_date <= value]
    if name == "OLDER":
        return lambda messages: [m for m in messages if now - m.internal_date >= value]
    if name == "MODSEQ":
        return lambda messages: [m for m in messages if m.modseq >= value]
    if name == "EMAILID":
        return lambda messages: [m for m in messages if m.email_id == value]
    if name == "THREADID":
        return lambda messages: [m for m in messages if m.thread_id == value]
    return None
