"""Search keys that look into content: header fields and decoded texts.

Texts are decoded and compared in a thread, some messages at a time, so that other sessions go on; what was decoded
is kept for the next search. Substrings are compared by i;unicode-casemap on both sides (``mail.casemap``), within
one header or one text part, never across two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, cast

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.pace import Pace
from posthouse.access.imap.search_cache import SearchCache
from posthouse.access.imap.search_filter import Messages, days
from posthouse.access.imap.search_joined import BREAK, Joined
from posthouse.access.imap.search_summary import FIELDS, HEADERS, Summary, summarize
from posthouse.mail.casemap import fold
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import get_all
from posthouse.mail.mime import Buffer
from posthouse.mail.text import body_texts, header_text, walk
from posthouse.settings.search import SEARCH_CACHE, SEARCH_SECONDS
from posthouse.store.contract import Message
from posthouse.store.facts import decode_parts
from posthouse.wire.imap.syntax import Key

_CHUNK = 2000
_FACTS_CHUNK = 200
_SCAN_CHUNK = 50
_COMPARE_CHUNK = 400


@dataclass(slots=True)
class Texts:
    """The folded texts of one body; None: not decoded yet."""

    body: str | None = None
    headers: str | None = None

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return sum(len(text) * (1 if text.isascii() else 2) for text in (self.body, self.headers) if text)


summaries: SearchCache[Summary] = SearchCache()
texts: SearchCache[Texts] = SearchCache()
"""For the whole process: bodies are shared by mailboxes and accounts, and a digest tells nothing by itself."""


class Scanner:
    """Content searches of one command, with its time limit."""

    __slots__ = ("_budget", "_deadline", "_pace", "_session")

    def __init__(self, session: ImapSession, pace: Pace) -> None:
        self._session = session
        self._pace = pace
        self._budget = session.settings.now[SEARCH_CACHE]
        self._deadline = monotonic() + session.settings.now[SEARCH_SECONDS]

    async def _step(self) -> None:
        """Between two chunks: give way, and stop when the time is over."""
        if monotonic() > self._deadline:
            raise No("The search takes too long; ask for fewer messages or a narrower text", b"LIMIT")
        await self._pace.breathe()

    # summaries

    async def summaries(self, messages: Sequence[Message]) -> list[Summary]:
        """The summaries of messages, in order."""
        found = summaries.get([message.body for message in messages])
        if all(found):
            return found  # type: ignore[return-value]
        missing = [index for index, summary in enumerate(found) if summary is None]
        for start in range(0, len(missing), _FACTS_CHUNK):
            chunk = missing[start : start + _FACTS_CHUNK]
            facts = await self._session.store.facts([messages[index] for index in chunk])
            for index, known in zip(chunk, facts, strict=True):
                summary = summarize(known)
                found[index] = summary
                summaries.put(messages[index].body, summary, self._budget)
                await self._step()
        return [summary for summary in found if summary is not None]

    async def by_summary(self, messages: Messages, column: int, needle: str) -> Messages:
        """Messages whose summary text in ``column`` contains the folded needle; any text contains ""."""
        if BREAK in needle:
            return []
        view = self._session.selected
        whole = len(messages) == len(view.uids)
        result: Messages = []
        for start in range(0, len(messages), _CHUNK):
            chunk = messages[start : start + _CHUNK]
            place = f"summary {column} {start}"
            joined: Any = view.scratch.get(place) if whole else None
            if joined is None or joined.messages != chunk:  # messages are equal only to themselves
                joined = Joined(
                    chunk, [cast("str | None", each[column]) for each in await self.summaries(chunk)]
                )
                if whole and len(chunk) == _CHUNK:
                    view.scratch[place] = joined
            result += joined.containing(needle)
            await self._step()
        return result

    async def by_sent_day(self, messages: Messages, name: str, day: int) -> Messages:
        """SENTBEFORE, SENTON, SENTSINCE. A message without a readable Date is sent on no day."""
        result: Messages = []
        for start in range(0, len(messages), _CHUNK):
            chunk = messages[start : start + _CHUNK]
            for message, summary in zip(chunk, await self.summaries(chunk), strict=True):
                sent = summary.sent_day
                if sent is None:
                    continue
                if (
                    (sent < day)
                    if name == "SENTBEFORE"
                    else (sent >= day)
                    if name == "SENTSINCE"
                    else sent == day
                ):
                    result.append(message)
            await self._step()
        return result

    # header fields

    async def by_header(self, messages: Messages, name: bytes, needle: str) -> Messages:
        """Messages with a header field of this name whose decoded text contains the needle."""
        result: Messages = []
        store = self._session.store
        for start in range(0, len(messages), _SCAN_CHUNK):
            chunk = messages[start : start + _SCAN_CHUNK]
            facts = await store.facts(chunk)
            for message, known in zip(chunk, facts, strict=True):
                header = await store.slice(message, 0, message.prefix_size + known.header_size)
                header = header.replace(
                    b"\n\t", b"\n "
                )  # a fold reads as a blank, whichever it was made with
                if any(needle in fold(decode_words(value)) for value in get_all(header, name)):
                    result.append(message)
                await self._step()
        return result

    # texts

    async def by_text(self, messages: Messages, name: str, needle: str) -> Messages:
        """BODY and TEXT."""
        with_headers = name == "TEXT"
        messages = list(
            await self._session.store.candidates(self._session.selected.mailbox, messages, needle)
        )
        unread: list[Message] = []
        verdicts: dict[int, bool] = {}
        for start in range(0, len(messages), _COMPARE_CHUNK):
            chunk = messages[start : start + _COMPARE_CHUNK]
            for message, known in zip(chunk, texts.get([message.body for message in chunk]), strict=True):
                verdict = None if known is None else _verdict(known, needle, with_headers)
                if verdict is None or (with_headers and not verdict and message.prefix_size):
                    unread.append(message)
                else:
                    verdicts[message.uid] = verdict
            await self._step()
        for start in range(0, len(unread), _SCAN_CHUNK):
            chunk = unread[start : start + _SCAN_CHUNK]
            for message, verdict in zip(chunk, await self._scan(chunk, needle, with_headers), strict=True):
                verdicts[message.uid] = verdict
            await self._step()
        return [message for message in messages if verdicts[message.uid]]

    async def _scan(self, messages: Sequence[Message], needle: str, with_headers: bool) -> list[bool]:
        """Decode and compare some messages in a thread."""
        store = self._session.store
        facts = await store.facts(messages)
        work: list[tuple[Texts, Buffer, bytes, bytes]] = []
        before = texts.get([message.body for message in messages])
        for message, known, decoded in zip(messages, facts, before, strict=True):
            texts.drop(message.body)
            prefix = await store.prefix(message) if with_headers and message.prefix_size else b""
            work.append((decoded or Texts(), await store.buffer(message), known.parts, prefix))
        verdicts = await asyncio.to_thread(partial(_compare, work, needle, with_headers))
        for message, (held, _, _, _) in zip(messages, work, strict=True):
            texts.put(message.body, held, self._budget)
        return verdicts


def _verdict(known: Texts, needle: str, with_headers: bool) -> bool | None:
    """Whether the needle is in texts that were decoded; None when that cannot be said yet."""
    if with_headers:
        if known.headers is None:
            return None
        if needle in known.headers:
            return True
    return None if known.body is None else needle in known.body


def _compare(
    work: Sequence[tuple[Texts, Buffer, bytes, bytes]], needle: str, with_headers: bool
) -> list[bool]:
    """In a thread: decode what is missing and look for the needle."""
    verdicts: list[bool] = []
    for held, buffer, parts, prefix in work:
        if held.body is None or (with_headers and held.headers is None):
            root = decode_parts(parts)
            if held.body is None:
                held.body = BREAK.join([fold(text) for text in body_texts(buffer, root)])
            if with_headers and held.headers is None:
                held.headers = BREAK.join(
                    [
                        fold(header_text(buffer[part.start : part.body]))
                        for part in walk(root)
                        if part.start < part.body
                    ]
                )
        verdict = bool(_verdict(held, needle, with_headers))
        if not verdict and prefix:
            verdict = needle in fold(header_text(prefix))
        verdicts.append(verdict)
    return verdicts


def content_cost(key: Key) -> int:
    """How dear a content key is, relative to the others: 1 summary, 2 header, 3 texts."""
    if key.name in FIELDS or key.name.startswith("SENT"):
        return 1
    if key.name == "HEADER":
        return 1 if key.value[0].upper() in HEADERS else 2
    return 3


async def by_content(scanner: Scanner, messages: Messages, key: Key) -> Messages:
    """Messages that match a content key."""
    name = key.name
    if name in FIELDS:
        return await scanner.by_summary(messages, FIELDS[name], fold(key.value))
    if name.startswith("SENT"):
        return await scanner.by_sent_day(messages, name, days(key.value))
    if name == "HEADER":
        field, text = key.value
        column = HEADERS.get(field.upper())
        if column is not None:
            return await scanner.by_summary(messages, column, fold(text))
        if not field.isascii():
            return []
        return await scanner.by_header(messages, field.encode("ascii"), fold(text))
    needle = fold(key.value)
    if not needle:
        return messages
    if BREAK in needle:
        return []
    return await scanner.by_text(messages, name, needle)
