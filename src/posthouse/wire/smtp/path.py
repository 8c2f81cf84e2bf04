"""Paths of MAIL and RCPT: ``<address>``, source routes, the null path (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.2)."""

from __future__ import annotations

import re

from posthouse.mail.address import Address, parse_address
from posthouse.mail.refusal import Refusal

_PATH = re.compile(
    r"<(?P<route>(?:@[^\s,:<>@\"]+(?:,@[^\s,:<>@\"]+)*:)?)"
    r'(?P<address>(?:"(?:[^"\\]|\\.)*"|[^"<>\s])*)>'
)


def parse_path(text: str) -> tuple[str, str]:
    """The address within the path at the start of ``text`` ("" for ``<>``), and what follows the path.

    A source route (``<@a,@b:user@c>``) is read and ignored, as RFC 5321 Appendix C has it: only ``user@c``
    counts. Raises ValueError when there is no path.
    """
    found = _PATH.match(text)
    if found is None:
        raise ValueError("no path")
    if found["route"] and not found["address"]:
        raise ValueError("a route that leads nowhere")
    rest = text[found.end() :]
    if rest and rest[0] != " ":
        raise ValueError("something sticks to the path")
    return found["address"], rest


def address_of(text: str, *, smtputf8: bool, sender: bool) -> Address:
    """The address of a path. Raises Refusal: 501 for bad syntax, 553 where the address needs SMTPUTF8 (RFC
    6531 3.5)."""
    if not smtputf8 and not text.isascii():
        raise Refusal(553, "5.6.7", "This address needs SMTPUTF8")
    try:
        address = parse_address(text)
    except ValueError as problem:
        # Our own words, said of the peer's input: they never repeat it.
        enhanced, whose = ("5.1.7", "sender") if sender else ("5.1.3", "recipient")
        raise Refusal(501, enhanced, f"Bad {whose} address: {problem}") from None
    if sender and not address.domain:
        raise Refusal(501, "5.1.7", "Bad sender address: address without a domain")
    return address
