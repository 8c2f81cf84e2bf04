"""Who this server is to the outside: its name, its addresses, the ports it really offers."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import msgspec

from posthouse.manage.context import Context, ListenerState
from posthouse.manage.dns_wanted import Service
from posthouse.settings import setup as settings_setup
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.dns import listed

STANDARD_PORTS = {
    ("smtp", "starttls"): 25,
    ("submission", "starttls"): 587,
    ("submission", "implicit"): 465,
    ("imap", "starttls"): 143,
    ("imap", "implicit"): 993,
    ("pop3", "starttls"): 110,
    ("pop3", "implicit"): 995,
    ("http", "none"): 80,
    ("http", "implicit"): 443,
}

# Addresses for documentation (RFC 5737, RFC 3849): a datagram socket "connected" to one sends nothing, but says which
# of our own addresses the system would use towards the Internet.
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


class Addresses(msgspec.Struct, frozen=True):
    """``public`` are reachable from outside as far as can be known from here, ``own`` are those the machine uses.
    ``given``: the setting server.addresses names them."""

    public: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    given: bool = False


def host_name(context: Context) -> str:
    """The server's name: the setting server.hostname, else posthouse.toml, else the machine's."""
    named = context.settings.now[settings_setup.HOSTNAME] or context.config.hostname
    return (named or socket.gethostname() or "localhost").lower().rstrip(".")


def addresses(settings: CurrentSettings) -> Addresses:
    """The server's addresses. Sends nothing anywhere."""
    own = own_addresses()
    given = tuple(str(ipaddress.ip_address(word)) for word in listed(settings.now[settings_setup.ADDRESSES]))
    if given:
        return Addresses(given, own, True)
    return Addresses(tuple(each for each in own if ipaddress.ip_address(each).is_global), own)


def own_addresses() -> tuple[str, ...]:
    """The machine's addresses towards the Internet, IPv4 first."""
    found = []
    for family, outside in _OUTSIDE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((outside, 9))
                address = ipaddress.ip_address(probe.getsockname()[0])
        except OSError:
            continue
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            found.append(str(address))
    return tuple(found)


async def listeners(context: Context) -> list[ListenerState]:
    """What is listened on now; of a stopped server, what would be."""
    live = await context.live()
    if live.listeners:
        return list(live.listeners)
    return [
        ListenerState(protocol=one.protocol, tls=one.tls, address=one.address, port=one.port, path=one.path)
        for one in context.config.listeners
    ]


def offered(states: Iterable[ListenerState]) -> tuple[Service, ...]:
    """One port for each protocol and kind of TLS: of several, one that others can reach before one on loopback, the
    standard port before another."""
    found: dict[tuple[str, str], ListenerState] = {}

    def rank(state: ListenerState) -> tuple[bool, bool]:
        standard = STANDARD_PORTS.get((state.protocol, state.tls)) == state.port
        return is_loopback(state.address), not standard

    for state in states:
        if state.path or state.protocol == "lmtp":
            continue
        key = (state.protocol, state.tls)
        if key not in found or rank(state) < rank(found[key]):
            found[key] = state
    return tuple(Service(protocol, tls, state.port) for (protocol, tls), state in found.items())


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address."""
    return bool(address) and ipaddress.ip_address(address).is_loopback


def reachable(address: str) -> str:
    """The address to connect to for one that is listened on."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - not bound
