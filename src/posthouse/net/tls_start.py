"""Turning a connection into a TLS connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

from posthouse.net import eager
from posthouse.net.tls_memory import share_read_buffer

SHUTDOWN_SECONDS = 5.0
"""How long the peer may take to answer the end of TLS."""


async def upgrade(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    handshake_seconds: float,
    already: bytes,
) -> asyncio.Transport:
    """Shake hands and return the transport of the TLS layer. ``already`` are bytes of the handshake that came
    with a PROXY header. Raises OSError (ssl.SSLError and TimeoutError are such)."""
    starting = loop.start_tls(
        transport,
        protocol,
        context,
        server_side=True,
        ssl_handshake_timeout=handshake_seconds,
        ssl_shutdown_timeout=SHUTDOWN_SECONDS,
    )
    if already:
        starting = _feed_first(starting, transport, already, loop)
    layer = await starting
    if layer is None:
        raise ConnectionResetError("the peer is gone")
    share_read_buffer(layer, loop)
    return layer


async def _feed_first(
    starting: Coroutine[Any, Any, asyncio.Transport | None],
    transport: asyncio.Transport,
    already: bytes,
    loop: asyncio.AbstractEventLoop,
) -> asyncio.Transport | None:
    """Await ``starting`` (a ``loop.start_tls(transport, …)``) and hand ``already`` to the TLS layer before
    anything that is read from the transport.

    ``start_tls`` schedules the layer's ``connection_made`` and the resumption of reading in its first step;
    what is scheduled right after it runs between the two and the first read.
    """
    try:
        waiting_on = starting.send(None)
    except StopIteration as end:
        result: asyncio.Transport | None = end.value
        return result
    loop.call_soon(_feed, transport.get_protocol(), already)
    return await eager.go_on(starting, waiting_on)


def _feed(layer: Any, data: bytes) -> None:
    # The TLS layers of asyncio and of uvloop both have the methods of asyncio.BufferedProtocol.
    while data:
        buffer = memoryview(layer.get_buffer(len(data)))
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        layer.buffer_updated(taken)
        data = data[taken:]
