"""What listens: the standard, and which listeners make no sense."""

from __future__ import annotations

import ipaddress
import os

from posthouse.settings.config import Listener
from posthouse.settings.config_error import ConfigError

STANDARD_LISTENERS: tuple[Listener, ...] = (
    Listener(protocol="smtp", port=25),
    Listener(protocol="submission", port=587),
    Listener(protocol="submission", port=465, tls="implicit"),
    Listener(protocol="imap", port=143),
    Listener(protocol="imap", port=993, tls="implicit"),
    Listener(protocol="pop3", port=110),
    Listener(protocol="pop3", port=995, tls="implicit"),
    Listener(protocol="http", port=80, tls="none"),
    Listener(protocol="http", port=443, tls="implicit"),
)
"""What listens when the file names no listener."""


def check_listeners(listeners: tuple[Listener, ...], where: str) -> None:
    """Refuse listeners that make no sense, alone or together. Raises ConfigError."""
    for number, listener in enumerate(listeners, 1):
        _check_listener(listener, where, f"listener[{number}]")
    _check_doubles(listeners, where)


def _check_listener(listener: Listener, where: str, key: str) -> None:
    if listener.path:
        _check_unix(listener, where, key)
    elif not 1 <= listener.port <= 65535:
        what = f"{listener.port} is no port" if listener.port else "has neither port nor path"
        raise ConfigError(where, f"{key}.port", what, "Give a port from 1 to 65535.")
    elif listener.protocol == "lmtp":
        _check_lmtp(listener, where, key)
    if listener.address:
        try:
            ipaddress.ip_address(listener.address)
        except ValueError:
            mend = (
                'Give an IP address such as "127.0.0.1" or "::", or leave it out to listen on all addresses.'
            )
            raise ConfigError(
                where, f"{key}.address", f"{listener.address!r} is no IP address", mend
            ) from None
    if listener.protocol == "smtp" and listener.tls == "implicit":
        mend = 'Other servers do not speak it on this port: use tls = "starttls", or protocol = "submission".'
        raise ConfigError(where, f"{key}.tls", "implicit TLS is not used between servers", mend)
    if listener.protocol == "http" and listener.tls == "starttls":
        mend = 'Give tls = "implicit" (https) or tls = "none".'
        raise ConfigError(where, f"{key}.tls", "http has no STARTTLS", mend)
    for network in listener.proxy_from:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConfigError(
                where, f"{key}.proxy_from", f"{network!r} is no network", 'Write it like "192.0.2.0/24".'
            ) from None


def _check_unix(listener: Listener, where: str, key: str) -> None:
    if os.name == "nt":
        raise ConfigError(where, f"{key}.path", "this system has no Unix sockets", "Use address and port.")
    if listener.protocol != "lmtp":
        raise ConfigError(
            where,
            f"{key}.path",
            f"a Unix socket is for lmtp, not {listener.protocol}",
            "Give a port instead.",
        )
    if listener.address or listener.port:
        raise ConfigError(where, f"{key}.path", "stands beside address or port", "Give the one or the other.")


def _check_lmtp(listener: Listener, where: str, key: str) -> None:
    """LMTP is for those who are trusted: it must not be offered to everyone by an oversight."""
    if listener.port == 25:
        mend = "Use another port (24 is customary), or a Unix socket."
        raise ConfigError(where, f"{key}.port", "lmtp is not used on port 25 (RFC 2033 5)", mend)
    if not listener.address:
        mend = 'Name the address it is for, such as "127.0.0.1", or use a Unix socket (path).'
        raise ConfigError(where, f"{key}.address", "lmtp would listen on all addresses", mend)


def _check_doubles(listeners: tuple[Listener, ...], where: str) -> None:
    seen: dict[tuple[str, int, str], int] = {}
    for number, listener in enumerate(listeners, 1):
        place = (listener.address, listener.port, listener.path)
        if place in seen:
            what = f"listens on the same place as listener[{seen[place]}]"
            raise ConfigError(where, f"listener[{number}]", what, "Remove one, or change its port.")
        seen[place] = number
