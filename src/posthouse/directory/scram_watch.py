"""Whether SCRAM can be announced, and the keys it runs with for logins that nobody has."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
from collections.abc import Callable
from time import monotonic

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import app_password_records, records
from posthouse.directory.contract import ScramKeys
from posthouse.directory.passwords import SCRAM_ITERATIONS, ScramHash
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import APP_PASSWORDS, SCRAM

LOOK_SECONDS = 5.0


def in_the_way(tx: Transaction) -> int:
    """How many accounts have no SCRAM keys of their own, and app passwords there are: a program that chooses SCRAM
    could not sign in with those."""
    accounts = tx.execute(records.COUNT_WITHOUT_SCRAM)[0][0]
    return int(accounts) + int(tx.execute(app_password_records.COUNT)[0][0])


class ScramWatch:
    """The answer as of some seconds ago; whoever asks sets off the next look."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._looked_at = -math.inf
        self._free = True
        self._task: asyncio.Task[None] | None = None

    def announced(self) -> bool:
        """Whether to announce it now."""
        wanted = self._settings.now[SCRAM]
        if wanted != "auto":
            return bool(wanted == "always")
        if self._settings.now[APP_PASSWORDS] == "everybody":
            return False
        if self._clock() - self._looked_at >= LOOK_SECONDS and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self.look())
        return self._free

    async def look(self) -> None:
        """Count again."""
        self._looked_at = self._clock()
        try:
            self._free = not await self._database.read(in_the_way)
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
