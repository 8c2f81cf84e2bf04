"""FETCH data items that need no message content (RFC 9051 7.5.2, RFC 7162, RFC 8474, RFC 8514)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, overload

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.flags import flag_bytes
from posthouse.store.contract import Facts, Message
from posthouse.wire.imap.response import internal_date

Column = Callable[[ImapSession, Sequence[Message]], list[bytes]]
"""One item of many messages at a time: a comprehension for each item is half the work of a call for each message."""


def _flags(session: ImapSession, messages: Sequence[Message]) -> list[bytes]:
    if messages and session.is_recent(messages[-1].uid):
        return [b"FLAGS " + session.flags(m) for m in messages]
    return [b"FLAGS " + flag_bytes(m.flags, m.keywords, False) for m in messages]


def _thread_id(message: Message) -> bytes:
    if not message.thread_id:
        return b"THREADID NIL"
    return b"THREADID (%s)" % message.thread_id.encode("ascii")


SIMPLE: dict[str, Column] = {
    "UID": lambda session, messages: [b"UID %d" % m.uid for m in messages],
    "FLAGS": _flags,
    "INTERNALDATE": lambda session, messages: [
        b"INTERNALDATE " + internal_date(m.internal_date, m.zone) for m in messages
    ],
    "RFC822.SIZE": lambda session, messages: [b"RFC822.SIZE %d" % m.size for m in messages],
    "MODSEQ": lambda session, messages: [b"MODSEQ (%d)" % m.modseq for m in messages],
    "SAVEDATE": lambda session, messages: [b"SAVEDATE " + internal_date(m.save_date) for m in messages],
    "EMAILID": lambda session, messages: [b"EMAILID (%s)" % m.email_id.encode("ascii") for m in messages],
    "THREADID": lambda session, messages: [_thread_id(m) for m in messages],
}
"""Items that are in the view's message record. Messages are in order of UID."""


def simple_lines(
    session: ImapSession, items: Sequence[str], numbers: Iterable[int], messages: Sequence[Message]
) -> bytes:
    """The lines of messages of which only simple items were asked."""
    columns = [SIMPLE[item](session, messages) for item in items]
    if len(columns) == 1:
        pairs = zip(numbers, columns[0], strict=True)
        return b"".join([b"* %d FETCH (%s)\r\n" % pair for pair in pairs])
    rows = zip(numbers, zip(*columns, strict=True), strict=True)
    return b"".join([b"* %d FETCH (%s)\r\n" % (number, b" ".join(row)) for number, row in rows])


FACTS: dict[str, Callable[[Facts], bytes]] = {
    "ENVELOPE": lambda facts: b"ENVELOPE " + facts.envelope,
    "BODY": lambda facts: b"BODY " + facts.body,
    "BODYSTRUCTURE": lambda facts: b"BODYSTRUCTURE " + facts.body_structure,
}
"""Items that were finished when the message was stored."""


# The hot form: UID and FLAGS of many messages, which clients ask at every opening of a mailbox. The end of a
# message's line does not depend on the session (but for \Recent) nor on the sequence number, so it is kept with
# the message; the beginning depends on the number alone, so it is kept for all mailboxes together. Of large
# mailboxes the joined lines of each two thousand messages are kept too, as long as none of these changes.

HOT_CHUNK = 2000

_line = attrgetter("line")
_heads: list[bytes] = []
_MAX_HEADS = 200_000


class _Heads(Sequence[bytes]):
    """Those of a large mailbox, made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._numbers = range(1, count + 1)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [b"* %d" % number for number in self._numbers[place]]
        return b"* %d" % self._numbers[place]


def heads(count: int) -> Sequence[bytes]:
    """``* 1``, ``* 2`` …: at least ``count`` of them."""
    if count > _MAX_HEADS:
        return _Heads(count)
    if count > len(_heads):
        _heads.extend(b"* %d" % number for number in range(len(_heads) + 1, count + 1))
    return _heads


def tail(message: Message) -> bytes:
    """The end of the hot line of a message that is not \\Recent, made once per state of the message."""
    line = b" FETCH (UID %d FLAGS %s)\r\n" % (message.uid, flag_bytes(message.flags, message.keywords, False))
    message.line = line
    return line


def hot_lines(
    numbers: Sequence[bytes],
    start: int,
    messages: Sequence[Message | None],
    scratch: dict[str, object] | None,
) -> bytes | None:
    """The hot lines of the messages at index ``start`` and on; None if one of them is gone. ``scratch`` None: they are
    not kept."""
    whole = scratch is not None and len(messages) == HOT_CHUNK
    if scratch is not None and whole:
        kept: Any = scratch.get(f"hot {start}")
        if kept is not None and kept[0] == messages:  # messages are equal only to themselves
            data: bytes = kept[1]
            return data
    joined = _join(numbers[start : start + len(messages)], messages)
    if scratch is not None and whole and joined is not None:
        scratch[f"hot {start}"] = (messages, joined)
    return joined


def _join(numbers: Sequence[bytes], messages: Sequence[Message | None]) -> bytes | None:
    pieces: list[Any] = [None] * (2 * len(messages))
    pieces[0::2] = numbers
    try:
        pieces[1::2] = map(_line, messages)
        return b"".join(pieces)
    except AttributeError:
        return None
    except TypeError:  # a line that was not made yet
        pieces[1::2] = [message.line or tail(message) for message in messages if message is not None]
        return b"".join(pieces)
