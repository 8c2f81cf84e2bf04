"""FETCH data items that need no message content (RFC 9051 7.5.2, RFC 7162, RFC 8474, RFC 8514)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.flags import flag_bytes
from posthouse.store.contract import Facts, Message
from posthouse.wire.imap.response import internal_date

Renderer = Callable[[ImapSession, Message], bytes]


def _uid(session: ImapSession, message: Message) -> bytes:
    return b"UID %d" % message.uid


def _flags(session: ImapSession, message: Message) -> bytes:
    return b"FLAGS " + session.flags(message)


def _internal_date(session: ImapSession, message: Message) -> bytes:
    return b"INTERNALDATE " + internal_date(message.internal_date, message.zone)


def _size(session: ImapSession, message: Message) -> bytes:
    return b"RFC822.SIZE %d" % message.size


def _modseq(session: ImapSession, message: Message) -> bytes:
    return b"MODSEQ (%d)" % message.modseq


def _save_date(session: ImapSession, message: Message) -> bytes:
    return b"SAVEDATE " + internal_date(message.save_date)


def _email_id(session: ImapSession, message: Message) -> bytes:
    return b"EMAILID (%s)" % message.email_id.encode("ascii")


def _thread_id(session: ImapSession, message: Message) -> bytes:
    if not message.thread_id:
        return b"THREADID NIL"
    return b"THREADID (%s)" % message.thread_id.encode("ascii")


SIMPLE: dict[str, Renderer] = {
    "UID": _uid,
    "FLAGS": _flags,
    "INTERNALDATE": _internal_date,
    "RFC822.SIZE": _size,
    "MODSEQ": _modseq,
    "SAVEDATE": _save_date,
    "EMAILID": _email_id,
    "THREADID": _thread_id,
}
"""Items that are in the view's message record."""

FACTS: dict[str, Callable[[Facts], bytes]] = {
    "ENVELOPE": lambda facts: b"ENVELOPE " + facts.envelope,
    "BODY": lambda facts: b"BODY " + facts.body,
    "BODYSTRUCTURE": lambda facts: b"BODYSTRUCTURE " + facts.body_structure,
}
"""Items that were finished when the message was stored."""


# The hot form: UID and FLAGS of many messages, which clients ask at every opening of a mailbox. The end of a
# message's line does not depend on the session (but for \Recent) nor on the sequence number, so it is kept with
# the message; the beginning depends on the number alone, so it is kept for all mailboxes together.

_heads: list[bytes] = []
_MAX_HEADS = 200_000


def heads(count: int) -> Sequence[bytes]:
    """``* 1 FETCH``, ``* 2 FETCH`` …: at least ``count`` of them."""
    if count > _MAX_HEADS:
        return [b"* %d" % number for number in range(1, count + 1)]
    if count > len(_heads):
        _heads.extend(b"* %d" % number for number in range(len(_heads) + 1, count + 1))
    return _heads


def tail(message: Message) -> bytes:
    """The end of the hot line of a message that is not \\Recent, made once per state of the message."""
    line = b" FETCH (UID %d FLAGS %s)\r\n" % (message.uid, flag_bytes(message.flags, message.keywords, False))
    message.line = line
    return line


def hot_lines(numbers: Iterable[bytes], messages: Sequence[Message]) -> bytes:
    """The hot lines of messages and the beginnings that go with them."""
    tails = [message.line or tail(message) for message in messages]
    return b"".join(chain.from_iterable(zip(numbers, tails, strict=False)))
