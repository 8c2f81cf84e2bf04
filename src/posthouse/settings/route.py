"""Settings of where mail goes: who may send through this server, and how routes behave."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from posthouse.settings.contract import Setting


def check_networks(text: str) -> str:
    """The complaint about a list of networks; "" when it is good."""
    for each in text.split():
        try:
            ip_network(each)
        except ValueError as problem:
            return f"{problem}; write networks like 192.0.2.0/24 or 2001:db8::/32, separated by blanks"
    return ""


def check_source(text: str) -> str:
    """The complaint about a local address to connect from; "" when it is good ("" is: any)."""
    try:
        address = ip_address(text) if text else None
    except ValueError:
        return "must be an IP address of this machine"
    if address is not None and (address.is_unspecified or address.is_multicast or "%" in text):
        return "must be an IP address of this machine"
    return ""


@lru_cache(maxsize=256)
def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of a list that was checked."""
    return tuple(ip_network(each) for each in text.split())


@lru_cache(maxsize=2048)
def within(address: str, text: str) -> bool:
    """Whether a peer's address is in one of the networks. What is no IP address (a Unix socket) is in none."""
    if not text or not address:
        return False
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in each for each in networks(text))


RELAY_NETWORKS = Setting(
    "smtp.relay_networks",
    "",
    "Networks whose machines may send to anybody without signing in, separated by blanks. Nobody may as it comes, "
    "not even this machine: everything that runs here could then send as anybody, a proxy in front of this server "
    "would make strangers look local, and programs can sign in.",
    check=check_networks,
)

OWN_SENDERS = Setting(
    "smtp.own_senders_sign_in",
    False,
    "Refuse mail of strangers whose envelope sender is in a domain of ours, or in one that a route treats as local "
    "(530). It stops much forgery, and also mail of ours that others forward to us with its sender unchanged.",
)

SOURCE = Setting(
    "route.source",
    "",
    "The address of this machine that outgoing connections come from; only hosts with addresses of the same family "
    "(IPv4 or IPv6) can be reached then. Empty: the system chooses. Domains and routes may have their own.",
    check=check_source,
)

ETRN_TIME = Setting(
    "route.etrn_time",
    600,
    "How long a route that holds its mail gives it away after its host asked for it (ETRN).",
    unit="seconds",
    minimum=10,
    maximum=86400,
)

TOKEN_PRIVATE = Setting(
    "route.token_allow_private",
    False,
    "Let the token URL of a route (XOAUTH2) lead to addresses that are not public: this machine and private networks.",
)

TOKEN_TIMEOUT = Setting(
    "route.token_timeout",
    15.0,
    "How long the authority of a route may take to give an access token (XOAUTH2).",
    unit="seconds",
    minimum=1,
    maximum=60,
)
