"""Where the passwords of accounts are judged when it is not here: LDAP, PAM, a query, a script.

An account names its source in the column ``source``; "" means its own password. A source may also speak for a login
that has no account yet (``vouches``): its verdict then carries what the account is made from. And mechanisms that
carry a token instead of a password (OAUTHBEARER, XOAUTH2) ask a :class:`TokenJudge`.

Whoever guesses must not learn from the time: a refusal costs one hash of ours on top of whatever the source took,
for accounts of a source as for logins that nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.directory.contract import Account
from posthouse.observe.log import logger

log = logger("directory.sources")

VERDICT_SECONDS = 20.0
"""A source that has not answered by then is away: sessions have deadlines of their own."""

Answer = Literal["accept", "refuse", "not mine", "unavailable"]
TokenKind = Literal["OAUTHBEARER", "XOAUTH2"]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What an account is made from whose first sign-in a source vouched for. ``facts`` are properties of the account
    by name (``display_name`` and so on), as the source knows them."""

    address: str
    source: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a source says. ``not mine``: it knows nobody of this login. ``unavailable``: it cannot be asked now, which
    the client is told as a temporary failure. ``reason`` is for the log and never holds a password. ``create`` only
    with ``accept``, and only for a login without an account."""

    answer: Answer
    reason: str = ""
    create: Newcomer | None = None


class Source(Protocol):
    """A place outside where passwords are judged. ``name`` is what accounts call it; ``vouches`` whether logins
    without an account are asked here."""

    name: str
    vouches: bool

    async def verify(
        self, login: str, account: Account | None, password: str, peer: str, protocol: str
    ) -> Verdict:
        """Judge a password. ``login`` is the address key that was asked for, ``account`` what it belongs to, None for
        a login without an account. The password is never empty. May raise anything; that is ``unavailable``."""

    async def introduce(self, login: str) -> Newcomer | None:
        """What an account would be made from for somebody of this address who was proven otherwise (a Kerberos ticket);
        None where the source knows nobody, or cannot say without a password. May raise anything."""


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What a token proves: the address whose owner holds it, "" when it proves nothing. ``challenge`` is what the
    mechanism sends back with a refusal (the JSON of RFC 7628 3.2.2)."""

    login: str
    reason: str = ""
    temporary: bool = False
    challenge: bytes = b""
    create: Newcomer | None = None


class TokenJudge(Protocol):
    """Who knows whose a token is."""

    def ready(self) -> bool:
        """Whether it would take any token now: only then are the mechanisms offered."""

    async def judge(
        self, kind: TokenKind, token: str, login_hint: str, peer: str, protocol: str
    ) -> TokenVerdict:
        """Judge a token. ``login_hint`` is the name the client gave with it, "" for none: a token of somebody else
        proves nothing. May raise anything; that is a temporary failure."""


class Welcome(Protocol):
    """Who makes an account for a newcomer, with its mailboxes and audit line."""

    async def __call__(self, newcomer: Newcomer) -> None:
        """Make it; one that exists meanwhile is fine. Raises DirectoryError where there is no room or domain for it,
        and DatabaseUnavailable."""


class Sources:
    """The sources of one worker, by name, in the order in which they vouch."""

    def __init__(self) -> None:
        self._by_name: dict[str, Source] = {}

    def attach(self, source: Source) -> None:
        """Use a source from now on, in place of one of the same name."""
        self._by_name[source.name] = source

    def detach(self, name: str) -> None:
        """Do not use it any more: its accounts cannot sign in until it is back."""
        self._by_name.pop(name, None)

    @property
    def names(self) -> list[str]:
        """All that there are."""
        return list(self._by_name)

    async def judge(self, name: str, account: Account, password: str, peer: str, protocol: str) -> Verdict:
        """The verdict of the source that an account names."""
        source = self._by_name.get(name)
        if source is None:
            return Verdict("unavailable", f"the source {name} is not set up")
        return await _asked(source, account.address, account, password, peer, protocol)

    async def vouched(self, login: str, password: str, peer: str, protocol: str) -> Verdict:
        """The first verdict about a login without an account that is not ``not mine``."""
        for source in list(self._by_name.values()):
            if source.vouches:
                verdict = await _asked(source, login, None, password, peer, protocol)
                if verdict.answer != "not mine":
                    return verdict
        return Verdict("not mine", "no such account")

    async def introduced(self, login: str) -> Newcomer | None:
        """What the first source that vouches and knows somebody of this address makes an account from."""
        await asyncio.sleep(0)  # as in ``_asked``
        for source in list(self._by_name.values()):
            if source.vouches:
                try:
                    async with asyncio.timeout(VERDICT_SECONDS):
                        newcomer = await source.introduce(login)
                except Exception as problem:  # as in ``_asked``; a timeout among them
                    log.warning("source.failed", source=source.name, reason=type(problem).__name__)
                else:
                    if newcomer is not None:
                        return newcomer
        return None


async def _asked(
    source: Source, login: str, account: Account | None, password: str, peer: str, protocol: str
) -> Verdict:
    await asyncio.sleep(
        0
    )  # on Python 3.11 there is no task before the first wait (``net.eager``), and timeouts want one
    try:
        async with asyncio.timeout(VERDICT_SECONDS):
            return await source.verify(login, account, password, peer, protocol)
    except TimeoutError:
        log.warning("source.slow", source=source.name)
        return Verdict("unavailable", f"{source.name} did not answer in time")
    except Exception as problem:  # whatever a library of a source raises, it must not end a session
        log.warning("source.failed", source=source.name, reason=type(problem).__name__)
        return Verdict("unavailable", f"{source.name} failed: {type(problem).__name__}")
