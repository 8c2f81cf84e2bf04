"""Settings of finding the hosts that are asked to take mail."""

from __future__ import annotations

import ipaddress

from posthouse.settings.contract import Setting
from posthouse.settings.dns import listed


def _check_addresses(text: str) -> str:
    for word in listed(text):
        try:
            ipaddress.ip_address(word)
        except ValueError:
            return f"{word!r} is no IP address"
    return ""


MAX_HOSTS = Setting(
    "mx.max_hosts",
    15,
    "How many hosts of a domain are asked in one attempt, best first.",
    minimum=1,
    maximum=100,
)

MAX_ADDRESSES = Setting(
    "mx.max_addresses",
    30,
    "How many addresses of all these hosts together are tried in one attempt.",
    minimum=1,
    maximum=500,
)

FAMILY = Setting(
    "mx.family",
    "ipv4",
    "Which addresses of a host are tried first; its IPv4 and IPv6 addresses take turns. IPv4 first is the default, as "
    "reverse names and good standing are more often in order there. IPv6 addresses are passed over while this machine "
    "has no way to them.",
    choices=("ipv4", "ipv6", "ipv4-only", "ipv6-only"),
)

PLACES = Setting(
    "mx.places",
    "private",
    "Where the MX records of strangers may lead: `public` to addresses on the Internet only, `private` to private "
    "networks too (the usual case with a name server of one's own inside), `any` to this machine too. Routes lead "
    "where they lead.",
    choices=("public", "private", "any"),
)

ADDRESS_LITERALS = Setting(
    "mx.address_literals",
    False,
    "Deliver to addresses such as user@[192.0.2.1]. While it is off, they fail at once (5.1.3): hardly anybody but "
    "senders of spam uses them.",
)

OWN_ADDRESSES = Setting(
    "mx.own_addresses",
    "",
    "Public IP addresses that lead to this server although no network card of it has them (behind NAT), separated by "
    "commas. With them mail that would come back to us is noticed.",
    check=_check_addresses,
)
