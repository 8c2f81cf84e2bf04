"""Where FETCH gets message content from: whole when small, in slices when large."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.mail.headers import header_end
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.sections import span
from posthouse.mail.text import preview
from posthouse.store.contract import Facts, Message, Store
from posthouse.store.facts import decode_parts

SMALL = 256 * 1024
"""Messages up to this size are read in one piece; larger ones are read and sent in pieces of this size."""


class Source:
    """The content of one message, opened at most once however many sections are asked."""

    __slots__ = ("_facts", "_header_size", "_root", "_store", "_whole", "message")

    def __init__(self, store: Store, message: Message, facts: Facts | None) -> None:
        self._store = store
        self.message = message
        self._facts = facts
        self._whole: bytes | None = None
        self._header_size: int | None = None
        self._root: Part | None = None

    async def read(self, start: int, length: int) -> bytes:
        """Bytes of prefix + body. Raises OSError when the body is shorter than its index entry says."""
        if self.message.size <= SMALL:
            if self._whole is None:
                self._whole = await self._store.content(self.message)
            data = self._whole[start : start + length]
        else:
            data = await self._store.slice(self.message, start, length)
        if len(data) != length:
            raise OSError(f"message {self.message.id}: the body is shorter than its index entry says")
        return data

    async def buffer(self) -> Buffer:
        """The body alone, for offsets of the part tree."""
        return await self._store.buffer(self.message)

    async def facts(self) -> Facts:
        """What was computed when the message was stored."""
        if self._facts is None:
            (self._facts,) = await self._store.facts([self.message])
        return self._facts

    async def root(self) -> Part:
        """The part tree (offsets into the body, without prefix)."""
        if self._root is None:
            self._root = decode_parts((await self.facts()).parts)
        return self._root

    async def locate(self, path: Sequence[int], text: str) -> tuple[int, int] | None:
        """Where a section lies, as (start, length) of prefix + body; None when there is no such section."""
        size = self.message.size
        if not path:
            if not text:
                return 0, size
            header = await self._header()
            return (0, header) if text == "HEADER" else (header, size - header)
        where = span(await self.root(), path, text)
        if where is None:
            return None
        prefix = self.message.prefix_size
        if where.prefixed:
            return where.start, where.end - where.start + prefix
        return where.start + prefix, where.end - where.start

    async def _header(self) -> int:
        """Length of the message's header, prefix and blank line included. The way without the index is
        quicker for small messages, of which clients ask headers by the thousand."""
        if self._header_size is None:
            if self.message.size <= SMALL:
                self._header_size = header_end(await self.read(0, self.message.size))
            else:
                self._header_size = self.message.prefix_size + (await self.facts()).header_size
        return self._header_size

    async def preview(self) -> bytes:
        """The preview text (RFC 8970) in UTF-8; remembered with the facts."""
        facts = await self.facts()
        if facts.preview is None:
            facts.preview = preview(await self.buffer(), await self.root()).encode("utf-8", "replace")
        return facts.preview
