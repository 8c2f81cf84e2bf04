"""The directory as the other folders see it (``contract.Directory``)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from time import monotonic, time
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import (
    client_certificates,
    forwards,
    limits,
    lookup,
    masters,
    records,
    roles,
    sending,
)
from posthouse.directory.admission import refused
from posthouse.directory.app_passwords import AppPassword
from posthouse.directory.cache import VersionedCache
from posthouse.directory.contract import Account, ScramKeys, SignIn, Target
from posthouse.directory.cram_md5 import CramMd5
from posthouse.directory.devices import MAIL_PROTOCOLS, Devices
from posthouse.directory.forwards import AccountForward
from posthouse.directory.kerberos import Kerberos, means_the_same
from posthouse.directory.limits import Limit
from posthouse.directory.masters import login_key
from posthouse.directory.passwords import Passwords
from posthouse.directory.proving import Proof, Prover
from posthouse.directory.rows import Login
from posthouse.directory.scram_watch import ScramWatch, made_up
from posthouse.directory.signin import Failures, tell_signed_in
from posthouse.directory.sources import Sources, TokenJudge, TokenKind, Welcome
from posthouse.mail.address import Address
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import CERTIFICATE_ADDRESS, MASTER_USER, REFUSAL_TIME
from posthouse.wire.sasl.contract import CheckDigest, CheckTicket, Step, Work
from posthouse.wire.sasl.gssapi import Context

_log = logger("directory")

P = ParamSpec("P")
T = TypeVar("T")

_SHARED = "scram"

KEYS_SECONDS = 0.01
"""How soon SCRAM tells salt and rounds at the earliest."""

NO_LIMIT = Limit("")
"""What nobody is told anything of."""

MOST_USES = 10_000
"""Uses of app passwords that wait to be written; beyond them new ones are not noted."""

Acted = Callable[[Account, Account, str, str], Awaitable[None]]
"""Called with the administrator, the owner, the peer and the protocol. Raises DatabaseUnavailable: then nobody
signs in, for nothing of it would be written down."""


class Guard(Protocol):
    """Stands beside every sign-in. Both are called in the event loop, and may not wait."""

    def failed(self, login: str, peer: str, protocol: str, reason: str) -> None:
        """A sign-in failed."""

    def refused(self, account: Account, peer: str, protocol: str) -> str:
        """Why somebody who proved who they are may not come in now, in words for the log; "" when they may. It is
        answered like a wrong password."""


class DirectoryService:
    """Look-ups from a cache, sign-ins with equal cost and growing delays. ``close`` it at the end."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        passwords: Passwords,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._settings = settings
        self._passwords = passwords
        self._clock = clock
        self._cache = VersionedCache(database, feed, clock)
        self._failures = Failures(settings, clock)
        self._prover = Prover(database, feed, settings, passwords, self._login, clock)
        self._scram = ScramWatch(database, settings, clock)
        self.cram_md5 = CramMd5(database, feed, settings, self._cache)
        """What CRAM-MD5 needs."""
        self.judge: TokenJudge | None = None
        """Who knows whose a token is, once the worker has somebody."""
        self.kerberos: Kerberos | None = None
        """Who checks tickets, once the worker has somebody."""
        self.acted: Acted | None = None
        """Writes the audit line of an administrator who signs in for somebody, once the worker can."""
        self._secret = b""
        self.guard: Guard | None = None
        """Counts what fails, and may refuse even the right password."""
        self.devices: Devices | None = None
        """Where sign-ins of mail programs are noted, once the worker has such a place."""
        self.app_uses: dict[int, tuple[float, str]] = {}
        """App passwords used since they were written last: when and from where, by id."""

    @property
    def sources(self) -> Sources:
        """Where passwords of accounts are judged that are not kept here."""
        return self._prover.sources

    def welcome_newcomers(self, welcome: Welcome) -> None:
        """Let accounts be made for those a source vouches for."""
        self._prover.welcome = welcome

    @property
    def failures(self) -> Failures:
        """The counters of failed sign-ins, to be joined with those of other workers."""
        return self._failures

    async def target(self, address: Address) -> Target:
        """Where this address leads. Raises DatabaseUnavailable."""
        found = await self._cache.get(("target", address.key), lookup.find_target, address)
        # Time passes without a new version of the directory.
        return found if not 0 < found.until <= time() else Target("unknown")

    async def cached(
        self, key: Hashable, op: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer of a reading op on the directory's tables, kept under ``key`` until the directory changes. Raises
        DatabaseUnavailable."""
        return await self._cache.get(key, op, *args, **kwargs)

    async def postmaster(self, domain: str) -> Account | None:
        """Who reads the postmaster's mail where no postmaster is fit to. Raises DatabaseUnavailable."""
        return await self._cache.get(("postmaster", domain), lookup.find_postmaster, domain)

    async def account(self, account_id: int) -> Account | None:
        """The account of this id if it exists and is active. Raises DatabaseUnavailable."""
        account = await self._cache.get(("account", account_id), lookup.find_account, account_id)
        return account if account is not None and account.active else None

    async def forward(self, account_id: int) -> AccountForward | None:
        """Where the mail of an account is forwarded to, None where it is not. Which of its targets fail is not asked
        for here, and may be older. Raises DatabaseUnavailable."""
        return await self._cache.get(("forward", account_id), forwards.find, account_id)

    async def sender_rights(self, account_id: int) -> tuple[str, ...]:
        """Patterns of addresses that an account may send as besides its own (``sending.covers``). Raises
        DatabaseUnavailable."""
        return await self._cache.get(("rights", account_id), sending.rights_of, account_id)

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for this domain (lower case, U-labels) is ours. Raises DatabaseUnavailable."""
        return await self._cache.get(("domain", domain), lookup.is_domain, domain)

    async def sign_in(self, login: str, password: str, *, peer: str, protocol: str) -> SignIn:
        """Verify a password. Every attempt that reaches the directory costs one hash, whoever the login is,
        unless the same password of the same login was verified a moment ago. ``owner*administrator`` is the
        administrator's password for the owner's mailbox (setting ``signin.master_user``)."""
        owner, key = masters.split(login, self._settings.now[MASTER_USER] and protocol in MAIL_PROTOCOLS)
        began = self._clock()
        try:
            proof = await self._prover.prove(key, password, peer, protocol)
            if proof.login is None:
                rest = self._rest(began)
                if proof.temporary:
                    return SignIn(None, proof.reason, rest, temporary=True)
                answer = self._refuse(key, peer, protocol, proof.reason)
                return replace(answer, delay=max(answer.delay, rest))
            limit = self._limit(proof, protocol)
            if limit:
                return self._refuse(key, peer, protocol, limit.reason, limit)
            if owner:
                return await self._act_for(owner, proof, peer, protocol)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        result = self._admit(key, proof.login.account, peer, protocol, proof.app, proof.mark)
        if result.account is not None and proof.app is None:
            await self.cram_md5.learn(proof.login, password)
        return result

    def _rest(self, began: float) -> float:
        """How long a refusal still has to wait, so that its time does not tell how the password was checked."""
        if not self._scram.uneven():
            return 0.0
        return max(0.0, self._settings.now[REFUSAL_TIME] - (self._clock() - began))

    def tokens_taken(self) -> bool:
        """Whether access tokens can sign somebody in now."""
        return self.judge is not None and self.judge.ready()

    async def sign_in_token(
        self, kind: TokenKind, token: str, login_hint: str, *, peer: str, protocol: str
    ) -> tuple[SignIn, bytes]:
        """Sign in with what another place gave out (RFC 7628). With a refusal comes what the mechanism has to send
        before it, "" for nothing."""
        hint = login_key(login_hint)
        if self.judge is None:
            return self._refuse(hint, peer, protocol, "tokens are not accepted"), b""
        try:
            verdict = await self.judge.judge(kind, token, login_hint, peer, protocol)
        except Exception as problem:  # whatever a library raises, it must not end the session
            return _unavailable(problem), b""
        if verdict.temporary:
            return SignIn(None, verdict.reason, temporary=True), verdict.challenge
        key = login_key(verdict.login)
        if not verdict.login or (hint and hint != key):
            reason = verdict.reason or "the token is somebody else's"
            return self._refuse(hint or key, peer, protocol, reason), verdict.challenge
        try:
            found = await self._login(key)
            if found is None and verdict.create is not None:
                found = await self._prover.make(verdict.create)
        except DatabaseUnavailable as problem:
            return _unavailable(problem), b""
        if found is None:
            return self._refuse(key, peer, protocol, "no such account"), verdict.challenge
        return self._admit(key, found.account, peer, protocol), verdict.challenge

    async def sign_in_certificate(
        self, certificate: bytes, authzid: str, *, peer: str, protocol: str
    ) -> SignIn:
        """EXTERNAL (RFC 4422 appendix A) with a client certificate (DER) that TLS has verified."""
        by_address = self._settings.now[CERTIFICATE_ADDRESS]
        try:
            found = await self._database.read(client_certificates.owner, certificate, by_address)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        asked = login_key(authzid) if authzid else ""
        if found is None or (asked and asked != found.address):
            return self._refuse(asked, peer, protocol, "the certificate is not of this account")
        return self._admit(found.address, found, peer, protocol)

    def tickets(self, protocol: str) -> Callable[[], Context] | None:
        """What makes the context of a Kerberos exchange; None where no tickets are taken."""
        return self.kerberos.tickets(protocol) if self.kerberos is not None else None

    async def carry(self, work: Work) -> Step:
        """Do a step of a Kerberos exchange."""
        assert self.kerberos is not None
        return await self.kerberos.carry(work)

    async def sign_in_ticket(self, shown: CheckTicket, *, peer: str, protocol: str) -> SignIn:
        """Sign in whom Kerberos vouches for (RFC 4752). A server administrator may name somebody else, as in PLAIN."""
        if shown.temporary:
            return _unavailable(RuntimeError(shown.reason))
        if not shown.principal or self.kerberos is None:
            return self._refuse(login_key(shown.authzid), peer, protocol, f"ticket: {shown.reason}")
        key = self.kerberos.address_of(shown.principal)
        if not key:
            who = login_key(shown.principal)
            return self._refuse(who, peer, protocol, "this principal stands for no address here")
        try:
            found = await self._login(key)
            if found is None:
                found = await self._prover.introduce(key)
            if found is None:
                return self._refuse(key, peer, protocol, "no such account")
            if means_the_same(shown.authzid, shown.principal, found.account.address):
                return self._admit(key, found.account, peer, protocol)
            if self._settings.now[MASTER_USER] and protocol in MAIL_PROTOCOLS:
                return await self._act_for(login_key(shown.authzid), Proof(found), peer, protocol)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        return self._refuse(key, peer, protocol, "the ticket is somebody else's")

    async def look_at_scram(self) -> None:
        """Find out now whether SCRAM can be announced."""
        await self._scram.look()

    def scram_announced(self) -> bool:
        """Whether SCRAM is to be announced now (setting ``signin.scram``)."""
        return self._scram.announced()

    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        """The keys of this login, or made-up ones that any worker would make up alike. Raises
        DatabaseUnavailable."""
        began, key = self._clock(), login_key(login)
        found = await self._login(key)
        fake = made_up(await self._shared_secret(), key)
        await self._even_out(began)
        if found is not None and found.scram is not None and not found.source:
            return found.account, found.scram
        return None, fake

    async def scram_sha1_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        """As :meth:`scram_keys`, for SCRAM-SHA-1."""
        began, key = self._clock(), login_key(login)
        found = await self._login(key)
        fake = made_up(await self._shared_secret(), key, "sha1")
        await self._even_out(began)
        if found is not None and found.scram_sha1 is not None and not found.source:
            return found.account, found.scram_sha1
        return None, fake

    async def _even_out(self, began: float) -> None:
        """Looking for a name that nobody has takes more statements than one that is found, or is remembered: the
        answer waits for longer than either."""
        await asyncio.sleep(max(0.0, KEYS_SECONDS - (self._clock() - began)))

    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn:
        """Count and log the outcome of a SCRAM exchange."""
        key = login_key(login)
        if account is None:
            return self._refuse(key, peer, protocol, "no such account")
        if not ok:
            return self._refuse(key, peer, protocol, "wrong password")
        try:
            found = await self._login(account.address)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        if found is None or found.account.id != account.id or found.source:
            return self._refuse(key, peer, protocol, "no such account")
        limit = self._limit(Proof(found), protocol)
        if limit:
            return self._refuse(key, peer, protocol, limit.reason, limit)
        return self._admit(key, found.account, peer, protocol)

    def cram_md5_host(self) -> str:
        """Our name in the challenges of CRAM-MD5, "" while it is not offered."""
        return self.cram_md5.host()

    async def sign_in_digest(self, shown: CheckDigest, *, peer: str, protocol: str) -> SignIn:
        """CRAM-MD5 (RFC 2195). What is refused for whatever reason costs one hash, as a wrong password does; it is
        counted before that, so that hanging up early wins no try."""
        try:
            result = await self._judge_digest(shown, peer, protocol)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        if result.account is None:
            await self._passwords.verify(None, "-")
        return result

    async def _judge_digest(self, shown: CheckDigest, peer: str, protocol: str) -> SignIn:
        key = login_key(shown.login)
        found = await self._login(key)
        right = await self.cram_md5.is_right(key, found, shown)
        if found is None or not right or not self.cram_md5.host():
            reason = "no such account" if found is None else "wrong digest, or no key yet"
            return self._refuse(key, peer, protocol, reason)
        limit = self._limit(Proof(found), protocol)
        if limit:
            return self._refuse(key, peer, protocol, limit.reason, limit)
        return self._admit(key, found.account, peer, protocol)

    def client_named(self, account: Account, client: str, *, peer: str, protocol: str) -> None:
        """A mail program that has signed in said what it is."""
        if self.devices is not None:
            self.devices.named(account.id, protocol, peer, client)

    def close(self) -> None:
        """Stop listening to the feed and end the hashing threads."""
        self._cache.close()
        self._passwords.close()

    async def _login(self, key: str) -> Login | None:
        return await self._cache.get(("login", key), lookup.find_login, key)

    async def _act_for(self, owner: str, proof: Proof, peer: str, protocol: str) -> SignIn:
        """An administrator has proven who they are, and wants somebody else's mailbox."""
        assert proof.login is not None
        master = proof.login.account
        found = await self._login(owner)
        role = await self._database.read(roles.role_of, master.id)
        if proof.app is not None or role != "server" or found is None:
            return self._refuse(master.address, peer, protocol, "not for this account")
        problem = refused(master, protocol, peer)
        if problem:
            return self._refuse(master.address, peer, protocol, problem)
        if self.acted is None:
            return self._refuse(master.address, peer, protocol, "nobody to write the audit")
        await self.acted(master, found.account, peer, protocol)
        signed_in = self._admit(owner, found.account, peer, protocol)
        return replace(signed_in, master=master.address)

    def _limit(self, proof: Proof, protocol: str) -> Limit | None:
        """Why the right password may not be used here."""
        assert proof.login is not None
        if proof.app is not None or protocol not in MAIL_PROTOCOLS:
            pages = proof.app is not None and protocol not in MAIL_PROTOCOLS
            return Limit("app password at the pages") if pages else None
        return limits.of_own_password(proof.login, self._settings.now)

    def _admit(
        self,
        key: str,
        account: Account,
        peer: str,
        protocol: str,
        app: AppPassword | None = None,
        mark: str = "",
    ) -> SignIn:
        problem = refused(account, protocol, peer)
        if not problem and app is not None:
            of_app = replace(account, protocols=app.protocols, networks=app.networks)
            problem = refused(of_app, protocol, peer).replace("account", "app password")
        if not problem and self.guard is not None:
            problem = self.guard.refused(account, peer, protocol)
        if problem:
            return self._refuse(key, peer, protocol, problem)
        if app is not None and len(self.app_uses) < MOST_USES:
            self.app_uses[app.id] = (time(), peer)
        counters.signed_in[protocol] += 1
        if protocol in MAIL_PROTOCOLS:  # in the browser there may be a second factor to come
            tell_signed_in(account.address, peer, protocol)
            if self.devices is not None:
                self.devices.signed_in(account.id, protocol, peer)
        return SignIn(account, delay=self._failures.succeeded(key, peer=peer), mark=mark)

    def _refuse(self, key: str, peer: str, protocol: str, reason: str, limit: Limit = NO_LIMIT) -> SignIn:
        counters.signin_failures[protocol] += 1
        if limit.text:
            delay = self._failures.declined(key, peer=peer, protocol=protocol, reason=reason)
            return SignIn(None, reason, delay, text=limit.text, expired=limit.expired)
        delay = self._failures.failed(key, peer=peer, protocol=protocol, reason=reason)
        if self.guard is not None:
            self.guard.failed(key, peer, protocol, reason)
        return SignIn(None, reason, delay)

    async def _shared_secret(self) -> bytes:
        if not self._secret:
            stored = await self._database.read(_read_secret)
            if not stored:
                stored = await self._database.run(_make_secret, os.urandom(32).hex())
            self._secret = bytes.fromhex(stored)
        return self._secret


def _unavailable(problem: Exception) -> SignIn:
    _log.warning("signin.unavailable", reason=str(problem))
    return SignIn(None, "the directory cannot be asked", temporary=True)


def _read_secret(tx: Transaction) -> str:
    rows = tx.execute(records.SELECT_SECRET, {"name": _SHARED})
    return str(rows[0][0]) if rows else ""


def _make_secret(tx: Transaction, value: str) -> str:
    tx.insert_ignore(records.secrets, {"name": _SHARED, "value": value})
    return _read_secret(tx)
