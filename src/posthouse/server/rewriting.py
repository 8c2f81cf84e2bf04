"""Sender addresses for mail that is forwarded (SRS): one key for all nodes, the domain of the forwarding address."""

from __future__ import annotations

import time
from collections.abc import Callable

from posthouse.database.contract import Database
from posthouse.directory.contract import Directory
from posthouse.directory.own_secrets import own_secret
from posthouse.origin.srs import Srs, SrsError
from posthouse.settings import sending as settings_sending
from posthouse.settings.contract import CurrentSettings

NAME = "srs"


class Rewriting:
    """Rewrites senders for forwarding. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        settings: CurrentSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._secret = b""

    async def keys(self) -> Srs | None:
        """What addresses that came back are checked with; None while nothing is rewritten here."""
        return await self._srs("posthouse.invalid") if self._settings.now[settings_sending.SRS] else None

    async def sender(self, sender: str, via: str) -> str:
        """The sender with which mail for ``via``, an address of ours, is sent on: the sender itself where it is ours
        or the null path; an address of ours that leads back to it; ``via`` itself where that would be too long."""
        domain = sender.rpartition("@")[2].lower()
        if not sender or not domain or not self._settings.now[settings_sending.SRS]:
            return sender
        if await self._directory.is_local_domain(domain):
            return sender
        srs = await self._srs(via.rpartition("@")[2])
        try:
            return srs.forward(sender, self._clock()) or via
        except SrsError:
            return via

    async def _srs(self, domain: str) -> Srs:
        if not self._secret:
            self._secret = await self._database.run(own_secret, NAME)
        return Srs(domain, self._secret, days=self._settings.now[settings_sending.SRS_DAYS])
