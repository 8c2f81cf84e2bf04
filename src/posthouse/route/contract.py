"""How mail leaves: the way from a recipient's address to the hosts that are asked to take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal

Security = Literal["none", "may", "starttls", "tls"]
"""``may``: TLS where it is offered, without looking at certificates (RFC 7435). ``starttls`` and ``tls`` (from the
first byte): required."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place a route leads to. ``host`` is a name, an IP address, or the path of a Unix socket (LMTP). Of several
    those of lower ``preference`` are asked first; among equals one is drawn by ``weight``."""

    host: str
    port: int = 25
    preference: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we sign in there. ``mechanism`` "" takes the best that is offered; ``password`` is the access token for
    ``XOAUTH2``."""

    user: str
    password: str = field(repr=False)
    mechanism: Literal["", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "XOAUTH2"] = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How mail of one destination leaves.

    ``destination`` is the queue's word for it. Without ``targets`` the MX hosts of ``domain`` are asked.
    ``protocol`` ``pipe``: ``command`` is run for each message. ``verify``: the certificate must be good and name the
    host (with ``security`` starttls or tls). ``source`` is the local address to connect from, "" for any.
    ``tries`` and ``minutes`` (between tries) are the route's own schedule, 0 where the server's holds.
    ``retrying`` is False for a route that keeps mail until it is asked for (ETRN).
    ``certificate``: the host name of the certificate of ours to show, "" for none. ``batch``: most recipients in one
    transaction, 0 for the server's.
    """

    destination: str
    domain: str = ""
    targets: tuple[Target, ...] = ()
    protocol: Literal["smtp", "lmtp", "pipe"] = "smtp"
    security: Security = "may"
    verify: bool = False
    credentials: Credentials | None = None
    command: tuple[str, ...] = ()
    source: str = ""
    certificate: str = ""
    route_id: int = 0
    name: str = ""
    tries: int = 0
    minutes: int = 0
    batch: int = 0
    retrying: bool = True


class Ways(Protocol):
    """Where mail leaves to."""

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        """The way for one recipient that is not a mailbox of ours: by the routes in order (recipient's address or
        domain, sender, account), else the MX of the domain. A Refusal where no mail may go (an address literal while
        they are not allowed, a route that takes only listed addresses). Raises DatabaseUnavailable."""
