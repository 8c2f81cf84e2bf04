"""Beginning sessions, and counting the tries that failed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import time

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import browser_sessions, lookup
from posthouse.directory.admission import refused
from posthouse.directory.browser_sessions import digest
from posthouse.directory.contract import Account
from posthouse.directory.signin import Counters, peer_key, tell_signed_in
from posthouse.manage.identity import Step, Visitor
from posthouse.manage.identity_callers import Callers
from posthouse.observe.log import logger
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import FORGET_FAILURES

log = logger("manage.identity")

WRONG = "The address or the password is wrong."
LATER = "Too many tries. Wait some minutes, then try again."
AWAY = "Signing in is not possible at the moment. Try again soon."


class Beginnings(Callers):
    """What every way of signing in ends with."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = time
    ) -> None:
        super().__init__(database, settings, clock)
        self._peers = Counters()

    async def _begun(
        self,
        account: Account,
        how: str,
        visitor: Visitor,
        *,
        mark: bytes | None = None,
        fresh_at: float | None = None,
    ) -> Step:
        """A new session under a new secret, whatever the browser brought. Only a link that was made on the machine
        itself opens an account that is not for the web, or not from there."""
        reason = refused(account, visitor.face, visitor.peer) if how != "link" else ""
        if reason:
            self._count(visitor.peer)
            log.warning(
                "identity.refused", account=account.address, peer=visitor.peer, how=how, reason=reason
            )
            return Step("refused", WRONG)
        secret, now = secrets.token_urlsafe(32), self._clock()
        session_id = await self._database.run(
            browser_sessions.begin,
            account,
            digest(secret),
            peer=visitor.peer,
            agent=visitor.agent,
            how=how,
            now=now,
            fresh_at=now if fresh_at is None else fresh_at,
            mark=mark,
        )
        if not session_id:
            return Step("refused", WRONG)
        log.info("identity.signed_in", account=account.address, peer=visitor.peer, how=how)
        tell_signed_in(account.address, visitor.peer, visitor.face)
        return Step("done", cookie=secret)

    async def _renewed(self, session_id: int) -> Step:
        secret = secrets.token_urlsafe(32)
        if not await self._database.run(browser_sessions.renew, session_id, digest(secret), self._clock()):
            return Step("refused", "This session has ended. Sign in again.")
        return Step("done", cookie=secret)

    async def _account(self, account_id: int) -> Account | None:
        account = await self._database.read(lookup.find_account, account_id)
        return account if account is not None and account.active else None

    def _too_many(self, peer: str) -> bool:
        most = self._settings.now[settings_identity.MOST_FAILURES]
        return self._peers.count(peer_key(peer), self._clock(), self._forget()) >= most

    def _count(self, peer: str) -> None:
        self._peers.add(peer_key(peer), self._clock(), self._forget())

    def _forget(self) -> float:
        return float(self._settings.now[FORGET_FAILURES])


def away(problem: DatabaseUnavailable) -> Step:
    """What to say while the database cannot be reached."""
    log.warning("identity.unavailable", reason=str(problem))
    return Step("later", AWAY)
