"""A server that closes while somebody comes in: whoever was accepted is served, and nothing fails inside asyncio."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from posthouse.net.closing import close_servers, close_soon

Close = Callable[[asyncio.Server], Any]


class Greeter(asyncio.Protocol):
    """Says hello and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


async def _orderly(server: asyncio.Server) -> None:
    await close_servers([server])


async def _soon(server: asyncio.Server) -> None:
    close_soon([server])


async def _come_in_while_it_closes(turns: int, close: Close) -> tuple[list[Any], bytes]:
    """What failed inside, and what the peer read: it connects, ``turns`` turns of the loop later the server closes."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    failures: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context))
    server = await loop.create_server(Greeter, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as peer:
        for _ in range(turns):
            await asyncio.sleep(0)
        await close(server)
        await asyncio.sleep(0.05)
        assert not server.sockets
        peer.settimeout(5)
        try:
            read = peer.recv(100)
        except ConnectionResetError:
            read = b""
    del server
    gc.collect()
    return failures, read


@pytest.mark.parametrize("close", [_orderly, _soon])
@pytest.mark.parametrize("turns", range(5))
def test_who_comes_in_while_the_server_closes(
    turns: int, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    failures, read = asyncio.run(_come_in_while_it_closes(turns, close))
    assert failures == []
    assert unraisable == []
    if turns > 2:
        assert read == b"hello"  # it was accepted, so it is served
