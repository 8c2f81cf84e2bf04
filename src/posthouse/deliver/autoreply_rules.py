"""To what no automatic reply is sent, whoever is away (RFC 3834 2, RFC 5230 4.5 and 4.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from posthouse.mail.address import Address, parse_address
from posthouse.mail.addresses import MISSING_DOMAIN, parse_addresses
from posthouse.mail.headers import header_end, values
from posthouse.mail.mime import Buffer
from posthouse.mail.spam_marks import marked_as_spam

Fields = Mapping[bytes, Sequence[bytes]]

MAX_HEADER = 256 * 1024
"""Bytes of a header that are looked at."""

MOST_ADDRESSES = 300
"""Addresses of To, Cc and their like that are looked up."""

_LISTED = re.compile(rb"list-(?:id|post|help|subscribe|unsubscribe|owner|archive|unsubscribe-post)")
_NOBODY = re.compile(
    r"(?:mailer-?daemon|postmaster|listserv|majordomo|mailman|root|daemon|abuse"
    r"|(?:do[-._]?not|dont|no|never)[-._]?(?:reply|respond|antwort(?:en)?)(?:[-._+].*)?"
    r"|owner-.*|.*-(?:request|owner|relay|bounces?|noreply|return)|(?:bounces?|notifications?)(?:[-._+=].*)?)",
    re.IGNORECASE,
)
_ADDRESSED = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
_SUPPRESSED = (b"all", b"oof", b"autoreply")


def fields_of(buffer: Buffer) -> dict[bytes, list[bytes]]:
    """The header of a message by field."""
    return values(bytes(buffer[: min(header_end(buffer), MAX_HEADER)]))


def why_not(sender: str, fields: Fields) -> str:
    """Why nobody is answered, "" where somebody may be. ``sender`` is the reverse-path."""
    if not sender:
        return "it has the null sender"
    local = sender.rpartition("@")[0]
    if not local or _NOBODY.fullmatch(local):
        return "nobody reads what is sent to its sender"
    automatic = b"".join(fields.get(b"auto-submitted", [])[:1]).split(b";")[0].split(b"(")[0].strip().lower()
    if automatic not in (b"", b"no"):
        return "a program sent it"
    if any(_LISTED.fullmatch(name) for name in fields) or b"mailing-list" in fields:
        return "it came over a mailing list"
    if any(value.strip().lower() in (b"bulk", b"junk", b"list") for value in fields.get(b"precedence", ())):
        return "it is bulk mail"
    asked = b",".join(fields.get(b"x-auto-response-suppress", ())).lower().split(b",")
    if any(word.strip() in _SUPPRESSED for word in asked):
        return "its sender does not want an automatic reply"
    return "it is marked as spam" if marked_as_spam(fields) else ""


def addressed(fields: Fields) -> Iterator[Address]:
    """Whom a message says it is for."""
    left = MOST_ADDRESSES
    seen: set[str] = set()
    for name in _ADDRESSED:
        for value in fields.get(name, ())[:20]:
            for each in parse_addresses(value[:65536]):
                if each.host in (None, MISSING_DOMAIN):
                    continue
                if left <= 0:
                    return
                left -= 1
                try:
                    address = parse_address(
                        b"@".join((each.mailbox or b"", each.host or b"")).decode("utf-8", "replace")
                    )
                except ValueError:
                    continue
                if address.key not in seen:
                    seen.add(address.key)
                    yield address
