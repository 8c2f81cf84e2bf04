"""What a session is built from, and the three kinds of session there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from posthouse.directory.contract import Account, ScramKeys, SignIn
from posthouse.receive.contract import Acceptance, Etrn, Reception, SendingLimits, Signatures, Suppressions
from posthouse.receive.trace import new_trace
from posthouse.settings.contract import CurrentSettings
from posthouse.wire.sasl.contract import CheckDigest, CheckTicket, Step, Work
from posthouse.wire.sasl.gssapi import Context


class Doorkeeper(Protocol):
    """The part of :class:`posthouse.directory.contract.Directory` that checks passwords."""

    async def sign_in(self, login: str, password: str, *, peer: str, protocol: str) -> SignIn: ...
    async def sign_in_certificate(
        self, certificate: bytes, authzid: str, *, peer: str, protocol: str
    ) -> SignIn: ...
    def tickets(self, protocol: str) -> Callable[[], Context] | None: ...
    async def carry(self, work: Work) -> Step: ...
    async def sign_in_ticket(self, shown: CheckTicket, *, peer: str, protocol: str) -> SignIn: ...
    def tokens_taken(self) -> bool: ...
    async def sign_in_token(
        self,
        kind: Literal["OAUTHBEARER", "XOAUTH2"],
        token: str,
        login_hint: str,
        *,
        peer: str,
        protocol: str,
    ) -> tuple[SignIn, bytes]: ...
    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]: ...
    async def scram_sha1_keys(self, login: str) -> tuple[Account | None, ScramKeys]: ...
    def scram_announced(self) -> bool: ...
    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn: ...
    def cram_md5_host(self) -> str: ...
    async def sign_in_digest(self, shown: CheckDigest, *, peer: str, protocol: str) -> SignIn: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What every receiving session shares. ``hostname`` is our name in greetings and Received lines. Without
    ``limits`` everybody may send as much as they like, without ``etrn`` ETRN is not announced."""

    hostname: str
    settings: CurrentSettings
    acceptance: Acceptance
    reception: Reception
    directory: Doorkeeper
    clock: Callable[[], float] = time.time
    trace: Callable[[], str] = new_trace
    limits: SendingLimits | None = None
    suppressions: Suppressions | None = None
    etrn: Etrn | None = None
    signatures: Signatures | None = None


class Kind(Enum):
    """The listener's protocol, as ``posthouse.toml`` names it."""

    MX = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
