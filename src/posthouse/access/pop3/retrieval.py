"""Messages on their way out: whole (RETR), or their first lines (TOP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from posthouse.store.contract import Message, Store
from posthouse.wire.pop3 import replies

PIECE = 256 * 1024
"""Messages above this size go out in pieces of it."""

FIRST_PIECE = 16 * 1024
"""Bytes that TOP reads first: most often the header and a few lines are all it is asked for."""


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


async def top(
    store: Store,
    message: Message,
    lines: int,
    write: Callable[[bytes], None],
    drain: Callable[[], Awaitable[None]],
) -> None:
    """Write the header, the blank line and the first ``lines`` lines of the body as a multi-line answer.
    Nothing is written when its first piece cannot be read, and no more is read than is asked for."""
    stuffer, cut = replies.Stuffer(), replies.Top(lines)
    start, length = 0, FIRST_PIECE
    while not cut.done and (start == 0 or start < message.size):
        piece = await store.slice(message, start, length)
        if start == 0:
            write(replies.ok("Top of message follows"))
        write(stuffer.feed(cut.feed(piece)))
        await drain()
        start, length = start + length, PIECE
    write(stuffer.finish())
