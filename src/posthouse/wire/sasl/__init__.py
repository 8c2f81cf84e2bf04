"""SASL mechanisms, server side, without I/O (RFC 4422).

A protocol session names a mechanism, feeds it the client's responses already decoded from base64, and acts
on each :data:`~posthouse.wire.sasl.contract.Step` that comes back: send a challenge, verify a password,
fetch SCRAM keys, or end the exchange. The mechanisms know nothing of SMTP, IMAP or POP3 and nothing of
accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from posthouse.wire.sasl.bearer import Bearer
from posthouse.wire.sasl.contract import (
    Challenge,
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckTicket,
    CheckToken,
    Failed,
    Mechanism,
    Proven,
    Step,
    WantKeys,
    Work,
)
from posthouse.wire.sasl.cram_md5 import CramMd5
from posthouse.wire.sasl.external import External
from posthouse.wire.sasl.gssapi import Context, Gssapi
from posthouse.wire.sasl.login import Login
from posthouse.wire.sasl.plain import Plain
from posthouse.wire.sasl.scram import Scram

__all__ = [
    "Challenge",
    "CheckCertificate",
    "CheckDigest",
    "CheckPassword",
    "CheckTicket",
    "CheckToken",
    "Failed",
    "Mechanism",
    "Proven",
    "Scram",
    "Step",
    "WantKeys",
    "Work",
    "available",
    "mechanism",
]


_PASSWORDS = ("PLAIN", "LOGIN")
_TOKENS = ("OAUTHBEARER", "XOAUTH2")
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")
_SCRAM_PLUS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")


def available(
    *,
    channel_binding: bytes | None,
    scram: bool = True,
    external: bool = False,
    tokens: bool = False,
    tickets: bool = False,
    cram_md5: bool = False,
) -> list[str]:
    """The mechanisms to announce, strongest first.

    ``channel_binding`` is the connection's tls-unique value; None (no TLS, or TLS 1.3, where tls-unique does not exist)
    leaves the -PLUS forms out. ``scram``: whether SCRAM is announced at all; ``external``: whether the client showed a
    certificate; ``tokens``: whether somebody judges access tokens; ``tickets``: whether Kerberos is set up;
    ``cram_md5``: whether CRAM-MD5 is wanted. It comes last of all: what it needs is not there for every account.
    """
    names: list[str] = ["EXTERNAL"] if external else []
    if tickets:
        names.append("GSSAPI")
    if scram:
        names += [*(_SCRAM_PLUS if channel_binding else ()), *_SCRAM]
    return [*names, *(_TOKENS if tokens else ()), *_PASSWORDS, *(("CRAM-MD5",) if cram_md5 else ())]


def mechanism(
    name: str,
    *,
    channel_binding: bytes | None,
    scram: bool = True,
    external: bool = False,
    tokens: bool = False,
    tickets: Callable[[], Context] | None = None,
    cram_md5: str = "",
) -> Mechanism | None:
    """A new exchange of the mechanism called ``name`` (any case), or None when it is not offered here. ``cram_md5`` is
    our name in the challenges of CRAM-MD5, "" where it is not offered."""
    name = name.upper()
    names = available(
        channel_binding=channel_binding,
        scram=scram,
        external=external,
        tokens=tokens,
        tickets=tickets is not None,
        cram_md5=bool(cram_md5),
    )
    if name not in names:
        return None
    if name == "GSSAPI" and tickets is not None:
        return Gssapi(tickets)
    match name:
        case "PLAIN":
            return Plain()
        case "LOGIN":
            return Login()
        case "EXTERNAL":
            return External()
        case "CRAM-MD5":
            return CramMd5(cram_md5)
        case "OAUTHBEARER" | "XOAUTH2":
            return Bearer(name)
    algorithm: Literal["sha256", "sha1"] = "sha256" if "SHA-256" in name else "sha1"
    binding = channel_binding if scram else None
    return Scram(algorithm, channel_binding=binding, plus=name.endswith("-PLUS"))
