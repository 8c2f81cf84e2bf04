"""The extensions of SMTP: which are announced, and to whom (RFC 5321 2.2)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from posthouse.receive import authentication
from posthouse.receive.parts import Kind
from posthouse.settings import smtp
from posthouse.wire.smtp.command import RCPT_PARAMETERS

if TYPE_CHECKING:
    from posthouse.receive.session import Session

_ALWAYS = frozenset(("SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "MT-PRIORITY"))


def announced(session: Session) -> list[str]:
    """What EHLO or LHLO announces now, a line each."""
    settings = session.settings.now
    lines = [
        "PIPELINING",
        f"SIZE {settings[smtp.MAX_MESSAGE_SIZE]}",
        "8BITMIME",
        "BINARYMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "DSN",
        "MT-PRIORITY",
    ]
    if session.can_start_tls:
        lines.append("STARTTLS")
    mechanisms = authentication.offered(session)
    if mechanisms:
        lines.append("AUTH " + " ".join(mechanisms))
    if session.kind is not Kind.LMTP:
        lines.append(f"DELIVERBY {settings[smtp.DELIVER_BY_MINIMUM]}")
        if session.tls is not None:
            lines.append("REQUIRETLS")
        if session.parts.etrn is not None:
            lines.append("ETRN")
    if _may_wait(session):
        longest = settings[smtp.FUTURE_RELEASE]
        latest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.parts.clock() + longest))
        lines.append(f"FUTURERELEASE {int(longest)} {latest}")
    most = settings[smtp.MAX_TRANSACTIONS]
    lines.append(f"LIMITS {f'MAILMAX={most} ' if most else ''}RCPTMAX={settings[smtp.MAX_RECIPIENTS]}")
    lines.append("HELP")
    return lines


def mail_parameters(session: Session) -> frozenset[str]:
    """The parameters of MAIL that this client may use: none after HELO, which announces nothing."""
    if session.hello_verb == "HELO":
        return frozenset()
    words = set(_ALWAYS)
    if session.kind is not Kind.LMTP:
        words.add("BY")
        if session.tls is not None:
            words.add("REQUIRETLS")
    if _may_wait(session):
        words |= {"HOLDFOR", "HOLDUNTIL"}
    return frozenset(words)


def rcpt_parameters(session: Session) -> frozenset[str]:
    """The parameters of RCPT that this client may use."""
    return frozenset() if session.hello_verb == "HELO" else RCPT_PARAMETERS


def _may_wait(session: Session) -> bool:
    """FUTURERELEASE is for submission (RFC 4865 3), also on port 25 for those who signed in there."""
    submits = session.kind is Kind.SUBMISSION or session.account_id is not None
    return submits and session.settings.now[smtp.FUTURE_RELEASE] > 0
