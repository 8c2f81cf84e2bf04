"""The sending half of a connection: gathered writes, and waiting for a peer that does not read."""

from __future__ import annotations

import asyncio

from posthouse.observe.talk import Talk

_CORK_LIMIT = 65536


class Writing(asyncio.Protocol):
    """What :class:`posthouse.net.connection.Connection` sends with. While ``_cork`` is a list, writes gather
    in it."""

    __slots__ = (
        "_closed",
        "_cork",
        "_cork_size",
        "_drainers",
        "_loop",
        "_transport",
        "bytes_out",
        "choked",
        "talk",
    )

    def __init__(self) -> None:
        self.choked = False
        """Whether the write buffer is above its high-water mark: the peer does not read."""
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._cork: list[bytes] | None = None
        self._cork_size = 0
        self._drainers: list[asyncio.Future[None]] = []
        self.bytes_out = 0
        """What was said to the peer so far, before TLS."""
        self.talk: Talk | None = None
        """The log of the conversation, while that is switched on."""

    def write(self, data: bytes) -> None:
        """Send. After ``close``: nothing."""
        if self._closed or self._transport is None:
            return
        self.bytes_out += len(data)
        if self.talk is not None:
            self.talk.sent(data)
        cork = self._cork
        if cork is None:
            self._transport.write(data)
            return
        cork.append(data)
        self._cork_size += len(data)
        if self._cork_size > _CORK_LIMIT:
            self._flush_cork()

    async def drain(self) -> None:
        """Wait until the write buffer is below its high-water mark. Raises ConnectionError when the peer is
        gone."""
        self._flush_cork()
        if self.choked and self._transport is not None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._drainers.append(waiter)
            await waiter
        if self._transport is None:
            raise ConnectionResetError("the peer is gone")

    def _uncork(self) -> None:
        cork = self._cork
        self._cork = None
        if cork and self._transport is not None:
            self._transport.write(cork[0] if len(cork) == 1 else b"".join(cork))

    def _flush_cork(self) -> None:
        cork = self._cork
        if cork and self._transport is not None:
            self._cork = []
            self._cork_size = 0
            self._transport.write(b"".join(cork))

    def _wake_drainers(self) -> None:
        waiting, self._drainers = self._drainers, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
