"""The second step of signing in: what waits for it, and whether an answer holds."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import get_args

from posthouse.database.contract import Database
from posthouse.directory import factors
from posthouse.directory.contract import Account
from posthouse.directory.factors import Factor
from posthouse.directory.signin import Counters
from posthouse.manage import identity_codes as codes
from posthouse.manage import identity_passkeys as passkeys
from posthouse.manage.identity import SecondFactor, Visitor
from posthouse.manage.identity_pending import Pending
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.identity import PASSKEY_DOMAIN
from posthouse.settings.signin import FORGET_FAILURES

log = logger("manage.identity")

SECOND_SECONDS = 300.0
SECOND_TRIES = 3
MOST_WRONG_CODES = 10
"""Wrong codes for one account within ``signin.forget_failures`` after which only a passkey helps: whoever guesses
knows the password already, and a code has six digits."""


@dataclass(slots=True)
class Unfinished:
    """A sign-in that waits for its second step. ``session`` is set when it proves a session that exists."""

    account: Account
    how: str
    kinds: tuple[SecondFactor, ...]
    mark: bytes | None = field(repr=False)
    session: int = 0
    tries: int = SECOND_TRIES
    challenge: bytes = field(default=b"", repr=False)


class SecondSteps:
    """Sign-ins that wait, challenges for passkeys that come alone, and wrong codes by account. All in memory, and
    bounded. The methods that ask the database raise DatabaseUnavailable."""

    def __init__(
        self,
        database: Database,
        settings: CurrentSettings,
        hostname: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._settings = settings
        self._hostname = hostname
        self._clock = clock
        self._waiting: Pending[Unfinished] = Pending(SECOND_SECONDS, clock)
        self._challenges: Pending[bytes] = Pending(SECOND_SECONDS, clock)
        self._wrong_codes = Counters()

    async def kinds(self, account_id: int) -> tuple[SecondFactor, ...]:
        """What the second step of an account may be; none where neither program nor passkey is set up."""
        have = {each.kind for each in await self._database.read(factors.of_account, account_id)}
        if not have & {"totp", "passkey"}:
            return ()
        order: tuple[SecondFactor, ...] = ("passkey", "totp", "recovery")
        assert set(order) == set(get_args(SecondFactor))
        return tuple(kind for kind in order if kind in have)

    def wait(self, entry: Unfinished) -> str:
        """Keep a sign-in until its second step; the secret it is found by."""
        return self._waiting.put(entry)

    def find(self, pending: str) -> Unfinished | None:
        """The sign-in that waits, if it still may be tried."""
        entry = self._waiting.get(pending)
        return entry if entry is not None and entry.tries > 0 else None

    def take(self, pending: str) -> bool:
        """End the waiting; False when somebody else did."""
        return self._waiting.pop(pending) is not None

    def guessed(self, account: Account) -> bool:
        """Whether there were too many wrong codes for this account of late."""
        return self._wrong_codes.count(account.address, self._clock(), self._forget()) >= MOST_WRONG_CODES

    def wrong(self, account: Account) -> None:
        """Count a wrong code."""
        self._wrong_codes.add(account.address, self._clock(), self._forget())

    async def challenge(self, pending: str, visitor: Visitor) -> str:
        """Options for the browser's passkey dialogue, "" where there can be none."""
        party = self._party(visitor.origin)
        if party is None:
            return ""
        challenge = secrets.token_bytes(32)
        if not pending:
            self._challenges.put(challenge, passkeys.challenge_name(challenge))
            return passkeys.authentication_options(party, challenge, None)
        entry = self.find(pending)
        if entry is None or "passkey" not in entry.kinds:
            return ""
        known = await self._database.read(factors.of_account, entry.account.id)
        entry.challenge = challenge
        return passkeys.authentication_options(party, challenge, known)

    async def alone(self, answer: str, visitor: Visitor) -> Factor | None:
        """The passkey that answered a challenge without a sign-in before it."""
        try:
            name = passkeys.parse_assertion(answer).challenge
        except passkeys.BadPasskey:
            return None
        return await self._passkey(answer, self._challenges.pop(name) or b"", visitor)

    async def proves(self, entry: Unfinished, factor: SecondFactor, answer: str, visitor: Visitor) -> bool:
        """Whether this answer is right; if so it is used up."""
        account_id, now = entry.account.id, self._clock()
        if factor == "recovery":
            mark = factors.recovery_mark(account_id, answer[:100])
            used = await self._database.run(factors.use_code, account_id, mark)
            if used:
                log.warning("identity.recovery_code", account=entry.account.address, peer=visitor.peer)
            return used
        known = await self._database.read(factors.of_account, account_id)
        if factor == "totp":
            return await self._totp(known, answer[:20], now)
        challenge, entry.challenge = entry.challenge, b""
        found = await self._passkey(answer, challenge, visitor)
        return found is not None and found.account_id == account_id

    async def _totp(self, known: list[Factor], code: str, now: float) -> bool:
        for each in known:
            if each.kind == "totp":
                step = codes.matching_step(each.secret, code, now, each.counter)
                if step and await self._database.run(factors.advance, each.id, step, now):
                    return True
        return False

    async def _passkey(self, answer: str, challenge: bytes, visitor: Visitor) -> Factor | None:
        """The passkey that answered this challenge; None if it did not."""
        party = self._party(visitor.origin)
        try:
            assertion = passkeys.parse_assertion(answer)
            if party is None or not challenge:
                raise passkeys.BadPasskey("no challenge was given")
            found = await self._database.read(factors.passkey, assertion.credential_id)
            if found is None:
                raise passkeys.BadPasskey("the passkey is unknown")
            count = passkeys.authenticated(party, assertion, challenge, found)
        except passkeys.BadPasskey as problem:
            log.warning("identity.passkey_refused", peer=visitor.peer, reason=str(problem)[:200])
            return None
        uncounted = count == 0 and found.counter == 0
        now = self._clock()
        used = await self._database.run(factors.advance, found.id, count, now, uncounted=uncounted)
        return found if used else None

    def _party(self, origin: str) -> passkeys.RelyingParty | None:
        domain = self._settings.now[PASSKEY_DOMAIN]
        return passkeys.relying_party(origin, domain, self._hostname())

    def _forget(self) -> float:
        return float(self._settings.now[FORGET_FAILURES])
