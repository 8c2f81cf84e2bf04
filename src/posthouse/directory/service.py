"""The directory as the other folders see it (``contract.Directory``)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Callable
from functools import partial
from time import monotonic

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import forwards, lookup, records, sending
from posthouse.directory.cache import VersionedCache
from posthouse.directory.contract import Account, ScramKeys, SignIn, Target
from posthouse.directory.devices import MAIL_PROTOCOLS, Devices
from posthouse.directory.forwards import AccountForward
from posthouse.directory.passwords import SCRAM_ITERATIONS, Passwords
from posthouse.directory.rows import Login, read_login
from posthouse.directory.signin import Failures, tell_signed_in
from posthouse.directory.verified import Verified
from posthouse.mail.address import Address, parse_address
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import REMEMBER

_log = logger("directory")

_SHARED = "scram"


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
        self._verified = Verified()
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}
        self._secret = b""
        self.devices: Devices | None = None
        """Where sign-ins of mail programs are noted, once the worker has such a place."""

    @property
    def failures(self) -> Failures:
        """The counters of failed sign-ins, to be joined with those of other workers."""
        return self._failures

    async def target(self, address: Address) -> Target:
        """Where this address leads. Raises DatabaseUnavailable."""
        return await self._cache.get(("target", address.key), lookup.find_target, address)

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
        unless the same password of the same login was verified a moment ago."""
        key = _login_key(login)
        try:
            found = await self._login(key)
            matches = await self._matches(key, password, found)
            if matches and await self._login(key) != found:
                # The account changed while the hash was computed.
                matches = False
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        if found is None:
            return self._refuse(key, peer, protocol, "no such account")
        if not matches:
            return self._refuse(key, peer, protocol, "wrong password")
        return self._admit(key, found.account, peer, protocol)

    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        """The keys of this login, or made-up ones that any worker would make up alike. Raises
        DatabaseUnavailable."""
        key = _login_key(login)
        found = await self._login(key)
        if found is not None:
            return found.account, found.scram
        return None, _made_up(await self._shared_secret(), key)

    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn:
        """Count and log the outcome of a SCRAM exchange."""
        key = _login_key(login)
        if account is None:
            return self._refuse(key, peer, protocol, "no such account")
        if not ok:
            return self._refuse(key, peer, protocol, "wrong password")
        try:
            found = await self._cache.get(("account", account.id), lookup.find_account, account.id)
        except DatabaseUnavailable as problem:
            return _unavailable(problem)
        if found is None:
            return self._refuse(key, peer, protocol, "no such account")
        return self._admit(key, found, peer, protocol)

    def client_named(self, account: Account, client: str, *, peer: str, protocol: str) -> None:
        """A mail program that has signed in said what it is."""
        if self.devices is not None:
            self.devices.named(account.id, protocol, peer, client)

    def close(self) -> None:
        """Stop listening to the feed and end the hashing threads."""
        self._cache.close()
        self._passwords.close()

    async def _login(self, key: str) -> Login | None:
        return await self._cache.get(("login", key), read_login, key)

    async def _matches(self, key: str, password: str, found: Login | None) -> bool:
        """Whether the password is right. Attempts that are the same while one is being verified share its
        hash."""
        password_hash = found.password_hash if found is not None else None
        token = self._verified.token(key, password, password_hash or "")
        remember = self._settings.now[REMEMBER]
        if remember and self._verified.holds(token, self._clock()):
            return True
        task = self._verifying.get(token)
        if task is None:
            task = asyncio.ensure_future(self._passwords.verify(password_hash, password))
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

    def _admit(self, key: str, account: Account, peer: str, protocol: str) -> SignIn:
        if not account.active:
            return self._refuse(key, peer, protocol, "account not active")
        counters.signed_in[protocol] += 1
        if protocol in MAIL_PROTOCOLS:  # in the browser there may be a second factor to come
            tell_signed_in(account.address, peer, protocol)
            if self.devices is not None:
                self.devices.signed_in(account.id, protocol, peer)
        return SignIn(account, delay=self._failures.succeeded(key, peer=peer))

    def _refuse(self, key: str, peer: str, protocol: str, reason: str) -> SignIn:
        counters.signin_failures[protocol] += 1
        delay = self._failures.failed(key, peer=peer, protocol=protocol, reason=reason)
        return SignIn(None, reason, delay)

    async def _shared_secret(self) -> bytes:
        if not self._secret:
            stored = await self._database.read(_read_secret)
            if not stored:
                stored = await self._database.run(_make_secret, os.urandom(32).hex())
            self._secret = bytes.fromhex(stored)
        return self._secret


def _login_key(login: str) -> str:
    """The address key of a login; odd ones stay as they are and simply name nobody."""
    try:
        return parse_address(login).key
    except ValueError:
        return login[:320].replace("\0", "").encode("utf-8", "replace").decode()


def _made_up(secret: bytes, key: str) -> ScramKeys:
    def derived(purpose: bytes) -> bytes:
        return hmac.digest(secret, purpose + key.encode(), "sha256")

    stored_key = hashlib.sha256(derived(b"stored:")).digest()
    return ScramKeys(derived(b"salt:")[:16], SCRAM_ITERATIONS, stored_key, derived(b"server:"))


def _unavailable(problem: DatabaseUnavailable) -> SignIn:
    _log.warning("signin.unavailable", reason=str(problem))
    return SignIn(None, "the directory cannot be asked", temporary=True)


def _read_secret(tx: Transaction) -> str:
    rows = tx.execute(records.SELECT_SECRET, {"name": _SHARED})
    return str(rows[0][0]) if rows else ""


def _make_secret(tx: Transaction, value: str) -> str:
    tx.insert_ignore(records.secrets, {"name": _SHARED, "value": value})
    return _read_secret(tx)
