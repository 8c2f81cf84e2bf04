"""What all IMAP sessions of a process share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from posthouse.access.imap.quota import QuotaDesk
from posthouse.access.imap.session import Session
from posthouse.access.imap.sharing import Sharing
from posthouse.bodies.contract import Spool
from posthouse.directory.contract import Directory
from posthouse.net.door import OPEN_DOOR, Door
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.imap import MAX_SESSIONS
from posthouse.store.contract import Store


class ImapService:
    """Makes sessions, and counts them by account.

    ``hostname`` is named in the greeting: a name, or what tells the present one. ``spool`` begins the body of an
    APPEND; it raises Refusal when the disk is nearly full, before it is, and OSError when it refuses. ``largest``
    tells how large a message an account takes at most, in bytes, 0 for any; it raises DatabaseUnavailable.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        spool: Callable[[], Spool],
        settings: CurrentSettings,
        hostname: str | Callable[[], str] = "",
        sharing: Sharing | None = None,
        largest: Callable[[int], Awaitable[int]] | None = None,
    ) -> None:
        self.largest = largest
        self.store = store
        self.sharing = sharing
        self.quotas: QuotaDesk | None = None
        """Quotas of others, once the worker has who sets them."""
        self.directory = directory
        self.spool = spool
        self.settings = settings
        self._hostname = hostname
        self._sessions: dict[int, int] = {}

    @property
    def hostname(self) -> str:
        """Our name now."""
        return self._hostname if isinstance(self._hostname, str) else self._hostname()

    def session(self, door: Door = OPEN_DOOR) -> Session:
        """A protocol for one new connection of a listener."""
        return Session(self, door)

    def enter(self, account_id: int) -> bool:
        """Count a session of this account; False (and not counted) when it has as many as it may."""
        count = self._sessions.get(account_id, 0)
        limit = self.settings.now[MAX_SESSIONS]
        if limit and count >= limit:
            return False
        self._sessions[account_id] = count + 1
        return True

    def leave(self, account_id: int) -> None:
        """A counted session ended."""
        count = self._sessions.pop(account_id) - 1
        if count:
            self._sessions[account_id] = count
