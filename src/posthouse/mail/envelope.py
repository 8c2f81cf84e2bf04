"""The envelope: what SMTP said about a message, apart from the message itself (RFC 5321 2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posthouse.mail.address import Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Who handed a message over, and how.

    ``protocol`` is the RFC 3848 word for the Received line (ESMTP, ESMTPSA, LMTP …). ``account_id`` is set only
    for authenticated sessions. ``trace`` is the trace id given at the first byte. ``spam_check`` and ``virus_check``
    are what the peer's IP range says; filters are to ask them, and there are none so far.
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
    spam_check: bool = True
    virus_check: bool = True


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO: the address as routed plus its DSN parameters (RFC 3461 4.1, 4.2), kept as given."""

    address: Address
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a message wants to be treated on its way. Times are seconds since 1970, 0.0 where none was given.

    ``not_before``: it is to be sent later (FUTURERELEASE, RFC 4865). ``deliver_by``: it is of no use afterwards, and
    ``by_mode`` says what happens then: ``R`` or ``N``, with ``T`` for trace (DELIVERBY, RFC 2852). ``priority``: -9 to
    9 (MT-PRIORITY, RFC 6710). ``require_tls``: never in clear text (REQUIRETLS, RFC 8689)."""

    not_before: float = 0.0
    deliver_by: float = 0.0
    by_mode: str = ""
    priority: int = 0
    require_tls: bool = False


_AT_ONCE = Terms()


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
    terms: Terms = _AT_ONCE
    hold: str = ""
    """Not "": nothing is delivered before an administrator releases it; why, as the queue's word."""
    trace_notes: tuple[tuple[str, str], ...] = field(default=())
    """(stage, text) pairs that receive and screen gathered; written with the message's trace."""
