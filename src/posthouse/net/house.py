"""All open listeners of a process and the sessions that came through them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Sequence

from posthouse.net.connection import Connection
from posthouse.net.contract import TlsContexts
from posthouse.net.door import Admission, Door
from posthouse.observe.log import logger
from posthouse.settings.config import Listener

log = logger("net.house")

REFUSALS = {
    "smtp": "421 4.7.0 {reason}\r\n",
    "submission": "421 4.7.0 {reason}\r\n",
    "lmtp": "421 4.7.0 {reason}\r\n",
    "imap": "* BYE {reason}\r\n",
    "pop3": "-ERR [SYS/TEMP] {reason}\r\n",
}
"""What each protocol says to a peer that is not let in."""

MakeSession = Callable[[], Connection]


class House:
    """Accepts connections and knows who is inside."""

    def __init__(self, tls: TlsContexts, admission: Admission, handshake_seconds: float) -> None:
        self._tls = tls
        self._admission = admission
        self._handshake_seconds = handshake_seconds
        self._servers: list[asyncio.Server] = []
        self.sessions: set[Connection] = set()

    async def open(self, listener: Listener, sockets: Sequence[socket.socket], make: MakeSession) -> None:
        """Take connections on these sockets; ``make`` makes the session of each."""
        door = Door(
            listener.protocol,
            tls=self._tls if listener.tls != "none" else None,
            implicit=listener.tls == "implicit",
            starttls=listener.tls == "starttls",
            admission=self._admission,
            refusal=REFUSALS[listener.protocol],
            handshake_seconds=self._handshake_seconds,
            trusted_proxies=[ipaddress.ip_network(network) for network in listener.proxy_from],
            sessions=self.sessions,
        )

        def admit() -> Connection:
            session = make()
            session.door = door
            return session

        loop = asyncio.get_running_loop()
        for one in sockets:
            if one.family == getattr(socket, "AF_UNIX", None):
                server = await loop.create_unix_server(admit, sock=one)
            else:
                server = await loop.create_server(admit, sock=one)
            self._servers.append(server)

    def counts(self) -> dict[str, int]:
        """Open sessions by protocol."""
        return dict(Counter(session.door.protocol for session in self.sessions))

    async def close(self, seconds: float, hurry: asyncio.Event) -> None:
        """Take no more connections; tell every session, wait up to ``seconds`` for their last words, cut off
        the rest. ``hurry`` cuts the wait short."""
        for server in self._servers:
            server.close()
        for session in list(self.sessions):
            session.shut_down()
        await self._wait_empty(seconds, hurry)
        if self.sessions:
            log.info("sessions.cut_off", count=len(self.sessions))
        for session in list(self.sessions):
            session.abort()
        await asyncio.sleep(0)

    async def _wait_empty(self, seconds: float, hurry: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while self.sessions and loop.time() < limit and not hurry.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
