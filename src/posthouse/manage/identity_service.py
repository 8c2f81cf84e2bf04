"""Signing in over HTTP (``identity.Identity``), on the directory and its tables.

The first worker carries HTTP, so what is remembered between two steps is in its memory; sessions and tokens are in
the database, and are asked for at every use, with the account, its password and its role of that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import time

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import browser_sessions
from posthouse.directory.browser_sessions import digest
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.service import DirectoryService
from posthouse.directory.signin import peer_key
from posthouse.manage.context import Actor
from posthouse.manage.identity import BrowserSession, SecondFactor, Step, Visitor
from posthouse.manage.identity_begin import AWAY, LATER, WRONG, away
from posthouse.manage.identity_second import SecondSteps, Unfinished
from posthouse.manage.identity_sso import SingleSignOn
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings

log = logger("manage.identity")

AT_ONCE = 64
AT_ONCE_OF_PEER = 4
"""First steps under way at once, in all and of one peer: each costs a hash, and they queue for it."""

LONGEST_LOGIN = 320
LONGEST_PASSWORD = 1024
_NOBODYS = "\0"
"""A password nobody can have; verifying it takes as long as any."""

TOO_LATE = "This sign-in took too long or had too many tries. Begin again."


class SignIns(SingleSignOn):
    """See ``identity.Identity``. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        database: Database,
        directory: DirectoryService,
        settings: CurrentSettings,
        hostname: Callable[[], str],
        clock: Callable[[], float] = time,
    ) -> None:
        super().__init__(database, settings, clock)
        self._directory = directory
        self._second = SecondSteps(database, settings, hostname, clock)
        self._under_way: dict[str, int] = {}

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
            return away(problem)
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
            return away(problem)

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
            return away(problem)

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
            return away(problem)

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

    async def _password(self, login: str, password: str, visitor: Visitor) -> Step:
        if len(login) > LONGEST_LOGIN or len(password) > LONGEST_PASSWORD:
            login, password = login[:LONGEST_LOGIN], _NOBODYS
        # Read before the password is verified: one that is changed meanwhile does not begin a session.
        mark = await self._database.read(browser_sessions.password_mark, _key(login))
        result = await self._directory.sign_in(login, password, peer=visitor.peer, protocol=visitor.face)
        if result.temporary:
            return Step("later", AWAY, delay=result.delay)
        if result.account is None:
            self._count(visitor.peer)
            return Step("refused", WRONG, delay=result.delay)
        if result.mark:
            # The hash that was verified, which is a new one after the first sign-in with an imported one.
            mark = browser_sessions.digest(result.mark)
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


def _key(login: str) -> str:
    try:
        return own_address(login).key
    except DirectoryError:
        return ""
