"""Keep TLS connections small on the stock event loop.

``asyncio.sslproto.SSLProtocol`` gives each connection a read buffer of 256 KiB for as long as it lives: nine
tenths of what an idle TLS session costs. On selector event loops that buffer is filled (``recv_into``) and
emptied (``buffer_updated``) within one callback, so all connections of a loop can share a single one. On the
proactor loop of Windows a read is pending while the loop does other things, and on uvloop the class is
another: there nothing is changed. The two attributes are private; should they be named otherwise one day,
connections only get larger.
"""

from __future__ import annotations

import asyncio
import weakref

_BUFFER_SIZE = 256 * 1024

_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, bytearray] = weakref.WeakKeyDictionary()


def share_read_buffer(transport: asyncio.BaseTransport, loop: asyncio.AbstractEventLoop) -> bool:
    """Let this TLS transport read into the loop's shared buffer. Returns whether that was possible."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return False
    protocol = getattr(transport, "_ssl_protocol", None)
    own = getattr(protocol, "_ssl_buffer", None)
    if protocol is None or not isinstance(own, bytearray) or len(own) > _BUFFER_SIZE:
        return False
    if not isinstance(getattr(protocol, "_ssl_buffer_view", None), memoryview):
        return False
    shared = _buffers.get(loop)
    if shared is None:
        shared = _buffers[loop] = bytearray(_BUFFER_SIZE)
    protocol._ssl_buffer = shared
    protocol._ssl_buffer_view = memoryview(shared)
    return True
