"""Whether somebody who has proved who they are may come in by this way: the account's own limits.

Every way of signing in asks here once, after the proof and whatever it was (password, app password, token,
certificate), and answers a refusal as it answers a wrong password: who guesses learns nothing from it. The reason
is for the log and for the administrator.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError

PROTOCOLS = ("imap", "pop3", "submission", "web")
"""What an account can be limited to. ``submission`` is sending mail with a sign-in, on whichever port;
``web`` are the pages and the API."""

NOT_ACTIVE = "account not active"
WRONG_PROTOCOL = "protocol not allowed for this account"
WRONG_NETWORK = "network not allowed for this account"

MOST_NETWORKS = 32
_WAYS = {"smtp": "submission", "lmtp": "submission", "api": "web", "http": "web", "jmap": "web"}

Network = IPv4Network | IPv6Network


def refused(account: Account, protocol: str, peer: str) -> str:
    """Why this account may not sign in by ``protocol`` (a listener's word, or a face's) from ``peer`` (an address),
    in words for the log; "" when it may."""
    if not account.active:
        return NOT_ACTIVE
    if account.protocols and _WAYS.get(protocol, protocol) not in account.protocols.split(","):
        return WRONG_PROTOCOL
    if account.networks and not within(account.networks, peer):
        return WRONG_NETWORK
    return ""


def within(networks: str, peer: str) -> bool:
    """Whether an address lies in one of some networks (as they are stored). What is no address lies in none; a
    network of a zone (``fe80::1%eth0``) is that of the address alone."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _parsed(networks))


def clean_protocols(names: list[str] | tuple[str, ...]) -> str:
    """Protocols as they are stored: in one order; "" for all of them. Raises DirectoryError."""
    wanted = {name.strip().lower() for name in names if name.strip()}
    for name in sorted(wanted):
        if name not in PROTOCOLS:
            raise DirectoryError(
                f"{name[:40]!r} is no way to sign in", f"choose from {', '.join(PROTOCOLS)}, or none for all"
            )
    return "" if len(wanted) == len(PROTOCOLS) else ",".join(name for name in PROTOCOLS if name in wanted)


def clean_networks(texts: list[str] | tuple[str, ...]) -> str:
    """Networks as they are stored: in normal form and each once; "" for everywhere. A single address is a network of
    its own. Raises DirectoryError."""
    found: dict[str, None] = {}
    for text in (part for each in texts for part in re.split(r"[\s,]+", each)):
        if text:
            found[str(_network(text))] = None
    if len(found) > MOST_NETWORKS:
        raise DirectoryError(
            f"{len(found)} networks are more than an account can have", f"give at most {MOST_NETWORKS}"
        )
    return ",".join(found)


def _network(text: str) -> Network:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise DirectoryError(
            f"{text[:60]!r} is no network", "write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7"
        ) from None
    if (
        isinstance(found, IPv6Network)
        and found.network_address.ipv4_mapped is not None
        and found.prefixlen >= 96
    ):
        return IPv4Network((found.network_address.ipv4_mapped, found.prefixlen - 96))
    return found


@lru_cache(maxsize=1024)
def _parsed(networks: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in networks.split(",") if text)
