"""Server side of SASL (RFC 4422) without I/O: a mechanism is fed responses and tells what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this (not yet base64) to the client and feed its answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """The mechanism wants this password verified (Directory.sign_in); end the exchange with the result."""

    login: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckCertificate:
    """EXTERNAL: whose is the certificate that the client showed within TLS (Directory.sign_in_certificate)?
    ``authzid`` is whom it wants to be, "" for whoever the certificate says."""

    authzid: str


@dataclass(frozen=True, slots=True)
class CheckToken:
    """OAUTHBEARER or XOAUTH2: whose is this access token (Directory.sign_in_token)? ``login`` is whom the client wants
    to be, "" for whoever the token says. A refusal comes with a challenge to be sent before it; whatever the client
    answers to that ends the exchange (RFC 7628 3.2.3)."""

    kind: Literal["OAUTHBEARER", "XOAUTH2"]
    token: str = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class Work:
    """GSSAPI: ``run`` may block; call it in a thread (Directory.carry). What it returns is the next step."""

    run: Callable[[], Step] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckTicket:
    """GSSAPI: Kerberos says who the client is, "" when it refused the client (``reason``, and ``temporary`` where the
    trouble is ours). Whose account is that (Directory.sign_in_ticket)? ``authzid`` is whom it wants to be, "" for
    whoever the ticket says."""

    principal: str
    authzid: str = ""
    reason: str = ""
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class CheckDigest:
    """CRAM-MD5: is ``digest`` what ``login`` answers to ``challenge`` (Directory.sign_in_digest)? End the exchange with
    the result."""

    login: str
    challenge: bytes
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WantKeys:
    """SCRAM wants the stored keys of this login, for ``algorithm``: call ``keys(...)`` on the mechanism, which
    returns the next step."""

    login: str
    algorithm: Literal["sha256", "sha1"] = "sha256"


@dataclass(frozen=True, slots=True)
class Proven:
    """SCRAM: the client proved its password. ``data`` is the server-final message, to be sent as a last
    challenge (the client answers with an empty response) or as additional data with success where the
    protocol can carry it."""

    login: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over and failed. ``reason`` is for the log. ``malformed``: a syntax error (501/BAD),
    else 535/NO."""

    reason: str
    malformed: bool = False
    login: str = ""


Step = (
    Challenge
    | CheckPassword
    | CheckCertificate
    | CheckDigest
    | CheckToken
    | CheckTicket
    | WantKeys
    | Work
    | Proven
    | Failed
)


class Mechanism(Protocol):
    """One exchange; used once."""

    name: str

    def start(self, initial: bytes | None) -> Step:
        """Begin with the initial response (None: none was given)."""

    def respond(self, data: bytes) -> Step:
        """The client's next response, decoded from base64."""


# wire.sasl offers:
#   def mechanism(name: str, *, channel_binding: bytes | None, scram: bool, external: bool,
#                 tokens: bool, tickets: Callable[[], Context] | None, cram_md5: str) -> Mechanism | None
#   def available(*, channel_binding: bytes | None, scram: bool, external: bool, tokens: bool,
#                 tickets: bool, cram_md5: bool) -> list[str]
# PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1 and, only with channel_binding (tls-unique, TLS <= 1.2), their -PLUS forms;
# EXTERNAL where the client showed a certificate; OAUTHBEARER and XOAUTH2 where somebody judges tokens;
# GSSAPI where there is a keytab; CRAM-MD5 where ``cram_md5`` is our name in its challenges.
# SCRAM mechanisms have: def keys(self, salt, iterations, stored_key, server_key) -> Step
# Responses over 8 KiB (GSSAPI: 48 KiB) are Failed(malformed=True) before anything else; "*" is handled by the protocol
# session.
