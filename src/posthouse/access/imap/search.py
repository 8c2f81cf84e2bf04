"""Evaluating search keys, the cheap ones first (RFC 9051 6.4.4).

Every key narrows a list of messages. Among keys that must all match, those answered from memory go first, then header
fields, then texts; of two alternatives the cheaper goes first and the other sees only what it left.
"""

from __future__ import annotations

from time import time

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.pace import Pace
from posthouse.access.imap.search_filter import Messages, memory_filter
from posthouse.access.imap.search_scan import Scanner, by_content, content_cost
from posthouse.wire.imap.syntax import Key


def cost(key: Key) -> int:
    """How dear a key is: 0 for what is in memory, up to 3 for message texts."""
    if key.name == "NOT":
        return cost(key.value)
    if key.name in ("AND", "OR"):
        return max(cost(part) for part in key.value)
    if key.name in _CONTENT:
        return content_cost(key)
    return 0


_CONTENT = frozenset(
    (
        *("BCC", "BODY", "CC", "FROM", "HEADER", "SUBJECT", "TEXT", "TO"),
        *("SENTBEFORE", "SENTON", "SENTSINCE"),
    )
)


def mentions(key: Key, name: str) -> bool:
    """Whether a key of this name occurs anywhere in a tree."""
    if key.name == name:
        return True
    if key.name == "NOT":
        return mentions(key.value, name)
    return key.name in ("AND", "OR") and any(mentions(part, name) for part in key.value)


class Searcher:
    """One SEARCH, SORT or THREAD."""

    __slots__ = ("_now", "_scanner", "_session", "pace")

    def __init__(self, session: ImapSession) -> None:
        self._session = session
        self._now = time()
        self.pace = Pace()
        self._scanner = Scanner(session, self.pace)

    async def run(self, key: Key) -> Messages:
        """The matching messages of the selected mailbox, in order of UID."""
        self._check(key)
        rows = self._session.selected.rows()
        return await self._narrow(key, [row for row in rows if row is not None])

    def _check(self, key: Key) -> None:
        """Find sequence numbers beyond the mailbox first: BAD does not depend on what other keys leave over."""
        if key.name == "SEQUENCE":
            self._session.resolve(key.value, False)
        elif key.name == "NOT":
            self._check(key.value)
        elif key.name in ("AND", "OR"):
            for part in key.value:
                self._check(part)

    async def _narrow(self, key: Key, messages: Messages) -> Messages:
        if not messages:
            return messages
        name = key.name
        if name == "AND":
            for part in sorted(key.value, key=cost):
                messages = await self._narrow(part, messages)
            return messages
        if name == "NOT":
            return _without(messages, await self._narrow(key.value, messages))
        if name == "OR":
            cheap, dear = sorted(key.value, key=cost)
            found = await self._narrow(cheap, messages)
            more = await self._narrow(dear, _without(messages, found))
            if not more:
                return found
            wanted = {message.uid for message in found}
            wanted.update(message.uid for message in more)
            return [message for message in messages if message.uid in wanted]
        await self.pace.breathe()
        if name in _CONTENT:
            return await by_content(self._scanner, messages, key)
        chosen = memory_filter(self._session, key, self._now)
        assert chosen is not None, name
        return chosen(messages)


def _without(messages: Messages, found: Messages) -> Messages:
    if not found:
        return messages
    gone = {message.uid for message in found}
    return [message for message in messages if message.uid not in gone]
