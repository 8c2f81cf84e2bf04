"""Connections: what every protocol session builds on.

A session subclasses :class:`posthouse.net.connection.Connection`. There is no task per idle session: bytes
arrive by call, a machine of ``wire/`` turns them into commands, and ``perform`` runs a handler, making a task
only when the handler really has to wait.
"""

from __future__ import annotations

import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """A negotiated TLS layer: ``version`` e.g. "TLSv1.3", ``cipher``, ``server_name`` (SNI), ``unique``
    (tls-unique channel binding, None where it does not apply) and ``certificate`` (the client's, in DER, verified; None
    where it showed none)."""

    version: str
    cipher: str
    server_name: str = ""
    unique: bytes | None = None
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end, after any PROXY header: ``loopback`` is judged on that address. ``local_port`` is
    ours."""

    address: str
    port: int
    local_address: str
    local_port: int
    loopback: bool


class TlsContexts(Protocol):
    """Server contexts with SNI; follows certificate files as they change."""

    def server(self) -> ssl.SSLContext:
        """The context for new handshakes."""


class ConnectionApi(Protocol):
    """What ``net.connection.Connection`` offers to sessions (documented here, implemented there).

    Sessions override: ``opened()`` (peer known, after PROXY header and implicit TLS), ``received(data)``,
    ``resume()`` (no longer busy: go on with what was collected), ``peer_finished()`` (EOF from the peer;
    called again each time the session is idle after that), ``tls_started()``, ``deadline()`` (the time set by
    ``set_deadline`` passed), ``going_down()`` (the server stops: say 421 or BYE and close; comes after the
    running handler has ended, or at once when the session set ``interruptible``), ``closed()`` (gone; a
    handler may still run), ``finished()`` (gone, and no handler runs: release everything), ``failed(error)``
    (a handler raised something else than ConnectionError).

    ``busy`` is also true while the peer does not read its answers (``choked``), so a session that only starts
    commands while it is not busy is never asked faster than it is listened to. A handler that waits for more
    from the peer calls ``consumed()`` before it waits. ``closing``, ``secure`` (TLS, or a loopback peer),
    ``can_start_tls`` and ``hold_reading(hold)`` are there as well.
    """

    peer: Peer
    tls: TlsInfo | None

    def write(self, data: bytes) -> None:
        """Send (buffered by the transport). After close: nothing."""

    async def drain(self) -> None:
        """Wait until the peer has read enough (write buffer below its high-water mark). Raises
        ConnectionError when it is gone. Call it between pieces of long answers."""

    def perform(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler: at once up to its first real wait, then as a task. One at a time: while it runs,
        ``busy`` is true, incoming data is still delivered to ``received`` (which must only collect it) until
        the buffer limit, then reading pauses. When it ends, ``resume()`` is called. An exception out of it
        goes to ``failed(exc)``."""

    busy: bool

    def set_deadline(self, seconds: float | None) -> None:
        """(Re)arm the one deadline of this connection; None disarms. Cheap enough for every command."""

    def close(self) -> None:
        """Flush, then close. More data from the peer is ignored."""

    def abort(self) -> None:
        """Close without flushing."""

    async def start_tls(self) -> None:
        """Upgrade (after the plain reply was written). The session must have dropped its own buffered input;
        anything the peer sent before the handshake is dropped here. Raises ConnectionError when the handshake
        fails."""
