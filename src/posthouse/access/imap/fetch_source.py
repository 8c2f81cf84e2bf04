"""Where FETCH gets message content from: whole when small, in slices when large."""

from __future__ import annotations

from posthouse.mail.headers import header_end
from posthouse.mail.mime import Part
from posthouse.store.contract import Facts, Message, Store
from posthouse.store.facts import decode_parts

SMALL = 256 * 1024
"""Messages up to this size are read in one piece; larger ones are sent in pieces of this size."""


class Source:
    """The content of one message, opened at most once however many sections are asked."""

    __slots__ = ("_facts", "_header_end", "_root", "_store", "_whole", "message")

    def __init__(self, store: Store, message: Message, facts: Facts | None) -> None:
        self._store = store
        self.message = message
        self._facts = facts
        self._whole: bytes | None = None
        self._header_end: int | None = None
        self._root: Part | None = None

    @property
    def size(self) -> int:
        """Length of prefix and body."""
        return self.message.size

    @property
    def prefix_size(self) -> int:
        """What to add to an offset of the part tree."""
        return self.message.prefix_size

    async def read(self, start: int, length: int) -> bytes:
        """Bytes of prefix + body. Raises OSError when the file is shorter than the index says."""
        if self.message.size <= SMALL:
            if self._whole is None:
                self._whole = await self._store.content(self.message)
            data = self._whole[start : start + length]
        else:
            data = await self._store.slice(self.message, start, length)
        if len(data) != length:
            raise OSError(f"message {self.message.id}: the body is shorter than its index entry says")
        return data

    async def facts(self) -> Facts:
        """What was computed when the message was stored."""
        if self._facts is None:
            (self._facts,) = await self._store.facts([self.message])
        return self._facts

    async def root(self) -> Part:
        """The part tree (offsets without prefix)."""
        if self._root is None:
            self._root = decode_parts((await self.facts()).parts)
        return self._root

    async def header_size(self) -> int:
        """Length of the message's header, prefix and blank line included."""
        if self._header_end is None:
            if self.message.size <= SMALL:
                self._header_end = header_end(await self.read(0, self.message.size))
            else:
                self._header_end = self.message.prefix_size + (await self.facts()).header_size
        return self._header_end


def find_part(root: Part, path: tuple[int, ...]) -> Part | None:
    """The part that an IMAP part number names (RFC 9051 6.4.5.1), or None.

    The parts of a multipart are numbered from 1; whatever is no multipart has a part 1, its own body. Numbers go on
    inside message/rfc822 as if it were the message.
    """
    current = root
    inside_message = True
    for number in path:
        base = current.message if current.message is not None and current is not root else current
        if current is root and not inside_message and root.message is not None:
            base = root.message
        if base.children:
            if number > len(base.children):
                return None
            current = base.children[number - 1]
        elif number == 1 and (inside_message or base is not current):
            current = base
        else:
            return None
        inside_message = False
    return current
