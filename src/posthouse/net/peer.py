"""Who is at the other end of a transport."""

from __future__ import annotations

import asyncio
import ipaddress

from posthouse.net.contract import Peer

UNKNOWN = Peer("", 0, "", 0, False)
"""Before the connection is made."""


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own (127/8, ::1, and 127/8 mapped into IPv6)."""
    try:
        return plain_address(address).is_loopback
    except ValueError:
        return False


def plain_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address without its zone; one mapped into IPv6 as the IPv4 address it is. Raises ValueError."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def make_peer(address: str, port: int, local_address: str, local_port: int) -> Peer:
    """A Peer with its addresses in plain form and ``loopback`` judged."""
    return Peer(_tidy(address), port, _tidy(local_address), local_port, is_loopback(address))


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """The peer of a socket transport. A Unix socket's peer is on this machine and has no address: it is shown
    as ``unix``."""
    remote = transport.get_extra_info("peername")
    local = transport.get_extra_info("sockname")
    if not isinstance(remote, tuple) or not isinstance(local, tuple):
        return Peer("unix", 0, local if isinstance(local, str) else "", 0, True)
    return make_peer(remote[0], remote[1], local[0], local[1])


def _tidy(address: str) -> str:
    try:
        return str(plain_address(address))
    except ValueError:
        return address
