"""The envelope: what SMTP said about a message, apart from the message itself (RFC 5321 2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posthouse.mail.address import Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Who handed a message over, and how.

    ``protocol`` is the RFC 3848 word for the Received line (ESMTP, ESMTPSA, LMTP …). ``account_id`` is set only
    for authenticated sessions. ``trace`` is the trace id given at the first byte.
    """

    trace: str
    protocol: str
    helo: str
    address: str
    port: int
    local_port: int = 0
    tls: str = ""
    account_id: int | None = None
    login: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO: the address as routed plus its DSN parameters (RFC 3461 4.1, 4.2), kept as given."""

    address: Address
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients of one transaction. ``sender`` is None for the null reverse-path ``<>``."""

    origin: Origin
    sender: Address | None
    recipients: tuple[Recipient, ...]
    body: Literal["7BIT", "8BITMIME", "BINARYMIME"] = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    received_at: float = 0.0
    trace_notes: tuple[tuple[str, str], ...] = field(default=())
    """(stage, text) pairs that receive and screen gathered; written with the message's trace."""
