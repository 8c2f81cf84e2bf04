"""Patterns of routes: which recipients, senders or accounts a route is for.

A pattern is a domain (``example.org``), a domain with wildcards (``*.example.org``: every subdomain, not the domain
itself), an address, perhaps with wildcards (``sales-*@example.org``), or ``*`` for everything. ``*`` stands for any
number of characters, ``?`` for one. Case does not matter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

from posthouse.mail.address import Address, parse_address, parse_domain

ANY = "*"
NULL_SENDER = "<>"
LONGEST = 320
MOST_STARS = 4
"""Wildcards in one half of a pattern: more are never needed, and each costs time."""

_DOMAIN = re.compile(r"[\w*?-]+(?:\.[\w*?-]+)*")
_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f\"<>()\[\],:;@\\]{1,200}")


def normal(text: str) -> str:
    """The pattern in its normal form: lower case, domains as U-labels, no ``@`` before a bare domain. Raises
    ValueError with a plain reason."""
    text = text.strip()
    if text.startswith("@"):
        text = text[1:]
    if len(text) > LONGEST:
        raise ValueError("it is too long")
    if text == ANY:
        return text
    local, at, domain = text.rpartition("@")
    if at and not any(sign in text for sign in "*?"):
        return parse_address(text).key
    if at and (not _LOCAL.fullmatch(local) or not normalize("NFC", local.lower()).isprintable()):
        raise ValueError("the part before the @ is missing or has signs that cannot stand there")
    if max(local.count("*"), domain.count("*")) > MOST_STARS:
        raise ValueError(f"at most {MOST_STARS} asterisks can stand on each side of the @")
    return f"{normalize('NFC', local.lower())}{at}{_normal_domain(domain)}"


def _normal_domain(text: str) -> str:
    if "*" not in text and "?" not in text:
        return parse_domain(text).lower()
    if not _DOMAIN.fullmatch(text):
        raise ValueError("a domain is made of letters, digits and dashes, with single dots between")
    return normalize("NFC", text.lower())


def covers(pattern: str, address: Address) -> bool:
    """Whether an address fits a pattern in normal form ("" fits everything). The part after a plus sign does not
    matter where the pattern has none."""
    if pattern in ("", ANY):
        return True
    local, at, domain = pattern.rpartition("@")
    if not _fits(domain, address.domain.lower()):
        return False
    if not at:
        return True
    name = address.key.rpartition("@")[0]
    return _fits(local, name) or _fits(local, name.partition("+")[0])


def names_domain(pattern: str) -> str:
    """The one domain a pattern is for; "" where it may be for several."""
    domain = pattern.rpartition("@")[2]
    return "" if "*" in domain or "?" in domain else domain


def is_bounded(pattern: str) -> bool:
    """Whether the pattern is for one domain, or for what is below one of two labels at least. Everybody may send to
    such recipients where the route treats them as local; a wider pattern would make an open relay."""
    domain = pattern.rpartition("@")[2].removeprefix("*.")
    return (
        bool(domain)
        and "*" not in domain
        and "?" not in domain
        and ("." in domain or bool(names_domain(pattern)))
    )


def _fits(pattern: str, text: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL)
