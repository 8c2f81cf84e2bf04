"""Closing servers of asyncio so that no connection falls between.

A connection that was accepted has its transport two turns of the loop later. When its server is closed in between,
asyncio fails inside: the connection is dropped without a word, and some versions write a traceback about it (an
assertion in ``Server._attach`` and, in 3.13, a second failure when the half-made transport is thrown away).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

TURNS = 3
"""Turns of the loop after which whatever was accepted has its transport, with one to spare."""


def stop_accepting(servers: Sequence[asyncio.Server]) -> None:
    """Accept nothing more on the sockets of these servers; they stay open."""
    loop = asyncio.get_running_loop()
    for server in servers:
        for one in server.sockets:
            with contextlib.suppress(
                NotImplementedError
            ):  # Windows: there, closing takes back what was begun
                loop.remove_reader(one.fileno())


async def close_servers(servers: Sequence[asyncio.Server]) -> None:
    """Accept nothing more, let what was accepted come in, close the sockets."""
    stop_accepting(servers)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    for server in servers:
        server.close()


def close_soon(servers: Sequence[asyncio.Server], turns: int = TURNS) -> None:
    """As :func:`close_servers`, from where nothing can be awaited: the sockets close some turns of the loop later."""
    stop_accepting(servers)
    if turns:
        asyncio.get_running_loop().call_soon(close_soon, servers, turns - 1)
        return
    for server in servers:
        server.close()
