"""Addresses as a client writes them into MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.7.1)."""

from __future__ import annotations

import re
from functools import lru_cache

_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"@')


class BadPath(ValueError):
    """An address that cannot stand in a command."""


@lru_cache(maxsize=4096)
def path_of(address: str) -> str:
    """The address within ``<>`` ("" for the null path), its domain as A-labels where the rest is ASCII: then no
    SMTPUTF8 is needed. Raises BadPath: nothing that may end the line or the path gets into a command."""
    if len(address) > 1000:
        raise BadPath("the address is too long")
    found = _UNSAFE.search(address)
    if found is not None and (found[0] not in "<>" or _QUOTED.match(address) is None):
        raise BadPath("the address has signs that cannot be sent")
    if " " in address and _QUOTED.match(address) is None:
        raise BadPath("the address has signs that cannot be sent")
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    if not at or not local.isascii():
        return address
    import idna  # its tables are needed for few addresses only

    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii').lower()}"
    except (idna.IDNAError, UnicodeError) as error:
        raise BadPath("the domain has signs that no domain name can have") from error
