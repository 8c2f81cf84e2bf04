"""What the uses need of the server, gathered in one value by the assembly (or by ``offline`` when it is
stopped)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from posthouse.bodies.files import FileBodies
from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database
from posthouse.directory.passwords import Passwords
from posthouse.manage.check_runs import CheckRuns
from posthouse.manage.identity_enrolments import Enrolments
from posthouse.settings.config import Config
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Keeping, Store

if TYPE_CHECKING:
    from posthouse.cluster.agreement import Agreement
    from posthouse.directory.kerberos import Kerberos
    from posthouse.manage.certificate_desk import CertificateDesk
    from posthouse.manage.dkim_desk import DkimDesk
    from posthouse.manage.identity import Identity
    from posthouse.manage.listener_change import Doors
    from posthouse.manage.logs import LiveLogs
    from posthouse.manage.measurements import Measures
    from posthouse.manage.routes import RouteTester
    from posthouse.manage.send import Injection
    from posthouse.manage.sessions import OpenSessions
    from posthouse.manage.setup_door import SetupDoor
    from posthouse.manage.webhooks import WebhookTester
    from posthouse.net.countries import Keeper
    from posthouse.net.screening import Screening

Right = Literal["view", "change", "read_mail", "send"]
"""``view``: look at anything but mail and secrets. ``change``: alter domains, accounts, settings.
``read_mail``: see the content of people's messages. ``send``: hand in messages. The scopes of a token are a
choice of these; a signed-in person has all of them, within the reach of the role."""

ALL_RIGHTS: frozenset[Right] = frozenset(("view", "change", "read_mail", "send"))

Role = Literal["server", "domain", "user"]
"""How far somebody's rights reach: ``server`` over everything, ``domain`` over the domains they administer,
``user`` over their own account only."""

ROLE_ORDER: dict[Role, int] = {"user": 0, "domain": 1, "server": 2}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. ``name`` is the operating system user (``uid 0 (root)``) or the address signed in as,
    ``source`` the face and place it came from (``control socket``, ``offline``, ``web 192.0.2.1``). Both go
    into the audit line.

    ``account`` and ``account_id`` are the account signed in as ("" and 0 for the control socket), ``domains``
    those that a domain administrator looks after. ``fresh_at`` is when the person last proved to be there
    (seconds since 1970), which confirming a risky change asks for. ``session`` and ``token`` are the ids of
    the browser session or API token in use, 0 where there is none. ``must_change``: the password that the session
    began with has expired, and nothing may be done but to set another (``use.may``).
    """

    name: str
    source: str
    rights: frozenset[Right] = ALL_RIGHTS
    role: Role = "server"
    account: str = ""
    account_id: int = 0
    domains: frozenset[str] = frozenset()
    fresh_at: float = math.inf
    session: int = 0
    token: int = 0
    must_change: bool = False

    def governs(self, name: str) -> bool:
        """Whether this address or domain (lower case, as the directory keeps it) is the actor's to look after:
        any for the server's administrator, those of own domains for a domain administrator, the own address
        for everybody."""
        if self.role == "server" or (name == self.account and name):
            return True
        return self.role == "domain" and name.rpartition("@")[2] in self.domains


class ListenerState(msgspec.Struct, frozen=True, kw_only=True):
    """One socket the server really listens on. ``where`` is for people: ``0.0.0.0:25``, ``[::]:25`` or a
    path."""

    protocol: str
    tls: str
    address: str = ""
    port: int = 0
    path: str = ""

    @property
    def where(self) -> str:
        """Address and port, or the path of a Unix socket."""
        if self.path:
            return self.path
        host = f"[{self.address}]" if ":" in self.address else self.address or "*"
        return f"{host}:{self.port}"


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """What only a running server knows. ``sessions`` counts open sessions by protocol over all workers;
    ``certificates`` maps host names to SHA-256 fingerprints (``AB:CD:…``) of the certificates in use;
    ``started_at``, in seconds since 1970, is when the server began, 0 when it does not run."""

    listeners: tuple[ListenerState, ...] = ()
    sessions: dict[str, int] = {}
    workers: int = 1
    certificates: dict[str, str] = {}
    started_at: float = 0.0


async def _stopped() -> LiveState:
    return LiveState(workers=0)


@dataclass(slots=True)
class Context:
    """Everything a use may touch. ``running`` is False when a command works on a stopped server's data folder.
    ``started_at`` is when this process began to serve, in seconds since 1970. ``live`` asks the supervisor
    for the state of all workers. ``doors`` opens and closes listeners while the server runs. ``changing`` is
    held while something on probation that is not in the database changes, and while such a change is
    confirmed or taken back. ``key_of``: the files of certificate chain and key that answer to a host name.
    ``side`` takes down what a repair needs of mail that is put back. ``agreement`` waits until all workers act on a
    change; None where there is nobody to tell. ``countries`` keeps what knows countries; ``screening``: the lists and
    rules of countries that hold, None for a stopped server."""

    config: Config
    database: Database
    store: Store
    mail: Keeping
    passwords: Passwords
    bodies: FileBodies
    settings: CurrentSettings
    feed: Feed
    started_at: float
    running: bool = True
    live: Callable[[], Awaitable[LiveState]] = field(default=_stopped)
    side: SideRecord | None = None
    agreement: Agreement | None = None
    identity: Identity | None = None
    certificates: CertificateDesk | None = None
    dkim: DkimDesk | None = None
    injection: Injection | None = None
    sessions: OpenSessions | None = None
    logs: LiveLogs | None = None
    measures: Measures | None = None
    doors: Doors | None = None
    setup: SetupDoor | None = None
    webhooks: WebhookTester | None = None
    routes: RouteTester | None = None
    key_of: Callable[[str], tuple[Path, Path]] | None = None
    countries: Keeper | None = None
    kerberos: Kerberos | None = None
    screening: Callable[[], Screening] | None = None
    check_runs: CheckRuns = field(default_factory=CheckRuns)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    enrolments: Enrolments = field(default_factory=Enrolments)
