"""SASL mechanisms, server side, without I/O (RFC 4422).

A protocol session names a mechanism, feeds it the client's responses already decoded from base64, and acts
on each :data:`~posthouse.wire.sasl.contract.Step` that comes back: send a challenge, verify a password,
fetch SCRAM keys, or end the exchange. The mechanisms know nothing of SMTP, IMAP or POP3 and nothing of
accounts.
"""

from __future__ import annotations

from posthouse.wire.sasl.contract import (
    Challenge,
    CheckPassword,
    Failed,
    Mechanism,
    Proven,
    Step,
    WantKeys,
)
from posthouse.wire.sasl.login import Login
from posthouse.wire.sasl.plain import Plain
from posthouse.wire.sasl.scram import ScramSha256

__all__ = [
    "Challenge",
    "CheckPassword",
    "Failed",
    "Mechanism",
    "Proven",
    "ScramSha256",
    "Step",
    "WantKeys",
    "available",
    "mechanism",
]


def available(*, channel_binding: bytes | None) -> list[str]:
    """The mechanisms to announce, strongest first.

    ``channel_binding`` is the connection's tls-unique value; None (no TLS, or TLS 1.3, where tls-unique does
    not exist) leaves SCRAM-SHA-256-PLUS out.
    """
    names = ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    return ["SCRAM-SHA-256-PLUS", *names] if channel_binding else names


def mechanism(name: str, *, channel_binding: bytes | None) -> Mechanism | None:
    """A new exchange of the mechanism called ``name`` (any case), or None when it is not offered here."""
    match name.upper():
        case "PLAIN":
            return Plain()
        case "LOGIN":
            return Login()
        case "SCRAM-SHA-256":
            return ScramSha256(channel_binding=channel_binding)
        case "SCRAM-SHA-256-PLUS" if channel_binding:
            return ScramSha256(channel_binding=channel_binding, plus=True)
        case _:
            return None
