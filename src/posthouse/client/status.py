"""The server's state, as ``app.status``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from posthouse.client import generated as api


class SessionType(IntEnum):
    """Kinds of sessions, in hMailServer's numbers."""

    SMTP = 1
    POP3 = 3
    IMAP = 5


_PROTOCOLS = {
    SessionType.SMTP: ("smtp", "submission", "lmtp"),
    SessionType.POP3: ("pop3",),
    SessionType.IMAP: ("imap",),
}


class SessionCount:
    """``status.session_count[SessionType.IMAP]``, or by the name of one protocol (``"submission"``)."""

    def __init__(self, sessions: Mapping[str, int]) -> None:
        self._sessions = sessions

    def __getitem__(self, kind: SessionType | int | str) -> int:
        names = (kind,) if isinstance(kind, str) else _PROTOCOLS[SessionType(kind)]
        return sum(self._sessions.get(name, 0) for name in names)


class Status:
    """How it stood when it was asked; ``refresh()`` asks again. ``facts`` is all the server tells."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        self.refresh()

    def refresh(self) -> None:
        """Ask again."""
        self.facts = self._calls.status()
        self._asked = datetime.now(UTC)

    @property
    def start_time(self) -> datetime:
        """Since when the server runs (UTC)."""
        return self._asked - timedelta(seconds=self.facts.uptime)

    @property
    def undelivered_messages(self) -> int:
        """How many messages wait in the queue; ``delivery_queue.items`` are they."""
        return self.facts.queue.messages

    @property
    def processed_messages(self) -> int:
        """How many messages were taken since the start."""
        return self.facts.counts.accepted

    @property
    def session_count(self) -> SessionCount:
        """How many sessions are open."""
        return SessionCount(self.facts.sessions)
