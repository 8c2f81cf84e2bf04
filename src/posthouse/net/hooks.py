"""What a session is told and may say of itself: the hooks of a connection."""

from __future__ import annotations

from posthouse.net.contract import Peer
from posthouse.net.door import OPEN_DOOR, Door
from posthouse.net.peer import UNKNOWN
from posthouse.net.reading import Reading
from posthouse.observe.log import logger

log = logger("net.connection")


class Hooks(Reading):
    """What sessions override of :class:`posthouse.net.connection.Connection`."""

    __slots__ = ("door", "peer")

    def __init__(self) -> None:
        super().__init__()
        self.peer: Peer = UNKNOWN
        self.door: Door = OPEN_DOOR

    def opened(self) -> None:
        """The peer is known, PROXY header and implicit TLS are done: greet it."""

    def received(self, data: bytes) -> None:
        """Bytes from the peer. While ``busy``: collect only."""

    def resume(self) -> None:
        """The session is no longer busy: go on with what was collected. Called by the base, never nested."""

    def tls_started(self) -> None:
        """``start_tls`` succeeded; ``self.tls`` is set. Called before ``start_tls`` returns."""

    def peer_finished(self) -> None:
        """The peer will send nothing more. Called when that happens and again each time the session is idle.
        Default: answer what it asked, then close."""
        if not self.busy:
            self.close()

    def deadline(self) -> None:
        """The time set by ``set_deadline`` passed. Default: close."""
        self.close()

    def going_down(self) -> None:
        """The server stops and no handler runs (or the running one is ``interruptible``). Default: close."""
        self.close()

    def closed(self) -> None:
        """The connection is gone (once). A handler may still run: release what it uses in ``finished``."""

    def finished(self) -> None:
        """The connection is gone and no handler runs any more (once, after ``closed``)."""

    def failed(self, error: Exception) -> None:
        """A handler raised. Default: log with traceback and close. ConnectionError never comes here."""
        log.error("session.failed", peer=self.peer.address, protocol=self.door.protocol, exc_info=error)
        self.close()

    @property
    def account_address(self) -> str:
        """Who has signed in, "" for nobody."""
        return ""

    @property
    def client_name(self) -> str:
        """What the peer calls itself, "" if it has not said."""
        return ""

    @property
    def trace_id(self) -> str:
        """The trace of this session's messages, "" where it has none."""
        return ""

    def talk_changed(self) -> None:
        """``talk`` was set or taken away."""
