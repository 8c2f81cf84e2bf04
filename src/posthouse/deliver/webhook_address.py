"""Where a webhook may lead: only addresses that anybody on the Internet can reach, unless a setting says more.

Otherwise whoever may make a webhook could use the server to knock at doors that only the server can reach. The name
is looked up once, and the request goes to the very address that was checked: a second answer of the DNS changes
nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host name, as texts. Raises OSError."""

LONGEST_URL = 2000
_NAT64 = IPv6Network("64:ff9b::/96")
_lookups = ThreadPoolExecutor(100, thread_name_prefix="webhook-lookup")
"""Enough for the host of every webhook there may be."""
_under_way: dict[str, asyncio.Future[list[str]]] = {}


class Forbidden(Exception):
    """The webhook leads nowhere, or where it may not; the text says why."""


async def system_resolve(host: str) -> Sequence[str]:
    """By the system: its hosts file and its name servers. A lookup cannot be cut off; whoever asks for the same host
    meanwhile waits for the same one, so that names nobody answers for hold one thread each and leave others alone."""
    loop = asyncio.get_running_loop()
    asked = _under_way.get(host)
    if asked is None or asked.get_loop() is not loop:
        asked = _under_way[host] = loop.run_in_executor(_lookups, _look_up, host)
        asked.add_done_callback(lambda done: _looked_up(host, done))
    return await asyncio.shield(asked)


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _looked_up(host: str, done: asyncio.Future[list[str]]) -> None:
    if _under_way.get(host) is done:
        del _under_way[host]
    if not done.cancelled():
        done.exception()  # perhaps nobody waits for it any more


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody can reach it. IPv6 forms that carry an IPv4 address count as that one too."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        for carried in (address.ipv4_mapped, address.sixtofour):
            if carried is not None:
                return is_public(carried)
        if address.teredo is not None:
            return all(is_public(each) for each in address.teredo)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


def allowed(host: str, addresses: Sequence[str], *, private: bool) -> list[str]:
    """Those of the addresses of a host that may be asked, in their order. Raises Forbidden when none may."""
    kept = []
    for each in addresses:
        try:
            if private or is_public(ip_address(each)):
                kept.append(each)
        except ValueError:
            continue
    if not kept:
        what = ", ".join(addresses[:3]) or "nothing"
        raise Forbidden(
            f"{host} leads to {what}, which is not public; the setting webhooks.allow_private would allow it"
        )
    return kept


def check_url(url: str, *, private: bool) -> str:
    """What is wrong with the URL of a webhook; "" when it will do, as far as can be seen without the DNS."""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return (
            f"must be ASCII without blanks, at most {LONGEST_URL} characters (write other characters as %XX)"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"is no URL: {error}"
    if parts.scheme not in ("http", "https"):
        return "must begin with https:// (or http://)"
    if parts.username is not None or parts.password is not None:
        return "must hold no user name or password; receivers check the signature"
    if parts.fragment:
        return "must have no #fragment: it is never sent"
    if not host or port == 0:
        return "must name a host"
    try:
        address = ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    else:
        local = not is_public(address)
    if local and not private:
        return f"leads to {host}, which is not public; the setting webhooks.allow_private would allow it"
    return ""
