"""What belongs to a listener rather than to one connection."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from posthouse.net.contract import TlsContexts
from posthouse.net.peer import plain_address
from posthouse.net.ranges import Range
from posthouse.net.screening import Because

if TYPE_CHECKING:
    from posthouse.net.connection import Connection


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Admission(Protocol):
    """Decides whether one more connection from an address is let in (see ``net.limits``)."""

    def enter(self, address: str, protocol: str = "") -> str:
        """Count a connection; "" when it may come in, else the reason to refuse it (it is then not
        counted)."""

    def permits(self, address: str) -> Range:
        """What an address may do now."""

    def because(self, address: str, protocol: str) -> Because | None:
        """Why an address may not use a protocol at all, for the log."""

    def guessed(self, address: str, protocol: str) -> None:
        """Somebody tries to sign in where that is not offered."""

    def too_many_messages(self, address: str) -> bool:
        """Count a message of an address; whether it is one too many in this minute."""

    def leave(self, address: str) -> None:
        """A connection that was let in is gone."""


class Door:
    """The listener's side of a connection: ``tls`` contexts (None: no TLS here), ``implicit`` (TLS from the
    first byte), ``admission`` (None: no limits), ``refusal`` (what a refused peer is told, a complete line
    with a place for the reason), ``sessions``, everyone inside, and ``worker``, the number of this process among
    its node's."""

    __slots__ = (
        "admission",
        "banned",
        "handshake_seconds",
        "implicit",
        "protocol",
        "refusal",
        "sessions",
        "starttls",
        "tls",
        "trusted_proxies",
        "worker",
    )

    def __init__(
        self,
        protocol: str = "",
        *,
        tls: TlsContexts | None = None,
        implicit: bool = False,
        starttls: bool = False,
        admission: Admission | None = None,
        refusal: str = "",
        banned: str = "",
        handshake_seconds: float = 30.0,
        trusted_proxies: Sequence[Network] = (),
        sessions: set[Connection] | None = None,
        worker: int = 0,
    ) -> None:
        self.protocol = protocol
        self.tls = tls
        self.implicit = implicit
        self.starttls = starttls
        self.admission = admission
        self.refusal = refusal
        self.banned = banned
        self.handshake_seconds = handshake_seconds
        self.trusted_proxies = tuple(trusted_proxies)
        self.sessions: set[Connection] = set() if sessions is None else sessions
        self.worker = worker

    def is_proxy(self, address: str) -> bool:
        """Whether this address must say in a PROXY header who the real peer is."""
        if not self.trusted_proxies:
            return False
        try:
            parsed = plain_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)


OPEN_DOOR = Door()
"""For connections without a listener: no TLS, no limits."""
