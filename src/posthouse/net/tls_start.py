"""A TLS handshake whose first bytes were read before it was known to begin."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from posthouse.net import eager


async def feed_first(
    upgrade: Coroutine[Any, Any, asyncio.Transport | None],
    transport: asyncio.Transport,
    already: bytes,
    loop: asyncio.AbstractEventLoop,
) -> asyncio.Transport | None:
    """Await ``upgrade`` (a ``loop.start_tls(transport, …)``) and hand ``already`` to the TLS layer before
    anything that is read from the transport.

    ``start_tls`` schedules the layer's ``connection_made`` and the resumption of reading in its first step;
    what is scheduled right after it runs between the two and the first read.
    """
    try:
        waiting_on = upgrade.send(None)
    except StopIteration as end:
        result: asyncio.Transport | None = end.value
        return result
    loop.call_soon(_feed, transport.get_protocol(), already)
    return await eager.go_on(upgrade, waiting_on)


def _feed(layer: Any, data: bytes) -> None:
    # The TLS layers of asyncio and of uvloop both have the methods of asyncio.BufferedProtocol.
    while data:
        buffer = memoryview(layer.get_buffer(len(data)))
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        layer.buffer_updated(taken)
        data = data[taken:]
