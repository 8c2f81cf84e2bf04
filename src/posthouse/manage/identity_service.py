"""Signing in over HTTP (``identity.Identity``), on the directory and its tables.

The first worker carries HTTP, so what is remembered between two steps is in its memory; sessions and tokens are in
the database, and are asked for at every use, with the account, its password and its role of that moment.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time
from typing import Any

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import browser_sessions, lookup, tokens
from posthouse.directory.browser_sessions import Lasting, StoredSession, digest
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.roles import actor_of
from posthouse.directory.service import DirectoryService
from posthouse.directory.signin import Counters, peer_key, tell_signed_in
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import BrowserSession, Departure, SecondFactor, Step, Visitor
from posthouse.manage.identity_oidc import Oidc, OidcTrouble, available
from posthouse.manage.identity_people import account_for, believed_address
from posthouse.manage.identity_second import SecondSteps, Unfinished
from posthouse.manage.identity_tokens import PREFIX, actor_of_token
from posthouse.observe.log import logger
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import FORGET_FAILURES

log = logger("manage.identity")

SEEN_SECONDS = 60.0
"""How often the last use of a session or token is written."""

AT_ONCE = 64
AT_ONCE_OF_PEER = 4
"""First steps under way at once, in all and of one peer: each costs a hash, and they queue for it."""

LONGEST_LOGIN = 320
LONGEST_PASSWORD = 1024
_NOBODYS = "\0"
"""A password nobody can have; verifying it takes as long as any."""

WRONG = "The address or the password is wrong."
LATER = "Too many tries. Wait some minutes, then try again."
AWAY = "Signing in is not possible at the moment. Try again soon."
TOO_LATE = "This sign-in took too long or had too many tries. Begin again."


class SignIns:
    """See ``identity.Identity``. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        database: Database,
        directory: DirectoryService,
        settings: CurrentSettings,
        hostname: Callable[[], str],
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._second = SecondSteps(database, settings, hostname, clock)
        self._oidc = Oidc(settings, clock)
        self._peers = Counters()
        self._under_way: dict[str, int] = {}

    # The steps.

    async def password(self, login: str, password: str, visitor: Visitor) -> Step:
        """The first step."""
        if self._too_many(visitor.peer):
            return Step("later", LATER)
        peer = peer_key(visitor.peer)
        if self._under_way.get(peer, 0) >= AT_ONCE_OF_PEER or sum(self._under_way.values()) >= AT_ONCE:
            return Step("later", LATER)
        self._under_way[peer] = self._under_way.get(peer, 0) + 1
        try:
            return await self._password(login.strip(), password, visitor)
        except DatabaseUnavailable as problem:
            return _away(problem)
        finally:
            self._under_way[peer] -= 1
            if not self._under_way[peer]:
                del self._under_way[peer]

    async def second(self, pending: str, factor: SecondFactor, answer: str, visitor: Visitor) -> Step:
        """The second step, or a passkey alone."""
        if self._too_many(visitor.peer):
            return Step("later", LATER)
        try:
            if not pending:
                if factor != "passkey":
                    return Step("refused", TOO_LATE)
                return await self._by_passkey(answer, visitor)
            entry = self._second.find(pending)
            if entry is None or factor not in entry.kinds:
                return Step("refused", TOO_LATE)
            if factor != "passkey" and self._second.guessed(entry.account):
                return Step(
                    "later", "Too many wrong codes for this account. Wait ten minutes, or use a passkey."
                )
            entry.tries -= 1  # before anything is awaited: tries side by side count, too
            if not await self._second.proves(entry, factor, answer, visitor):
                return self._wrong_code(pending, entry, visitor)
            if not self._second.take(pending):
                return Step("refused", TOO_LATE)
            how = f"{entry.how}+{factor}" if entry.how else factor
            if entry.session:
                return await self._renewed(entry.session)
            return await self._begun(entry.account, how, visitor, mark=entry.mark)
        except DatabaseUnavailable as problem:
            return _away(problem)

    async def challenge(self, pending: str, visitor: Visitor) -> str:
        """Options for the browser's passkey dialogue."""
        try:
            return await self._second.challenge(pending, visitor)
        except DatabaseUnavailable as problem:
            log.warning("identity.unavailable", reason=str(problem))
            return ""

    async def one_time(self, link: str, visitor: Visitor) -> Step:
        """Sign in by a one-time link."""
        if self._too_many(visitor.peer):
            return Step("later", LATER)
        try:
            account_id = await self._database.run(browser_sessions.take_link, digest(link), self._clock())
            account = await self._account(account_id) if account_id else None
            if account is None:
                self._count(visitor.peer)
                text = (
                    "This link was used already or has run out. Make another: posthouse sign-in-link ADDRESS."
                )
                return Step("refused", text)
            return await self._begun(account, "link", visitor)
        except DatabaseUnavailable as problem:
            return _away(problem)

    async def prove(self, session: BrowserSession, password: str, visitor: Visitor) -> Step:
        """Make a session fresh."""
        actor = session.actor
        try:
            kinds = await self._second.kinds(actor.account_id)
            account = await self._account(actor.account_id)
            if account is None:
                return Step("refused", WRONG)
            if not password and "passkey" in kinds:
                entry = Unfinished(account, "", ("passkey",), None, session=actor.session)
                return Step("second", pending=self._second.wait(entry), factors=entry.kinds)
            step = await self.verify(replace(actor, source=f"{visitor.face} {visitor.peer}"), password)
            if step.kind != "done":
                return step
            if kinds:
                entry = Unfinished(account, "password", kinds, None, session=actor.session)
                return Step("second", pending=self._second.wait(entry), factors=kinds, delay=step.delay)
            return replace(await self._renewed(actor.session), delay=step.delay)
        except DatabaseUnavailable as problem:
            return _away(problem)

    async def verify(self, actor: Actor, password: str) -> Step:
        """Whether this is the password of the actor's account."""
        face, _, peer = actor.source.rpartition(" ")
        if not actor.account:
            return Step("refused", "There is no account to check the password of.")
        if self._too_many(peer):
            return Step("later", LATER)
        shown = password if len(password) <= LONGEST_PASSWORD else _NOBODYS
        result = await self._directory.sign_in(actor.account, shown, peer=peer, protocol=face or "web")
        if result.temporary:
            return Step("later", AWAY)
        if result.account is None or result.account.id != actor.account_id:
            self._count(peer)
            return Step("refused", "The password is wrong.", delay=result.delay)
        return Step("done", delay=result.delay)

    async def sign_out(self, session: BrowserSession) -> None:
        """End the session."""
        try:
            await self._database.run(browser_sessions.end, session.actor.session)
        except DatabaseUnavailable as problem:
            raise _unavailable(problem) from None

    # Who asks.

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
            if now - stored.seen_at >= SEEN_SECONDS:
                await self._database.run(browser_sessions.seen, stored.id, visitor.peer, now)
        except DatabaseUnavailable as problem:
            raise _unavailable(problem) from None
        actor = Actor(
            name=stored.account.address,
            source=f"{visitor.face} {visitor.peer}",
            role=role,
            account=stored.account.address,
            account_id=stored.account.id,
            domains=domains,
            fresh_at=stored.fresh_at,
            session=stored.id,
        )
        csrf = hmac.digest(cookie.encode("utf-8", "surrogatepass"), b"csrf", "sha256").hex()
        return BrowserSession(actor, csrf, stored.expires_at(lasting))

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

    # Single sign-on.

    def oidc_name(self) -> str:
        """What to write on the button; "" without a provider."""
        configured = self._oidc.configured() and available()
        return self._settings.now[settings_identity.OIDC_NAME] if configured else ""

    async def oidc_begin(self, return_to: str, visitor: Visitor, *, fresh: bool = False) -> Departure | Step:
        """Begin single sign-on."""
        if not self._oidc.configured():
            return Step("refused", "Single sign-on is not set up.")
        if not available():
            log.error("oidc.absent", reason="install posthouse[oidc]")
            return Step("refused", "Single sign-on needs the extra `oidc` of Posthouse to be installed.")
        try:
            return await self._oidc.begin(visitor.origin, _own_path(return_to), fresh=fresh)
        except OidcTrouble as trouble:
            return _oidc_failed(trouble, visitor)

    async def oidc_finish(self, query: Mapping[str, str], state: str, visitor: Visitor) -> Step:
        """The browser came back from the provider."""
        if not self._oidc.configured() or not available():
            return Step("refused", "Single sign-on is not set up.")
        if self._too_many(visitor.peer):
            return Step("later", LATER)
        try:
            returned = await self._oidc.finish(query, state)
            address = believed_address(returned.claims, self._settings.now)
            account = await self._database.read(account_for, address, self._settings.now)
            # The provider may have known the person for days: fresh is only what it says was just now.
            proved = returned.claims.get("auth_time")
            fresh_at = min(float(proved), self._clock()) if isinstance(proved, int | float) else 0.0
            step = await self._begun(account, "oidc", visitor, fresh_at=fresh_at)
            return replace(step, return_to=returned.return_to)
        except OidcTrouble as trouble:
            self._count(visitor.peer)
            return _oidc_failed(trouble, visitor)
        except DatabaseUnavailable as problem:
            return _away(problem)

    # Within.

    async def _password(self, login: str, password: str, visitor: Visitor) -> Step:
        if len(login) > LONGEST_LOGIN or len(password) > LONGEST_PASSWORD:
            login, password = login[:LONGEST_LOGIN], _NOBODYS
        # Read before the password is verified: one that is changed meanwhile does not begin a session.
        mark = await self._database.read(browser_sessions.password_mark, _key(login))
        result = await self._directory.sign_in(login, password, peer=visitor.peer, protocol=visitor.face)
        if result.temporary:
            return Step("later", AWAY)
        if result.account is None:
            self._count(visitor.peer)
            return Step("refused", WRONG, delay=result.delay)
        kinds = await self._second.kinds(result.account.id)
        if kinds:
            pending = self._second.wait(Unfinished(result.account, "password", kinds, mark))
            return Step("second", pending=pending, factors=kinds, delay=result.delay)
        return replace(await self._begun(result.account, "password", visitor, mark=mark), delay=result.delay)

    async def _by_passkey(self, answer: str, visitor: Visitor) -> Step:
        found = await self._second.alone(answer, visitor)
        account = await self._account(found.account_id) if found is not None else None
        if account is None:
            self._count(visitor.peer)
            return Step("refused", "This passkey is not known here, or the sign-in took too long.")
        return await self._begun(account, "passkey", visitor)

    async def _begun(
        self,
        account: Account,
        how: str,
        visitor: Visitor,
        *,
        mark: bytes | None = None,
        fresh_at: float | None = None,
    ) -> Step:
        """A new session under a new secret, whatever the browser brought."""
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

    def _wrong_code(self, pending: str, entry: Unfinished, visitor: Visitor) -> Step:
        if entry.tries <= 0:
            self._second.take(pending)
        address = entry.account.address
        self._second.wrong(entry.account)
        self._count(visitor.peer)
        delay = self._directory.failures.failed(
            address, peer=visitor.peer, protocol=visitor.face, reason="wrong second factor"
        )
        if entry.tries <= 0:
            return Step("refused", "That is not right, or was used already. Begin again.", delay=delay)
        text = "That is not right, or was used already. Try again."
        return Step("refused", text, pending=pending, factors=entry.kinds, delay=delay)

    async def _account(self, account_id: int) -> Account | None:
        account = await self._database.read(lookup.find_account, account_id)
        return account if account is not None and account.active else None

    def _lasting(self) -> Lasting:
        now = self._settings.now
        return Lasting(now[settings_identity.SESSION_IDLE], now[settings_identity.SESSION_LIFETIME])

    def _forget(self) -> float:
        return float(self._settings.now[FORGET_FAILURES])

    def _too_many(self, peer: str) -> bool:
        most = self._settings.now[settings_identity.MOST_FAILURES]
        return self._peers.count(peer_key(peer), self._clock(), self._forget()) >= most

    def _count(self, peer: str) -> None:
        self._peers.add(peer_key(peer), self._clock(), self._forget())


