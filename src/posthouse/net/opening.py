"""The beginning of a connection: who the peer is (PROXY header), whether it is let in, and TLS."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, cast

from posthouse.net.bans import BANNED
from posthouse.net.handling import Handling
from posthouse.net.peer import is_loopback, make_peer
from posthouse.net.ranges import HERE, USUAL, Range
from posthouse.net.tls_info import tls_info
from posthouse.net.tls_start import upgrade
from posthouse.observe import talk
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.wire import proxy

if TYPE_CHECKING:
    from posthouse.net.connection import Connection

log = logger("net.connection")

_numbers = count(1)


class Opening(Handling):
    """How :class:`posthouse.net.connection.Connection` begins."""

    __slots__ = ("_admitted", "_header", "number", "since")

    def __init__(self) -> None:
        super().__init__()
        self.number = next(_numbers)
        """Names this connection within its process."""
        self.since = 0.0
        """When it was let in, in seconds since 1970."""
        self._header: bytearray | None = None
        self._admitted = False

    @property
    def label(self) -> str:
        """The id of this session in the log and in the list of sessions."""
        return f"{self.door.worker}-{self.number}"

    @property
    def can_start_tls(self) -> bool:
        """Whether STARTTLS is to be offered now."""
        return self.tls is None and self.door.starttls and self.door.tls is not None

    @property
    def secure(self) -> bool:
        """Whether passwords may be sent: TLS is on, or the peer's range does without. A proxy on this machine that
        did not say who is behind it does not count as this machine."""
        if self.tls is not None:
            return True
        return not self.permits.wants_tls and (self.peer.loopback or not is_loopback(self.peer.address))

    @property
    def permits(self) -> Range:
        """What the peer may do now, by its address."""
        admission = self.door.admission
        if admission is None:
            return HERE if self.peer.loopback else USUAL
        return admission.permits(self.peer.address)

    def guessed(self) -> None:
        """The peer tries to sign in though that is not offered here."""
        if self.door.admission is not None:
            self.door.admission.guessed(self.peer.address, self.door.protocol)

    def too_many_messages(self) -> bool:
        """Count a message; whether it is one too many of this address in a minute."""
        return self.door.admission is not None and self.door.admission.too_many_messages(self.peer.address)

    async def start_tls(self) -> None:
        """Upgrade the connection. Raises ConnectionError when the handshake fails (the connection is then
        aborted)."""
        await self._handshake(b"")
        self.tls_started()
        self._take_early()

    def _take_header(self, data: bytes) -> None:
        """The beginning of a proxied connection (``wire.proxy``): who the real peer is."""
        assert self._header is not None
        self._header += data
        found = proxy.parse(self._header)
        if isinstance(found, proxy.NeedMore):
            return
        if isinstance(found, proxy.Bad):
            log.warning("proxy.refused", peer=self.peer.address, reason=found.reason)
            self.abort()
            return
        rest = bytes(self._header[found.consumed :])
        self._header = None
        self._deadline.set(None, self._loop)
        if found.source is not None and found.destination is not None:
            source, here = found.source, found.destination
            self.peer = make_peer(source.host, source.port, here.host, here.port)
        else:
            # The address that is left is the proxy's. Whoever is behind it need not be on this machine.
            self.peer = replace(self.peer, loopback=False)
        if not self._let_in():
            return
        if self.door.implicit:
            self.perform(self._open_with_tls(rest))
            return
        self._corked(self.opened)
        if rest:
            self.data_received(rest)

    def _let_in(self) -> bool:
        admission = self.door.admission
        reason = "" if admission is None else admission.enter(self.peer.address, self.door.protocol)
        if not reason:
            self._admitted = True
            self.since = time.time()
            self.door.sessions.add(cast("Connection", self))  # nothing else is ever made of it
            counters.connections[self.door.protocol] += 1
            if talk.switches.connections:
                self._tell("connection.opened", port=self.peer.local_port)
            self.talk = talk.begin(self.door.protocol, self, self.peer.address)
            if self.talk is not None:
                self.talk_changed()
            return True
        counters.not_let_in[self.door.protocol] += 1
        self._note_refusal(reason)
        words = self.door.banned if reason == BANNED else self.door.refusal
        if words and not self.door.implicit:
            super().write(
                words.format(reason=reason).encode()
            )  # what a session gathers would not leave any more
        if self._transport is not None:
            self._transport.close()
        self._closed = True
        return False

    def _note_refusal(self, reason: str) -> None:
        """Count and log it; who is kept out for good with the range, ban, list or country that does it."""
        admission, fields = self.door.admission, {"reason": reason}
        if admission is not None and reason == BANNED:
            why = admission.because(self.peer.address, self.door.protocol)
            if why is not None:
                counters.kept_out[why.counted] += 1
                fields["because"] = str(why)
        log.info("connection.refused", peer=self.peer.address, protocol=self.door.protocol, **fields)

    def _tell(self, event: str, **fields: object) -> None:
        log.info(event, session=self.label, peer=self.peer.address, protocol=self.door.protocol, **fields)

    async def _open_with_tls(self, already: bytes) -> None:
        await self._handshake(already)
        self.opened()
        self._take_early()

    async def _handshake(self, already: bytes) -> None:
        """Become TLS. ``already`` are bytes of the handshake that came with a PROXY header."""
        contexts = self.door.tls
        self._flush_cork()
        if contexts is None or self._transport is None:
            raise ConnectionResetError("no TLS here, or the peer is gone")
        # What comes through the TLS layer before start_tls returns is kept; its transport is not ours to
        # steer yet.
        self._early = bytearray()
        try:
            transport = await upgrade(
                self._loop, self._transport, self, contexts.server(), self.door.handshake_seconds, already
            )
        except BaseException as error:
            self.abort()
            # A transport lost in mid-handshake tells only the TLS layer, not us.
            self._loop.call_soon(self.connection_lost, None)
            if not isinstance(error, OSError):  # ssl.SSLError and TimeoutError are OSErrors
                raise
            reason = str(error) or type(error).__name__
            log.info("tls.failed", peer=self.peer.address, protocol=self.door.protocol, reason=reason)
            raise ConnectionAbortedError("TLS handshake failed") from error
        if self._transport is None:
            raise ConnectionResetError("the peer is gone")
        self._transport = transport
        self._reading_paused = False
        self.tls = tls_info(transport)

    def _take_early(self) -> None:
        """Deliver what came in the peer's last flight of the handshake."""
        early, self._early = self._early, None
        if early:
            self.data_received(bytes(early))
        self._steer_reading()
