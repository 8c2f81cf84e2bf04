"""Who asks: the session behind a cookie, the holder of an API token."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from time import time
from typing import Any

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import browser_sessions, limits, tokens
from posthouse.directory.admission import refused
from posthouse.directory.browser_sessions import Lasting, StoredSession, digest
from posthouse.directory.roles import actor_of
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import BrowserSession, Visitor
from posthouse.manage.identity_tokens import PREFIX, actor_of_token
from posthouse.observe.log import logger
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import CurrentSettings

log = logger("manage.identity")

SEEN_SECONDS = 60.0
"""How often the last use of a session or token is written."""


class Callers:
    """The part of ``identity.Identity`` that every request needs. ``clock`` gives seconds since 1970."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = time
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def by_cookie(self, cookie: str, visitor: Visitor) -> BrowserSession | None:
        """The session of this cookie. Raises ManageError while the database is away."""
        if not 0 < len(cookie) <= 100:
            return None
        now, lasting = self._clock(), self._lasting()
        try:
            found = await self._database.read(_session_and_reach, digest(cookie), now, lasting)
            if found is None:
                return None
            stored, role, domains = found
            if stored.how != "link" and refused(stored.account, visitor.face, visitor.peer):
                return None
            if now - stored.seen_at >= SEEN_SECONDS:
                await self._database.run(browser_sessions.seen, stored.id, visitor.peer, now)
        except DatabaseUnavailable as problem:
            raise _unavailable(problem) from None
        since = stored.password_since
        expires_at = limits.expires_at(since, self._settings.now) if since else 0.0
        # Who came by a passkey, a link or another place's sign-in proved themselves without the password.
        must_change = 0 < expires_at <= now and stored.how.startswith("password")
        actor = Actor(
            name=stored.account.address,
            source=f"{visitor.face} {visitor.peer}",
            role="user" if must_change else role,
            account=stored.account.address,
            account_id=stored.account.id,
            domains=frozenset() if must_change else domains,
            fresh_at=stored.fresh_at,
            session=stored.id,
            must_change=must_change,
        )
        csrf = hmac.digest(cookie.encode("utf-8", "surrogatepass"), b"csrf", "sha256").hex()
        return BrowserSession(actor, csrf, stored.expires_at(lasting), stored.language, expires_at)

    async def by_token(self, token: str, visitor: Visitor) -> Actor | None:
        """The holder of an API token. Raises ManageError while the database is away."""
        if not token.startswith(PREFIX) or len(token) > 100:
            return None
        now = self._clock()
        try:
            found = await self._database.read(_token_and_reach, digest(token))
            if found is None:
                return None
            stored, role, domains = found
            actor = actor_of_token(stored, role, domains, visitor, now)
            if actor is not None and now - stored.used_at >= SEEN_SECONDS:
                await self._database.run(tokens.used, stored.id, visitor.peer, now)
        except DatabaseUnavailable as problem:
            raise _unavailable(problem) from None
        return actor

    async def sign_out(self, session: BrowserSession) -> None:
        """End the session."""
        try:
            await self._database.run(browser_sessions.end, session.actor.session)
        except DatabaseUnavailable as problem:
            raise _unavailable(problem) from None

    def _lasting(self) -> Lasting:
        now = self._settings.now
        return Lasting(now[settings_identity.SESSION_IDLE], now[settings_identity.SESSION_LIFETIME])


def _session_and_reach(tx: Transaction, secret: bytes, now: float, lasting: Lasting) -> Any:
    stored: StoredSession | None = browser_sessions.by_secret(tx, secret, now, lasting)
    return (stored, *actor_of(tx, stored.account)) if stored is not None else None


def _token_and_reach(tx: Transaction, secret: bytes) -> Any:
    stored = tokens.by_secret(tx, secret)
    return (stored, *actor_of(tx, stored.account)) if stored is not None else None


def _unavailable(problem: DatabaseUnavailable) -> ManageError:
    log.warning("identity.unavailable", reason=str(problem))
    return ManageError("unavailable", "The database cannot be reached.", "Try again in a moment.")
