"""What proves the owner of an account: an app password, the account's own password, or a source outside.

Every refusal costs one Argon2id hash, whoever was asked for and whichever way it went; a success may be cheaper, since
who succeeds learns nothing new from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic, time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import admin, app_passwords, foreign_hashes
from posthouse.directory.app_passwords import AppPassword
from posthouse.directory.errors import DirectoryError
from posthouse.directory.passwords import Passwords
from posthouse.directory.rows import Login
from posthouse.directory.sources import Newcomer, Sources, Verdict, Welcome
from posthouse.directory.verified import Verified
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import REMEMBER

_log = logger("directory.proving")

UNKNOWN = "no such account"
WRONG = "wrong password"

ReadLogin = Callable[[str], Awaitable[Login | None]]


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome. ``login`` is the account as it stands after it, None where nothing was proven; ``app`` the app
    password that was used; ``mark`` the stored hash that the password was verified against."""

    login: Login | None
    reason: str = ""
    temporary: bool = False
    app: AppPassword | None = None
    mark: str = ""


class Prover:
    """Verifies passwords for one worker. ``read`` asks for a login by its key."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        passwords: Passwords,
        read: ReadLogin,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._passwords = passwords
        self._read = read
        self._clock = clock
        self._verified = Verified()
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}
        self.sources = Sources()
        self.welcome: Welcome | None = None
        """Makes accounts for those a source vouches for, once the worker can."""

    async def prove(self, key: str, password: str, peer: str, protocol: str) -> Proof:
        """Whether this password opens the account of a login. Raises DatabaseUnavailable."""
        found = await self._read(key)
        app = app_passwords.find(found.apps, password) if found is not None else None
        if found is not None and app is not None and (not app.expires_at or time() < app.expires_at):
            return Proof(found, app=app)
        if found is None:
            return await self._stranger(key, password, peer, protocol)
        if found.source:
            return await self._outside(key, found, password, peer, protocol)
        return await self._own(key, found, password)

    async def _own(self, key: str, found: Login, password: str) -> Proof:
        if not await self._matches(key, password, found.password_hash):
            return Proof(None, WRONG)
        now = await self._read(key)
        if now is None or now.source:
            return Proof(None, WRONG)
        if now.password_hash != found.password_hash and not await self._matches(
            key, password, now.password_hash
        ):
            # Changed while the hash was computed, and not by another connection that upgraded the same password.
            return Proof(None, WRONG)
        now = await self._upgraded(key, now, password)
        return Proof(now, mark=now.password_hash)

    async def _outside(self, key: str, found: Login, password: str, peer: str, protocol: str) -> Proof:
        verdict = Verdict("refuse", "empty password")
        if password:
            verdict = await self.sources.judge(found.source, found.account, password, peer, protocol)
        if verdict.answer == "accept":
            now = await self._read(key)
            if now is not None and now.account.id == found.account.id and now.source == found.source:
                return Proof(now)
            verdict = Verdict("refuse", "the account changed meanwhile")
        await self._burn(key, password)
        return Proof(None, verdict.reason or WRONG, temporary=verdict.answer == "unavailable")

    async def _stranger(self, key: str, password: str, peer: str, protocol: str) -> Proof:
        verdict = Verdict("not mine", UNKNOWN)
        if password:
            verdict = await self.sources.vouched(key, password, peer, protocol)
        if verdict.answer == "accept" and verdict.create is not None:
            made = await self.make(verdict.create)
            if made is not None:
                return Proof(made)
        await self._burn(key, password)
        return Proof(None, verdict.reason or UNKNOWN, temporary=verdict.answer == "unavailable")

    async def introduce(self, key: str) -> Login | None:
        """The account of somebody who is known by other means than a password, made now if a source knows them; None
        where none does. Raises DatabaseUnavailable."""
        newcomer = await self.sources.introduced(key)
        return await self.make(newcomer) if newcomer is not None else None

    async def make(self, newcomer: Newcomer) -> Login | None:
        """The account of somebody a source vouched for, made now if need be; None where it cannot be."""
        if self.welcome is None:
            return None
        try:
            await self.welcome(newcomer)
        except DirectoryError as problem:
            _log.warning("signin.no_account_made", address=newcomer.address, reason=problem.text)
            return None
        found = await self._read(newcomer.address)
        return found if found is not None and found.source == newcomer.source else None

    async def _burn(self, key: str, password: str) -> None:
        await self._matches(key, password, "")

    async def _upgraded(self, key: str, found: Login, password: str) -> Login:
        """The password is known now: keep it as our own, with keys for SCRAM, if it was not."""
        foreign = foreign_hashes.is_foreign(found.password_hash)
        if not foreign and found.scram is not None:
            return found
        try:
            credentials = await self._passwords.make(password)
            done = await self._database.run(
                admin.upgrade_password, found.account.id, found.password_hash, credentials, feed=self._feed
            )
        except (ValueError, DatabaseUnavailable) as problem:
            # It stays as it was, and is upgraded next time.
            _log.warning("signin.not_upgraded", login=key, reason=str(problem))
            return found
        if done:
            _log.info("signin.upgraded", login=key)
        return await self._read(key) or found

    async def _matches(self, key: str, password: str, password_hash: str) -> bool:
        """Whether the password is the one of this hash ("": nobody's). Attempts that are the same while one is being
        verified share its hash."""
        token = self._verified.token(key, password, password_hash)
        remember = self._settings.now[REMEMBER]
        if remember and self._verified.holds(token, self._clock()):
            return True
        task = self._verifying.get(token)
        if task is None:
            task = asyncio.ensure_future(self._passwords.verify(password_hash or None, password))
            self._verifying[token] = task
            task.add_done_callback(partial(self._verified_now, token))
        # A session that goes away must not end the hash that others wait for.
        matches = await asyncio.shield(task)
        if matches and remember:
            self._verified.add(token, self._clock() + remember)
        return matches

    def _verified_now(self, token: bytes, task: asyncio.Task[bool]) -> None:
        del self._verifying[token]
        if not task.cancelled():
            task.exception()  # seen, even when every session that waited has gone
