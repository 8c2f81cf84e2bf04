"""Answering FETCH (RFC 9051 6.4.5): the messages in order, some at a time.

A message that another session expunged meanwhile is left out. UID FETCH then ends with OK, as it does for any
UID that names nothing; FETCH by sequence number ends with NO [EXPUNGEISSUED] after all that could be had (RFC
2180 4.1.2), since the client was told that the message is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.fetch_render import FACTS, HOT_CHUNK, SIMPLE, heads, hot_lines, simple_lines
from posthouse.access.imap.fetch_section import (
    Large,
    LargeBinary,
    Piece,
    UnknownEncoding,
    large_octets,
    section_pieces,
)
from posthouse.access.imap.fetch_source import Source
from posthouse.access.imap.pace import Pace
from posthouse.observe.log import logger
from posthouse.store.contract import SEEN, Facts, FlagChange, Message
from posthouse.wire.imap.response import string
from posthouse.wire.imap.syntax import STAR, Fetch, FetchItem, Section

log = logger("access.imap")

_SIMPLE_CHUNK = 500
_FACTS_CHUNK = 50
_DRAIN_AT = 65536
_PREVIEWS = ("PREVIEW", "PREVIEW.LAZY")
_EVERYTHING = ((1, STAR),)
_HOT_ORDER = ("UID", "FLAGS")
_HOT = set(_HOT_ORDER)


def plan(arguments: Fetch, uid: bool) -> tuple[FetchItem, ...]:
    """The items to answer with: UID comes with the UID form (RFC 9051 6.4.9), MODSEQ with CHANGEDSINCE (RFC
    7162 3.1.4.1)."""
    items = arguments.items
    if arguments.changed_since is not None and "MODSEQ" not in items:
        items = (*items, "MODSEQ")
    if uid and "UID" not in items:
        items = ("UID", *items)
    return items


def marks_seen(items: Sequence[FetchItem]) -> bool:
    """Whether an item sets \\Seen: content that was asked without PEEK."""
    return any(isinstance(item, Section) and not item.peek for item in items)


def _columns(pairs: Sequence[tuple[int, Message]]) -> tuple[list[int], list[Message]]:
    """Numbers and messages apart."""
    return [number for number, _ in pairs], [message for _, message in pairs]


class Fetching:
    """One FETCH command. ``missing``: a message was gone; ``unknown_encoding``: a BINARY could not be
    decoded."""

    __slots__ = (
        "_arguments",
        "_items",
        "_pace",
        "_seen",
        "_session",
        "_uid",
        "_waiting",
        "missing",
        "unknown_encoding",
    )

    def __init__(self, session: ImapSession, arguments: Fetch, uid: bool) -> None:
        self._session = session
        self._arguments = arguments
        self._uid = uid
        self._items = plan(arguments, uid)
        self._seen = session.writable and "s" in session.rights and marks_seen(self._items)
        self._pace = Pace()
        self._waiting = 0
        self.missing = False
        self.unknown_encoding = False

    async def run(self) -> None:
        """Send the untagged answers."""
        if set(self._items) == _HOT and self._arguments.messages == _EVERYTHING:
            await self._hot()
        elif all(type(item) is str and item in SIMPLE for item in self._items):
            await self._simple()
        else:
            await self._content()

    async def _sent(self, octets: int) -> None:
        """Give the client time to read after so many octets."""
        self._waiting += octets
        if self._waiting >= _DRAIN_AT:
            self._waiting = 0
            await self._session.drain()

    # UID and FLAGS of the whole mailbox

    async def _hot(self) -> None:
        session = self._session
        view = session.selected
        rows, scratch = view.snapshot(), None if view.packed else view.scratch
        numbers = heads(len(rows))
        for start in range(0, len(rows), HOT_CHUNK):
            chunk = rows[start : start + HOT_CHUNK]
            data = None
            if chunk[-1] is not None and not session.is_recent(chunk[-1].uid):
                data = hot_lines(numbers, start, chunk, scratch)
            if data is None:
                there = [(number, row) for number, row in enumerate(chunk, start + 1) if row is not None]
                self.missing = self.missing or len(there) < len(chunk)
                data = simple_lines(session, _HOT_ORDER, *_columns(there))
            session.write(data)
            await self._sent(len(data))
            await self._pace.breathe()

    # items that are in the view

    async def _simple(self) -> None:
        items = [item for item in self._items if type(item) is str]
        for messages in self._messages(_SIMPLE_CHUNK):
            data = simple_lines(self._session, items, *_columns(messages))
            self._session.write(data)
            await self._sent(len(data))
            await self._pace.breathe()

    def _messages(self, count: int) -> Iterator[list[tuple[int, Message]]]:
        """The messages asked for that are still there and pass CHANGEDSINCE, with their sequence numbers, at most
        ``count`` at a time."""
        view = self._session.selected
        if self._arguments.messages != _EVERYTHING:
            pairs = self._session.resolve(self._arguments.messages, self._uid)
            for start in range(0, len(pairs), count):
                yield self._found([(number, view.get(uid)) for number, uid in pairs[start : start + count]])
            return
        if view.packed and self._arguments.changed_since is not None and not view.pending():
            changed = view.changed(self._arguments.changed_since)
            for start in range(0, len(changed), count):
                yield changed[start : start + count]
            return
        rows = view.snapshot()
        for start in range(0, len(rows), count):
            yield self._found(list(enumerate(rows[start : start + count], start + 1)))

    def _found(self, pairs: Sequence[tuple[int, Message | None]]) -> list[tuple[int, Message]]:
        since = -1 if self._arguments.changed_since is None else self._arguments.changed_since
        there = [(number, message) for number, message in pairs if message is not None]
        self.missing = self.missing or len(there) < len(pairs)
        return there if since < 0 else [pair for pair in there if pair[1].modseq > since]

    # items that need facts or content

    async def _content(self) -> None:
        needs_facts = any(
            (type(item) is str and item not in SIMPLE) or (isinstance(item, Section) and item.path)
            for item in self._items
        )
        for chosen in self._messages(_FACTS_CHUNK):
            messages = self._still_there(chosen)
            if not messages:
                continue
            changed: list[Message] = []
            if self._seen:
                messages, changed = await self._mark_seen(messages)
            facts: Sequence[Facts | None] = [None] * len(messages)
            if needs_facts:
                facts = await self._session.store.facts([message for _, message in messages])
            told = {message.uid for message in changed}
            for (number, message), known in zip(messages, facts, strict=True):
                await self._answer(number, message, known, message.uid in told)
                await self._pace.breathe()
            self._session.selected.mute(changed)

    def _still_there(self, messages: Sequence[tuple[int, Message]]) -> list[tuple[int, Message]]:
        """The newest state of messages that were chosen before an earlier part of the answer was sent."""
        get = self._session.selected.get
        found = [(number, get(message.uid)) for number, message in messages]
        present = [(number, message) for number, message in found if message is not None]
        self.missing = self.missing or len(present) < len(found)
        return present

    async def _mark_seen(
        self, messages: Sequence[tuple[int, Message]]
    ) -> tuple[list[tuple[int, Message]], list[Message]]:
        """Set \\Seen in the store; returns the messages as they are now, and those that changed."""
        unseen = [message.uid for _, message in messages if not message.flags & SEEN]
        if not unseen:
            return list(messages), []
        session = self._session
        outcome = await session.store.flags(
            session.selected.mailbox.id, unseen, FlagChange("add", flags=SEEN), None, session.user.id
        )
        now = {message.uid: message for message in outcome.changed}
        gone = set(outcome.gone)
        if gone:
            self.missing = True
        present = [
            (number, now.get(message.uid, message)) for number, message in messages if message.uid not in gone
        ]
        return present, outcome.changed

    async def _answer(self, number: int, message: Message, facts: Facts | None, told: bool) -> None:
        """One message's line. ``told``: \\Seen was set just now, so its flags are told along."""
        source = Source(self._session.store, message, facts)
        try:
            pieces = await self._pieces(source, told)
        except Exception:
            if self._session.selected.get(message.uid) is not None:
                raise
            self.missing = True  # expunged since it was chosen, and its content with it
            return
        if pieces:
            pieces[0] = b"* %d FETCH (" % number
            pieces.append(b")\r\n")
            await self._write(source, pieces)

    async def _pieces(self, source: Source, told: bool) -> list[Piece]:
        """The items of a line, a blank before each."""
        pieces: list[Piece] = []
        for item in (*self._items, *self._changed(told)):
            if isinstance(item, Section):
                try:
                    pieces += [b" ", *await section_pieces(source, item, self._pace)]
                except UnknownEncoding:
                    self.unknown_encoding = True
            else:
                pieces += [b" ", await self._word(item, source)]
        return pieces

    def _changed(self, told: bool) -> tuple[str, ...]:
        """What else to tell of a message whose \\Seen was set by this command."""
        if not told:
            return ()
        wanted = ("FLAGS", "MODSEQ") if self._session.condstore else ("FLAGS",)
        return tuple(word for word in wanted if word not in self._items)

    async def _word(self, item: str, source: Source) -> bytes:
        simple = SIMPLE.get(item)
        if simple is not None:
            return simple(self._session, (source.message,))[0]
        if item in _PREVIEWS:
            return b"PREVIEW " + string(await source.preview(), self._session.state.utf8)
        return FACTS[item](await source.facts())

    async def _write(self, source: Source, pieces: Sequence[Piece]) -> None:
        """Send a line; large pieces a slice at a time."""
        session = self._session
        held: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, bytes):
                held.append(piece)
                continue
            session.write(b"".join(held))
            held.clear()
            await self._write_large(source, piece)
        data = b"".join(held)
        session.write(data)
        await self._sent(len(data))

    async def _write_large(self, source: Source, piece: Large | LargeBinary) -> None:
        session = self._session
        left = piece.length
        try:
            async for data in large_octets(source, piece):
                session.write(data)
                left -= len(data)
                await session.drain()
                await self._pace.breathe()
        except ConnectionError:
            raise
        except Exception as error:
            # The literal's length was announced: nothing but the end of the connection can say that it is not
            # whole.
            log.error("imap.content_failed", message=source.message.id, reason=str(error))
            raise ConnectionAbortedError("the content of a message could not be read to its end") from error
        if left:
            log.error("imap.content_short", message=source.message.id, missing=left)
            raise ConnectionAbortedError("the content of a message is shorter than announced")
        self._waiting = 0
