"""All open listeners of a process and the sessions that came through them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Sequence

from posthouse.net.closing import close_servers, close_soon
from posthouse.net.connection import Connection
from posthouse.net.contract import TlsContexts
from posthouse.net.door import Admission, Door
from posthouse.net.listeners import BACKLOG
from posthouse.observe.log import logger
from posthouse.settings.config import Listener

log = logger("net.house")

REFUSALS = {
    "smtp": "421 4.7.0 {reason}\r\n",
    "submission": "421 4.7.0 {reason}\r\n",
    "lmtp": "421 4.7.0 {reason}\r\n",
    "imap": "* BYE {reason}\r\n",
    "pop3": "-ERR [SYS/TEMP] {reason}\r\n",
    "http": "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{reason}\r\n",
}
"""What each protocol says to a peer that is not let in."""

BANNED = {
    "smtp": "554 5.7.1 {reason}\r\n",
    "submission": "554 5.7.1 {reason}\r\n",
    "lmtp": "554 5.7.1 {reason}\r\n",
    "imap": "* BYE {reason}\r\n",
    "pop3": "-ERR [SYS/PERM] {reason}\r\n",
    "http": "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{reason}\r\n",
}
"""And to one that is banned, who need not try again."""

DISMISS_SECONDS = 5.0
"""How long a dismissed session may take over its last words before it is cut off."""

LEAVE_SECONDS = 0.3
"""How long peers that have been told everything may take to go by themselves when the server stops."""

ASKED_FOR_CERTIFICATES = ("submission", "imap", "pop3")
"""Where mail programs sign in, and may do so with a certificate."""

MakeSession = Callable[[], Connection]


class House:
    """Accepts connections and knows who is inside."""

    def __init__(
        self,
        tls: TlsContexts,
        admission: Admission,
        handshake_seconds: float,
        *,
        worker: int = 0,
        asking: TlsContexts | None = None,
    ) -> None:
        self._tls = tls
        self._asking = asking or tls
        self._admission = admission
        self._handshake_seconds = handshake_seconds
        self._worker = worker
        self._open: list[tuple[Listener, list[socket.socket], list[asyncio.Server]]] = []
        self._make: dict[str, MakeSession] = {}
        self.sessions: set[Connection] = set()

    async def open(self, listener: Listener, sockets: Sequence[socket.socket], make: MakeSession) -> None:
        """Take connections on these sockets; ``make`` makes the session of each. Raises OSError when a port
        was taken since it was bound."""
        door = Door(
            listener.protocol,
            tls=self._contexts_of(listener),
            implicit=listener.tls == "implicit",
            starttls=listener.tls == "starttls",
            admission=self._admission,
            refusal=REFUSALS[listener.protocol],
            banned=BANNED[listener.protocol],
            handshake_seconds=self._handshake_seconds,
            trusted_proxies=[ipaddress.ip_network(network) for network in listener.proxy_from],
            sessions=self.sessions,
            worker=self._worker,
        )

        def admit() -> Connection:
            session = make()
            session.door = door
            return session

        self._make[listener.protocol] = make
        servers: list[asyncio.Server] = []
        self._open.append((listener, list(sockets), servers))
        loop = asyncio.get_running_loop()
        for one in sockets:
            if one.family == getattr(socket, "AF_UNIX", None):
                server = await loop.create_unix_server(admit, sock=one, backlog=BACKLOG)
            else:
                server = await loop.create_server(admit, sock=one, backlog=BACKLOG)
            servers.append(server)

    def _contexts_of(self, listener: Listener) -> TlsContexts | None:
        if listener.tls == "none":
            return None
        # Other servers show certificates on port 25 that say nothing to us, and browsers would ask their user.
        return self._asking if listener.protocol in ASKED_FOR_CERTIFICATES else self._tls

    @property
    def listeners(self) -> list[tuple[Listener, list[socket.socket]]]:
        """What is listened on, with the sockets."""
        return [(listener, sockets) for listener, sockets, _ in self._open]

    def serves(self, protocol: str) -> bool:
        """Whether sessions of this protocol can be made: one of its listeners was open before."""
        return protocol in self._make

    async def open_another(self, listener: Listener, sockets: Sequence[socket.socket]) -> None:
        """As :meth:`open`, for a protocol that is served already."""
        await self.open(listener, sockets, self._make[listener.protocol])

    def shut(self, listener: Listener) -> None:
        """Take no more connections on this listener. Its sessions go on."""
        for entry in [entry for entry in self._open if entry[0] == listener]:
            self._open.remove(entry)
            close_soon(entry[2])

    def counts(self) -> dict[str, int]:
        """Open sessions by protocol."""
        return dict(Counter(session.door.protocol for session in self.sessions))

    def dismiss(self, sessions: Sequence[Connection], reason: str) -> None:
        """End these sessions in the words of their protocol, in the middle of an answer after a while at the
        latest."""
        loop = asyncio.get_running_loop()
        for session in sessions:
            session.dismiss(reason)
            loop.call_later(DISMISS_SECONDS, _cut_off, session)

    def steer_talks(self) -> bool:
        """Bring the logs of conversations in line with the switches. Sessions that answer just now are left for
        the next time; whether there are such."""
        late = [session for session in self.sessions if not session.steer_talk()]
        return bool(late)

    async def close(self, seconds: float, hurry: asyncio.Event) -> None:
        """Take no more connections; tell every session, wait up to ``seconds`` for their last words, cut off
        the rest. ``hurry`` cuts the wait short."""
        await close_servers([server for _, _, servers in self._open for server in servers])
        for session in list(self.sessions):
            session.shut_down()
        await self._wait(lambda: all(session.settled for session in self.sessions), seconds, hurry)
        # Peers that read their last reply and go are better than peers that are cut off while they read it.
        await self._wait(lambda: not self.sessions, min(seconds, LEAVE_SECONDS), hurry)
        unsettled = [session for session in self.sessions if not session.settled]
        if unsettled:
            log.info("sessions.cut_off", count=len(unsettled))
        for session in list(self.sessions):
            session.abort()
        await asyncio.sleep(0)

    async def _wait(self, over: Callable[[], bool], seconds: float, hurry: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while not over() and loop.time() < limit and not hurry.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _cut_off(session: Connection) -> None:
    if not session.closing or session in session.door.sessions:
        session.abort()
