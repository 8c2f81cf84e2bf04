"""Messages on their way out: whole (RETR), or their first lines (TOP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from posthouse.store.contract import Message, Store
from posthouse.wire.pop3 import replies

PIECE = 256 * 1024
"""Messages above this size go out in pieces of it."""


async def retrieve(
    store: Store, message: Message, write: Callable[[bytes], None], drain: Callable[[], Awaitable[None]]
) -> None:
    """Write a whole message as a multi-line answer. Nothing is written when its first piece cannot be
    read."""
    greeting = replies.ok(f"{message.size} octets")
    if message.size <= PIECE:
        write(greeting + replies.stuffed(await store.content(message)))
        return
    stuffer = replies.Stuffer()
    for start in range(0, message.size, PIECE):
        piece = await store.slice(message, start, PIECE)
        if start == 0:
            write(greeting)
        write(stuffer.feed(piece))
        await drain()
    write(stuffer.finish())


async def top(store: Store, message: Message, lines: int) -> bytes:
    """The header, the blank line and the first ``lines`` lines of the body, as a multi-line answer. At most
    the piece of the message that is asked for is read, in growing steps."""
    length = 16 * 1024
    while True:
        begin = await store.slice(message, 0, length)
        end = replies.header_end(begin)
        if end >= 0:
            end = replies.top_end(begin, end, lines)
        if end >= 0 or len(begin) < length:
            break
        length *= 4
    return replies.ok("Top of message follows") + replies.stuffed(begin if end < 0 else begin[:end])
