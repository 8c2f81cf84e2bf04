"""What every kind of source has in common: whose logins it judges, how many at once, what is remembered.

A password that was accepted a moment ago is not asked for again (setting ``signin.remember``). While the source cannot
be asked, the password it accepted last opens the account for ``cache_hours``, if that is wanted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Protocol, runtime_checkable

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import sources_kept as kept
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.sources import Answer, Newcomer, Verdict
from posthouse.directory.sources_config import SourceConfig
from posthouse.directory.verified import Verified
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import REMEMBER

_log = logger("directory.sources")

LONGEST_PASSWORD = 1024
MOST_WAITING = 200
"""Sign-ins that may wait for a free connection; beyond them the source counts as unavailable."""
FRESH = 0.25
"""The part of ``cache_hours`` after which a password that is accepted again is written down again."""
_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a backend says. ``address``: whose password it was as the source has it, "" where it does not say;
    ``facts``: properties of the person by name."""

    answer: Answer
    reason: str = ""
    address: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """One way to judge a password."""

    async def check(self, login: str, password: str) -> Checked:
        """Judge the password of an address. Neither is empty or holds NUL. May raise OSError and the like for
        ``unavailable``."""


@runtime_checkable
class Register(Protocol):
    """A backend that can be asked about somebody without their password."""

    async def find(self, login: str) -> Checked:
        """``accept`` with address and facts where there is an active person of this address."""


class KeptSource:
    """A source as the worker uses it (see ``sources.Source``)."""

    def __init__(
        self,
        config: SourceConfig,
        backend: Backend,
        database: Database,
        passwords: Passwords,
        settings: CurrentSettings,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self.name = config.name
        self.config = config
        self.vouches = config.details.create
        self._backend = backend
        self._database = database
        self._passwords = passwords
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._verified = Verified()
        self._written: OrderedDict[int, tuple[bytes, float]] = OrderedDict()
        self._room = asyncio.Semaphore(config.details.connections)
        self._waiting = 0

    async def verify(
        self, login: str, account: Account | None, password: str, peer: str, protocol: str
    ) -> Verdict:
        """See ``sources.Source``."""
        details = self.config.details
        if account is None and login.rpartition("@")[2] not in details.domains:
            return Verdict("not mine")
        if not password or len(password) > LONGEST_PASSWORD or "\0" in password or not _is_text(password):
            return Verdict("refuse", "no possible password")
        if "\0" in login or not _is_text(login):
            return Verdict("refuse", "no possible name")
        token = self._verified.token(login, password, self.name)
        if account is not None and self._verified.holds(token, self._clock()):
            return Verdict("accept")
        found = await self._ask(login, password)
        if account is None:
            return self._newcomer(login, found)
        if found.answer == "accept":
            remember = self._settings.now[REMEMBER]
            if remember:
                self._verified.add(token, self._clock() + remember)
            await self._keep(account, password, token)
            return Verdict("accept")
        if found.answer == "unavailable" and details.cache_hours:
            return await self._from_memory(account, password, found.reason)
        # An account of this source that it does not know any more: whoever asks is refused.
        return Verdict("refuse" if found.answer == "not mine" else found.answer, found.reason)

    async def introduce(self, login: str) -> Newcomer | None:
        """See ``sources.Source``."""
        mine = login.rpartition("@")[2] in self.config.details.domains
        if not mine or "\0" in login or not _is_text(login) or not isinstance(self._backend, Register):
            return None
        async with self._room:
            verdict = self._newcomer(login, await self._backend.find(login))
        return verdict.create

    async def _ask(self, login: str, password: str) -> Checked:
        if self._waiting >= MOST_WAITING:
            return Checked("unavailable", f"{self.name} has too many sign-ins under way")
        self._waiting += 1
        try:
            async with self._room:
                return await self._backend.check(login, password)
        finally:
            self._waiting -= 1

    def _newcomer(self, login: str, found: Checked) -> Verdict:
        if found.answer != "accept":
            return Verdict(found.answer, found.reason)
        if found.address and found.address != login:
            # Else whoever may write their own mail attribute could sign in as somebody else.
            return Verdict("refuse", f"the source knows them as {found.address}")
        return Verdict("accept", create=Newcomer(login, self.name, found.facts))

    async def _keep(self, account: Account, password: str, token: bytes) -> None:
        hours = self.config.details.cache_hours
        if not hours:
            return
        now = self._wall()
        before, at = self._written.get(account.id, (b"", 0.0))
        if before == token and now - at < hours * 3600 * FRESH:
            return
        try:
            made = await self._passwords.make(password)
            await self._database.run(kept.keep_digest, account.id, self.name, made.password_hash, now)
        except (ValueError, DatabaseUnavailable) as problem:
            _log.warning("source.not_kept", source=self.name, reason=type(problem).__name__)
            return
        self._written[account.id] = (token, now)
        if len(self._written) > _MOST_KEPT:
            self._written.popitem(last=False)

    async def _from_memory(self, account: Account, password: str, reason: str) -> Verdict:
        digest, at = await self._database.read(kept.digest_of, account.id, self.name)
        age = self._wall() - at
        if not digest or not 0 <= age < self.config.details.cache_hours * 3600:
            return Verdict("unavailable", reason)
        if await self._passwords.verify(digest, password):
            _log.warning("source.from_memory", source=self.name, login=account.address, reason=reason)
            return Verdict("accept")
        # Perhaps it is a new password: nobody can tell now.
        return Verdict("unavailable", reason)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parts(login: str) -> dict[str, str]:
    """What stands in braces: ``{address}``, ``{user}`` and ``{domain}``."""
    user, _, domain = login.rpartition("@")
    return {"address": login, "user": user, "domain": domain}