def _session_and_reach(tx: Transaction, secret: bytes, now: float, lasting: Lasting) -> Any:
    stored: StoredSession | None = browser_sessions.by_secret(tx, secret, now, lasting)
    return (stored, *actor_of(tx, stored.account)) if stored is not None else None


def _token_and_reach(tx: Transaction, secret: bytes) -> Any:
    stored = tokens.by_secret(tx, secret)
    return (stored, *actor_of(tx, stored.account)) if stored is not None else None


def _key(login: str) -> str:
    try:
        return own_address(login).key
    except DirectoryError:
        return ""


def _own_path(path: str) -> str:
    """A path of our own pages, else "": no other host (``//host``, ``/\\host``), no scheme, no control."""
    own = path.startswith("/") and path[1:2] not in ("/", "\\")
    return path if own and len(path) <= 2000 and path.isprintable() else ""


def _away(problem: DatabaseUnavailable) -> Step:
    log.warning("identity.unavailable", reason=str(problem))
    return Step("later", AWAY)


def _unavailable(problem: DatabaseUnavailable) -> ManageError:
    log.warning("identity.unavailable", reason=str(problem))
    return ManageError("unavailable", "The database cannot be reached.", "Try again in a moment.")


def _oidc_failed(trouble: OidcTrouble, visitor: Visitor) -> Step:
    log.warning("oidc.failed", peer=visitor.peer, reason=str(trouble)[:300])
    if trouble.temporary:
        return Step("later", "The single sign-on provider cannot be asked at the moment. Try again soon.")
    return Step(
        "refused", "Single sign-on did not let you in. Ask your administrator; the server's log says why."
    )
