"""Whether SCRAM can be announced, and the keys it runs with for logins that nobody has."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
from collections.abc import Callable
from time import monotonic, time

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import app_password_records
from posthouse.directory.contract import ScramKeys
from posthouse.directory.passwords import SCRAM_ITERATIONS, ScramHash
from posthouse.directory.versions import DIRECTORY, version
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.signin import APP_PASSWORDS, SCRAM

LOOK_SECONDS = 5.0
EXPIRY_SECONDS = 300.0
"""How late an app password that expired is noticed: that changes nothing in the directory."""


def in_the_way(tx: Transaction) -> bool:
    """Whether an active account has a password for which there are no SCRAM keys (an imported hash, one of an outside
    source, an app password): a program that chooses SCRAM could not sign in with it."""
    return bool(tx.execute(app_password_records.ANY_WITHOUT_SCRAM, {"now": time()}))


def _look(tx: Transaction) -> tuple[bool, bool]:
    return not in_the_way(tx), bool(tx.execute(app_password_records.ANY_UNEVEN))


def may_announce(settings: Settings, some_in_the_way: bool) -> bool:
    """Whether SCRAM is announced (settings ``signin.scram`` and ``signin.app_passwords``)."""
    if settings[SCRAM] != "auto":
        return bool(settings[SCRAM] == "always")
    return settings[APP_PASSWORDS] != "everybody" and not some_in_the_way


class ScramWatch:
    """The answer as of some seconds ago; whoever asks sets off the next look."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._looked_at = -math.inf
        self._free, self._uneven = True, False
        self._seen = (-1, -math.inf)  # the version of the directory, and when it was looked through
        self._task: asyncio.Task[None] | None = None

    def announced(self) -> bool:
        """Whether to announce it now."""
        settings = self._settings.now
        if may_announce(settings, True) or not may_announce(settings, False):
            return may_announce(settings, True)
        self._refresh()
        return self._free

    def uneven(self) -> bool:
        """Whether there are accounts whose passwords take another time to check than our own hashes do: imported ones,
        and those of outside sources."""
        self._refresh()
        return self._uneven

    def _refresh(self) -> None:
        if self._clock() - self._looked_at >= LOOK_SECONDS and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self.look())

    async def look(self) -> None:
        """Look again, unless nothing can have changed: with very many accounts it takes a while."""
        now = self._looked_at = self._clock()
        try:
            current = await self._database.read(version, DIRECTORY)
            if current != self._seen[0] or now - self._seen[1] >= EXPIRY_SECONDS:
                self._free, self._uneven = await self._database.scan(_look)
                self._seen = (current, now)
        except DatabaseUnavailable:
            pass  # what was found last holds until it is back


def made_up(secret: bytes, key: str, algorithm: ScramHash = "sha256") -> ScramKeys:
    """Keys that nobody's password has, the same at each attempt and on every worker."""
    kind = b"" if algorithm == "sha256" else b"sha1:"

    def derived(purpose: bytes) -> bytes:
        return hmac.digest(secret, kind + purpose + key.encode(), "sha256")

    size = hashlib.new(algorithm).digest_size
    stored_key = hashlib.new(algorithm, derived(b"stored:")).digest()
    return ScramKeys(derived(b"salt:")[:16], SCRAM_ITERATIONS, stored_key, derived(b"server:")[:size])
