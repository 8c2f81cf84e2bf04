"""Names that administrators give: domains and addresses, checked before anything is stored."""

from __future__ import annotations

import unicodedata

from posthouse.directory.errors import DirectoryError
from posthouse.mail.address import Address, parse_address, parse_domain

MAX_REPEATED = 80
"""Characters of a wrong name that its refusal repeats."""


def domain_name(text: str) -> str:
    """A domain in its normal form (lower case, U-labels)."""
    if not text.strip():
        raise DirectoryError("no domain name was given", "write it like example.org")
    try:
        name = parse_domain(text.strip())
    except ValueError as problem:
        raise DirectoryError(
            f"{_quoted(text)} is no domain name: {problem}", "write it like example.org"
        ) from None
    if name.startswith("["):
        raise DirectoryError(f"{text} is an address literal", "give a domain name like example.org")
    return name


def target_address(text: str) -> Address:
    """An address an alias may lead to, anywhere."""
    address = _parse(text)
    if not address.domain:
        raise DirectoryError(f"{text} has no domain", "write it like person@example.org")
    return address


def own_address(text: str) -> Address:
    """An address an account or alias may have. The characters below would make the address read like a
    route to somewhere else, or like two addresses in a list; nobody needs them, and look-ups compare
    unquoted forms."""
    address = target_address(text)
    if any(char in '@!%"\\,;:<>()[] ' or unicodedata.category(char)[0] == "Z" for char in address.local):
        raise DirectoryError(
            f"{text} has characters that mail addresses of ours may not have",
            "use letters, digits, dots, dashes and underscores before the @",
        )
    return address


def _parse(text: str) -> Address:
    if not text.strip():
        raise DirectoryError("no mail address was given", "write it like person@example.org")
    try:
        return parse_address(text.strip())
    except ValueError as problem:
        raise DirectoryError(
            f"{_quoted(text)} is no mail address: {problem}", "write it like person@example.org"
        ) from None


def _quoted(text: str) -> str:
    """What was typed, as a refusal repeats it: on one line and not longer than anybody would read."""
    return repr(text if len(text) <= MAX_REPEATED else text[:MAX_REPEATED] + "…")
