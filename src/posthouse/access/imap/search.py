"""Evaluating search keys, the cheap ones first (RFC 9051 6.4.4).

Every key narrows a list of messages. Among keys that must all match, those answered from memory go first, then header
fields, then texts; of two alternatives the cheaper goes first and the other sees only what it left.
"""

from __future__ import annotations

from time import time

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.pace import Pace
from posthouse.access.imap.search_filter import Filter, Messages, memory_filter
from posthouse.access.imap.search_scan import Scanner, by_content, content_cost
from posthouse.store.contract import Message
from posthouse.wire.imap.syntax import SAVED, Key

_PART = 20_000
"""Messages of a large mailbox that are looked at together."""


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

    __slots__ = ("_filters", "_now", "_scanner", "_session", "pace")

    def __init__(self, session: ImapSession) -> None:
        self._session = session
        self._now = time()
        self.pace = Pace()
        self._scanner = Scanner(session, self.pace)
        self._filters: dict[int, Filter] = {}
        """By key of the tree that is searched for: a set is looked up once, however many parts the mailbox has."""

    async def run(self, key: Key) -> Messages:
        """The matching messages of the selected mailbox, in order of UID."""
        self._check(key)
        view = self._session.selected
        if not view.packed:
            return await self._narrow(key, [row for row in view.rows() if row is not None])
        rows, found = view.snapshot(), list[Message]()
        span = self._span(key, len(rows))
        for start in range(span.start, span.stop, _PART):
            part = rows[start : min(start + _PART, span.stop)]
            found += await self._narrow(key, [row for row in part if row is not None])
            await self.pace.breathe()
        return found

    def _span(self, key: Key, count: int) -> range:
        """Between which places all that can match lies: what a set of UIDs or numbers asks for."""
        parts = key.value if key.name == "AND" else (key,)
        for part in parts:
            if part.name in ("UID", "SEQUENCE") and part.value != SAVED:
                pairs = self._session.resolve(part.value, part.name == "UID")
                return range(pairs[0][0] - 1, pairs[-1][0]) if pairs else range(0)
        return range(count)

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
        chosen = self._filters.get(id(key))
        if chosen is None:
            chosen = memory_filter(self._session, key, self._now)
            assert chosen is not None, name
            self._filters[id(key)] = chosen
        return chosen(messages)


def _without(messages: Messages, found: Messages) -> Messages:
    if not found:
        return messages
    gone = {message.uid for message in found}
    return [message for message in messages if message.uid not in gone]
