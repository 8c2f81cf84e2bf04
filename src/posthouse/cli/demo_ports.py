"""Which ports the demo listens on: the standard ones that a privileged user finds free, else high ones."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import msgspec

from posthouse.cli.errors import CommandError

if TYPE_CHECKING:
    from posthouse.settings.config import Config

HIGH = {25: 2525, 587: 2587, 465: 2465, 143: 2143, 993: 2993, 110: 2110, 995: 2995, 80: 8080, 443: 8443}
"""Each standard port and the one taken in its place."""


def choose(config: Config) -> Config:
    """The configuration with listeners for the demo. Listeners that the user configured are left alone.
    Raises CommandError when neither port of a pair is free."""
    from posthouse.settings.config_listeners import STANDARD_LISTENERS

    if config.listeners != STANDARD_LISTENERS:
        return config
    chosen = tuple(
        msgspec.structs.replace(listener, port=_port(listener.port)) for listener in STANDARD_LISTENERS
    )
    return msgspec.structs.replace(config, listeners=chosen)


def _port(standard: int) -> int:
    high = HIGH[standard]
    candidates = (standard, high) if may_take_low_ports() else (high,)
    for port in candidates:
        if is_free(port):
            return port
    raise CommandError(
        "unavailable",
        f"Port {' and port '.join(map(str, candidates))} {'are' if len(candidates) > 1 else 'is'} taken.",
        "Is a demo running already? Stop it, or name other ports as [[listener]] tables in posthouse.toml.",
    )


def may_take_low_ports() -> bool:
    """Whether standard ports are tried: as root only (elsewhere than on Unix anybody may)."""
    return not hasattr(os, "geteuid") or os.geteuid() == 0


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of any address, and it may be taken."""
    families = [socket.AF_INET]
    if socket.has_ipv6:
        families.append(socket.AF_INET6)
    for family in families:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if os.name == "posix":
                    # As the server does it: a connection in TIME_WAIT does not count as taken.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(("", port))
                probe.listen(1)
        except OSError as error:
            if family == socket.AF_INET6 and not _has_ipv6(error):
                continue
            return False
    return True


def _has_ipv6(error: OSError) -> bool:
    """Whether the failure is about the port and not about a machine without IPv6."""
    import errno

    return error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
