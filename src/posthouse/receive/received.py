"""The Received field every message gets (RFC 5321 4.4, RFC 3848, RFC 6531 4.3), and dates as RFC 5322 has them."""

from __future__ import annotations

import re
import time

from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?")
_LITERAL = re.compile(r"\[[A-Za-z0-9.:]{2,60}\]")
_CIPHER = re.compile(r"[A-Za-z0-9_.\- ]{1,80}")

_dated = (-1, "")


def rfc5322_date(now: float) -> str:
    """``now`` (seconds since 1970) as a date-time in UTC, e.g. ``Mon, 23 Nov 2026 02:18:06 +0000``."""
    global _dated
    second = int(now)
    if _dated[0] != second:
        t = time.gmtime(second)
        text = (
            f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d}"
            f" {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
        )
        _dated = (second, text)
    return _dated[1]


def received_field(
    origin: Origin,
    hostname: str,
    now: float,
    *,
    recipient: Address | None = None,
    smtputf8: bool = False,
    hidden: bool = False,
) -> bytes:
    """The field, folded, with its CRLF. ``recipient`` only when it is the single one: naming one of
    several, or several, would tell recipients of each other (RFC 5321 7.2). ``hidden``: without the from clause,
    which would tell everybody where a person's computer stands."""
    by = f"by {hostname} with {origin.protocol}"
    if origin.tls and _CIPHER.fullmatch(origin.tls):
        by += f" ({origin.tls})"
    lines = [f"Received: {by}"] if hidden else [f"Received: from {_sender(origin)}", by]
    lines.append(f"id {origin.trace}")
    named = str(recipient) if recipient is not None else ""
    # The address stands in a comment-free place, so what needs no quoting is safe as it is; UTF-8 only
    # where it may stand.
    if named and (smtputf8 or named.isascii()) and named.isprintable():
        lines[-1] += f" for <{named}>"
    return ("\r\n\t".join(lines) + f"; {rfc5322_date(now)}\r\n").encode()


def _sender(origin: Origin) -> str:
    """``helo ([address])``; what the client called itself only where the syntax allows it there."""
    literal = _address_literal(origin.address)
    said = origin.helo
    if not (_DOMAIN.fullmatch(said) or _LITERAL.fullmatch(said)):
        said = literal or "unknown"
    return f"{said} ({literal})" if literal else said


def _address_literal(address: str) -> str:
    """An IP address as an address literal (RFC 5321 4.1.3); "" for a Unix socket's peer, which has none."""
    if ":" in address:
        return f"[IPv6:{address.partition('%')[0]}]"
    return f"[{address}]" if address[:1].isdigit() else ""
