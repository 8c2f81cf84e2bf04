"""Which host names we answer to (a name that a stranger's DNS points at us must not make us a page of theirs)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def host_of(header: str) -> str:
    """The host of a Host header without its port, in lower case; "" when it is none."""
    value = header.strip().lower()
    if value.startswith("["):
        host, bracket, rest = value[1:].partition("]")
        return host if bracket and (not rest or _is_port(rest)) and ":" in host else ""
    host, colon, port = value.partition(":")
    if colon and not _is_port(f":{port}"):
        return ""
    return host.rstrip(".")


def _is_port(text: str) -> bool:
    return text.startswith(":") and (text == ":" or (text[1:].isascii() and text[1:].isdigit()))


def is_ours(host: str, names: Iterable[str]) -> bool:
    """Whether this is one of our names, an address, or this machine seen from itself."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return True
    _, _, parent = host.partition(".")
    return any(name in (host, f"*.{parent}") for name in names)
