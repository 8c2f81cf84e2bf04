"""The answers of SEARCH and SORT: the old list, ESEARCH, and what ``$`` remembers (RFC 4731, RFC 5182, RFC 5267)."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.access.imap.contract import ImapSession
from posthouse.store.contract import Message
from posthouse.wire.imap.response import esearch, uid_set
from posthouse.wire.imap.syntax import Command

_FEW = 200
"""Below this many messages looking each number up is quicker than going through the mailbox."""


def names(session: ImapSession, messages: Sequence[Message], uid: bool, *, ordered: bool = True) -> list[int]:
    """UIDs or sequence numbers of messages, in their order; ``ordered``: that is the order of the mailbox."""
    if uid:
        return [message.uid for message in messages]
    view = session.selected
    if len(messages) < _FEW:
        found = [view.sequence(message.uid) for message in messages]
        return [number for number in found if number is not None]
    if ordered:
        wanted = {message.uid for message in messages}
        return [number for number, name in enumerate(view.uids, 1) if name in wanted]
    numbers = dict(zip(view.uids, range(1, len(view.uids) + 1), strict=True))
    return [numbers[message.uid] for message in messages]


def plain(word: bytes, numbers: Sequence[int], modseq: int | None) -> bytes:
    """``* SEARCH 2 84 882 (MODSEQ 917162500)``."""
    line = b"* " + word
    if numbers:
        line += b" " + " ".join(map(str, numbers)).encode("ascii")
        if modseq is not None:
            line += b" (MODSEQ %d)" % modseq
    return line + b"\r\n"


def remember(session: ImapSession, messages: Sequence[Message], returns: frozenset[str]) -> None:
    """SAVE: what ``$`` means from now on (RFC 5182 2.1, table 1). ``messages`` in the order of the answer."""
    if returns & {"ALL", "COUNT"} or not returns & {"MIN", "MAX"}:
        kept = [message.uid for message in messages]
    else:
        kept = [message.uid for message in _ends(messages, returns)]
    session.saved = sorted(set(kept))


def _ends(messages: Sequence[Message], returns: frozenset[str]) -> list[Message]:
    """The first (MIN) and the last (MAX) of the result, as asked."""
    if not messages:
        return []
    ends: list[Message] = []
    if "MIN" in returns:
        ends.append(messages[0])
    if "MAX" in returns:
        ends.append(messages[-1])
    return ends


def extended(
    session: ImapSession,
    command: Command,
    messages: Sequence[Message],
    returns: frozenset[str],
    with_modseq: bool,
    *,
    ordered: bool = True,
) -> bytes:
    """The ESEARCH line. Empty when only SAVE was asked (RFC 5182 2.1)."""
    wanted = returns - {"SAVE"}
    if not wanted:
        if returns:
            return b""
        wanted = frozenset(("ALL",))
    numbers = names(session, messages, command.uid, ordered=ordered)
    results: list[tuple[bytes, bytes]] = []
    if numbers:
        if "MIN" in wanted:
            results.append((b"MIN", b"%d" % numbers[0]))
        if "MAX" in wanted:
            results.append((b"MAX", b"%d" % numbers[-1]))
        if "ALL" in wanted:
            results.append((b"ALL", uid_set(numbers)))
    if "COUNT" in wanted:
        results.append((b"COUNT", b"%d" % len(numbers)))
    if with_modseq and numbers:
        told = messages if wanted & {"ALL", "COUNT"} else _ends(messages, wanted)
        results.append((b"MODSEQ", b"%d" % max(message.modseq for message in told)))
    return esearch(command.tag, command.uid, results)
