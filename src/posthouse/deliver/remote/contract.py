"""What the parts of remote delivery hand one another: hosts, TLS policies, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.deliver.results import Result, Said
from posthouse.mail.mime import Buffer
from posthouse.queue.contract import Lease
from posthouse.route.contract import Way


@dataclass(frozen=True, slots=True)
class Host:
    """One host to be asked. ``addresses`` in the order in which they are tried (at least one; for a Unix socket its
    path). ``authentic``: MX and address answers were validated by DNSSEC, so TLSA records of it count (RFC 7672
    2.2). ``preference`` is the MX preference."""

    name: str
    addresses: tuple[str, ...]
    port: int = 25
    preference: int = 0
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class Hosts:
    """Who is to be asked, in order; or, without hosts, what is said in their place: ``trouble`` with a 4xx code to
    try again, with a 5xx code for good (null MX 5.1.10, no such domain 5.1.2, we ourselves are the best MX 5.4.6)."""

    hosts: tuple[Host, ...] = ()
    trouble: Said | None = None


class HostFinder(Protocol):
    """From a way to hosts (RFC 5321 5)."""

    async def find(self, way: Way) -> Hosts:
        """The hosts of a way. Never raises for what the DNS says."""


Level = Literal["none", "may", "encrypt", "dane", "verify"]
"""How the way to a host must be secured. ``none``: no TLS at all. ``may``: if it works. ``encrypt``: TLS, any
certificate. ``dane``: TLS with a certificate that the TLSA records name (RFC 7672). ``verify``: TLS with a
certificate that is good by the public authorities and names one of ``names``."""


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What TLS to one host must be. ``names``: host names the certificate may be for (a leading ``*.`` is one label).
    ``tlsa``: usage, selector, matching type and data of each usable record. ``source`` says who wants it so: ``""``,
    ``route``, ``dane``, ``mta-sts``, ``requiretls``, ``setting``. ``testing``: a failure is reported, then mail goes
    on without (MTA-STS testing). ``implicit``: TLS from the first byte."""

    level: Level = "may"
    names: tuple[str, ...] = ()
    tlsa: tuple[tuple[int, int, int, bytes], ...] = ()
    source: str = ""
    testing: bool = False
    implicit: bool = False


class TlsPolicies(Protocol):
    """What TLS is wanted, and what came of it."""

    async def policy(self, way: Way, host: Host, *, require_tls: bool = False) -> TlsPolicy | Said:
        """The policy for one host of a way; or why it may not be asked (4xx: later, 5xx: never)."""

    def outcome(
        self, way: Way, host: Host, policy: TlsPolicy, tls: str, trouble: str, *, verified: bool = False
    ) -> None:
        """After a session: ``tls`` is the version ("" for clear text), ``trouble`` a result type of RFC 8460 4.3
        ("" for success). ``verified``: the certificate was good for the host although nothing demanded it. For
        reports and for the memory of each domain's best level. Never raises, never waits."""


class Hold(Protocol):
    """An attempt's hold of its rows, as far as a session is concerned."""

    def holds(self) -> bool:
        """Whether the rows are certainly ours: asked right before a message is sent, which is not done else."""

    def sent(self) -> None:
        """The message is out, its answer is waited for."""

    def answered(self) -> None:
        """The answer is there, or will never be."""


class _Firm:
    """For rows that nobody else can take."""

    def holds(self) -> bool:
        return True

    def sent(self) -> None:
        pass

    def answered(self) -> None:
        pass


FIRM: Hold = _Firm()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it is sent: ``prefix`` (signatures and the like) and then ``body``; both with CRLF lines.

    ``eight_bit``: there are bytes above 127. ``binary``: there are NULs, bare CR or LF, or lines over 998 bytes, so it
    needs BINARYMIME. ``utf8_header``: the header has such bytes, so it needs SMTPUTF8 (the envelope may need it too).
    ``tls_optional``: its author would rather have it arrive than encrypted (``TLS-Required: No``, RFC 8689 5).
    """

    sender: str
    prefix: bytes
    body: Buffer
    leases: tuple[Lease, ...]
    eight_bit: bool = False
    binary: bool = False
    utf8_header: bool = False
    tls_optional: bool = False
    hold: Hold = FIRM

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.prefix) + len(self.body)


class ConnectFailed(Exception):
    """No session with this address of this host; another may work. ``said`` says why, ``slow``: it asked us to come
    back later (421 or 4xx as greeting)."""

    def __init__(self, said: Said, *, slow: bool = False) -> None:
        super().__init__(str(said))
        self.said = said
        self.slow = slow


class Session(Protocol):
    """A session with a host that has said hello, under the policy asked for, signed in where that is wanted."""

    @property
    def tls(self) -> str:
        """The TLS version, "" in clear text."""

    async def send(self, parcel: Parcel) -> Sequence[Result]:
        """One transaction; a result for each recipient. Never raises for what the remote does: where it goes silent
        or away, what is not known to be taken is deferred. (After the final dot before its reply that means a
        duplicate, as RFC 1047 has it.)"""


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call: the way, the host, one of its addresses, the policy."""

    way: Way
    host: Host
    address: str
    policy: TlsPolicy = field(default_factory=TlsPolicy)


class Sessions(Protocol):
    """Sessions with remotes, kept open for the next message for some seconds."""

    async def take(self, call: Call) -> Session:
        """A session, an idle one where there is one. Raises ConnectFailed."""

    def give_back(self, session: Session) -> None:
        """The transaction is over: keep the session for others, or close it when it cannot go on."""

    async def close(self) -> None:
        """QUIT everywhere, within a second or two."""


class Signer(Protocol):
    """DKIM signatures, ARC seals: what is put before a message that leaves."""

    async def sign(self, lease: Lease, body: Buffer) -> bytes:
        """The fields to put before it (CRLF lines), b"" for none. Never raises: a signature that cannot be made is
        logged and left out. Raises DatabaseUnavailable."""
