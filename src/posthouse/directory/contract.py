"""What is kept about domains and people: who exists, who may sign in, where an address leads inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.mail.address import Address
from posthouse.wire.sasl.contract import CheckDigest, CheckTicket, Step, Work
from posthouse.wire.sasl.gssapi import Context


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. ``quota`` and ``max_message`` in bytes, 0 = unlimited. ``address`` is the lower-case key
    form. ``protocols`` and ``networks`` are what it may sign in by and from, parted by commas, "" for all (see
    ``admission``)."""

    id: int
    domain_id: int
    address: str
    quota: int
    active: bool = True
    protocols: str = ""
    networks: str = ""
    max_message: int = 0
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads inside our domains.

    ``account``: that account (perhaps not active). ``alias``: to each of ``forwards`` (addresses, inside or
    outside). ``list``: to the distribution list ``list_id``. ``unknown``: our domain, but nobody there. ``disabled``:
    a domain of ours that is switched off. ``foreign``: not one of our domains. ``detail`` is the part after the
    domain's plus sign, if any; ``folder`` is the same where the domain lets it choose a folder. ``caught``: nobody has
    this address, and it leads to where the domain's mail for nobody goes (its catch-all, an ``alias``).
    ``masked``: the masked address (in its key form) by which it leads to the account, as long as ``until`` (seconds
    since 1970, 0: for ever); then it is ``unknown``.
    """

    kind: Literal["account", "alias", "list", "unknown", "disabled", "foreign"]
    account: Account | None = None
    forwards: tuple[str, ...] = ()
    detail: str = ""
    list_id: int = 0
    folder: str = ""
    caught: bool = False
    masked: str = ""
    until: float = 0.0

    @property
    def forward(self) -> str:
        """The only address an alias leads to, the first of several, "" for what is no alias."""
        return self.forwards[0] if self.forwards else ""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """Stored keys of one account for SCRAM-SHA-256 (RFC 5802 3)."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of a sign-in attempt; ``account`` is None when refused, ``reason`` is for the log."""

    account: Account | None
    reason: str = ""
    delay: float = 0.0
    """Seconds the session should wait before it answers (grows with failures of this peer or login)."""
    temporary: bool = False
    """The directory could not be asked: answer a temporary failure (SMTP 454, IMAP UNAVAILABLE, POP3
    SYS/TEMP)."""
    text: str = ""
    """What the person may be told of the reason, "" for nothing more than that it was wrong. Only ever set after the
    right password."""
    expired: bool = False
    """Refused because the password, which is right, has expired (RFC 5530's EXPIRED)."""
    mark: str = field(default="", repr=False)
    """The stored hash that the password was verified against, for sessions that end with it."""
    master: str = ""
    """The address of the administrator who signed in for the account's owner."""


class Directory(Protocol):
    """Look-ups answer from a cache checked against a version at most one second old."""

    async def target(self, address: Address) -> Target:
        """Where this address leads. Never raises on odd addresses (they are unknown or foreign).
        ``postmaster``, bare or at a domain of ours, leads to an account even where nobody made one (RFC
        5321 4.5.1). Raises DatabaseUnavailable."""

    async def postmaster(self, domain: str) -> Account | None:
        """Who reads the postmaster's mail of a domain of ours (or of "") when no postmaster there is fit
        to: the first active account of the domain, else the first active account at all. None only while
        there is no account."""

    async def account(self, account_id: int) -> Account | None:
        """The account of this id if it exists and is active."""

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for this domain is ours."""

    async def sign_in(self, login: str, password: str, *, peer: str, protocol: str) -> SignIn:
        """Verify a password (RFC 4616 semantics: login is an address). Argon2id runs in a thread; an unknown
        login costs the same time. Failures are counted and logged with login and peer, never with the
        password."""

    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        """Keys for a SCRAM exchange. For unknown logins: None and made-up keys that stay the same for that
        login."""

    async def scram_sha1_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        """As :meth:`scram_keys`, for SCRAM-SHA-1."""

    def scram_announced(self) -> bool:
        """Whether SCRAM is to be announced now (setting ``signin.scram``)."""

    def tokens_taken(self) -> bool:
        """Whether access tokens can sign somebody in now, so that OAUTHBEARER and XOAUTH2 are offered."""

    async def sign_in_token(
        self,
        kind: Literal["OAUTHBEARER", "XOAUTH2"],
        token: str,
        login_hint: str,
        *,
        peer: str,
        protocol: str,
    ) -> tuple[SignIn, bytes]:
        """Sign in with an access token (RFC 7628). With a refusal comes the challenge to be sent before it, empty for
        none."""

    async def sign_in_certificate(
        self, certificate: bytes, authzid: str, *, peer: str, protocol: str
    ) -> SignIn:
        """EXTERNAL (RFC 4422 appendix A) with a client certificate (DER) that TLS has verified."""

    def tickets(self, protocol: str) -> Callable[[], Context] | None:
        """What makes the context of a Kerberos exchange, so that GSSAPI is offered; None where no tickets are taken."""

    async def carry(self, work: Work) -> Step:
        """Do a step of an exchange that may block. Never raises for what a client sent."""

    async def sign_in_ticket(self, shown: CheckTicket, *, peer: str, protocol: str) -> SignIn:
        """Sign in whom Kerberos vouches for; a ticket that it refused counts as a failure."""

    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn:
        """Tell the outcome of a SCRAM exchange; counts and delays as sign_in does. The account must be
        checked to be active still."""

    def cram_md5_host(self) -> str:
        """Our name in the challenges of CRAM-MD5, "" while it is not offered (setting ``signin.cram_md5``)."""

    async def sign_in_digest(self, shown: CheckDigest, *, peer: str, protocol: str) -> SignIn:
        """CRAM-MD5 (RFC 2195). Counts and delays as sign_in does, and a refusal costs the same time, whoever the login
        is."""

    def client_named(self, account: Account, client: str, *, peer: str, protocol: str) -> None:
        """A mail program that has signed in said what it is (IMAP's ID): noted for its owner to see."""
