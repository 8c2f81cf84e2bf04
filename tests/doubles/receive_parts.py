"""What a receiving session is handed, in memory: acceptance, reception, directory, and a client to talk with."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from talk_clients import MemoryTransport

from posthouse.directory.contract import Account, ScramKeys, SignIn
from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Origin
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.net.contract import Peer
from posthouse.receive.parts import Kind, Parts
from posthouse.receive.session import Session
from posthouse.settings.contract import CurrentSettings, Setting, Settings
from posthouse.wire.sasl.contract import CheckDigest, CheckTicket, Step, Work
from posthouse.wire.sasl.cram_md5 import is_right, key_of

HOST = "mail.example.org"
NOW = 1_795_400_286.0
SALT = b"0123456789abcdef"


class MemoryBody:
    """A finished body."""

    def __init__(self, data: bytes, owner: MemoryAcceptance) -> None:
        self.data = data
        self.owner = owner
        owner.open_bodies += 1
        self._open = True

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def size(self) -> int:
        return len(self.data)

    def buffer(self) -> bytes:
        return self.data

    def discard(self) -> None:
        if self._open:
            self._open = False
            self.owner.open_bodies -= 1


class MemorySpool:
    """A body on its way in; fails on demand."""

    def __init__(self, owner: MemoryAcceptance) -> None:
        self.owner = owner
        self.pieces: list[bytes] = []
        owner.open_spools += 1
        self._open = True

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def write(self, data: bytes | memoryview) -> None:
        if self.owner.disk_fails:
            raise OSError(28, "No space left on device")
        assert self._open
        self.pieces.append(bytes(data))

    def finish(self) -> MemoryBody:
        self._close()
        return MemoryBody(b"".join(self.pieces), self.owner)

    def discard(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self.owner.open_spools -= 1


@dataclass
class MemoryAcceptance:
    """Keeps what it accepts. ``refuse``: raised instead; ``refusals``: by recipient key (LMTP); ``gate``: accept waits
    for it; ``full``: no spool; ``broken``: an error of ours."""

    messages: list[tuple[Envelope, bytes]] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    open_spools: int = 0
    open_bodies: int = 0
    refuse: Refusal | None = None
    refusals: dict[str, Refusal] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    full: bool = False
    broken: BaseException | None = None
    disk_fails: bool = False
    accepting: int = 0

    def spool(self) -> MemorySpool:
        if self.full:
            raise Refusal(452, "4.3.1", "Not enough free disk space")
        return MemorySpool(self)

    async def accept(
        self, envelope: Envelope, body: MemoryBody, *, per_recipient: bool = False
    ) -> list[Outcome]:
        self.accepting += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        if self.refuse is not None:
            raise self.refuse
        outcomes = [
            Outcome(recipient, self.refusals.get(recipient.address.key), "delivered to mailbox")
            for recipient in envelope.recipients
        ]
        assert per_recipient or not self.refusals
        if any(outcome.refusal is None for outcome in outcomes):
            self.messages.append((envelope, body.buffer()))
        return outcomes

    async def refused(self, origin: Origin, stage: str, text: str) -> None:
        self.notes.append((origin.trace, stage, text))


@dataclass
class MemoryReception:
    """Knows anna and bert at example.org and postmaster; everything else is somebody else's."""

    reserved: dict[str, int] = field(default_factory=dict)
    broken: Exception | None = None
    gate: asyncio.Event | None = None

    async def recipient(
        self, address: Address, origin: Origin, size: int, sender: Address | None = None
    ) -> None:
        self.reserved[origin.trace] = self.reserved.get(origin.trace, 0) + size
        if self.gate is not None:
            await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        if address.key == "postmaster":
            return
        if address.domain != "example.org":
            raise Refusal(550, "5.7.1", "Relaying denied")
        if address.local == "full":
            raise Refusal(452, "4.2.2", "Mailbox full")
        if address.local.lower() not in ("anna", "bert", "postmaster", "ünna"):
            raise Refusal(550, "5.1.1", "No such user")

    async def may_send_for(self, account_id: int, address: Address) -> bool:
        return False

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        return address.key in ("anna@example.org", "sales@example.org")

    def release(self, origin: Origin) -> None:
        self.reserved.pop(origin.trace, None)


@dataclass
class MemoryDirectory:
    """One account: anna@example.org with the password ``secret``."""

    delay: float = 0.0
    temporary: bool = False
    tries: list[tuple[str, bool, str, str]] = field(default_factory=list)
    tokens: dict[str, Account] = field(default_factory=dict)
    context: Callable[[], Any] | None = None
    host: str = ""

    def _result(self, login: str, ok: bool, peer: str, protocol: str) -> SignIn:
        self.tries.append((login, ok, peer, protocol))
        if self.temporary:
            return SignIn(None, "directory down", temporary=True)
        if not ok:
            return SignIn(None, "wrong password", self.delay)
        return SignIn(Account(7, 1, "anna@example.org", 0))

    async def sign_in(self, login: str, password: str, *, peer: str, protocol: str) -> SignIn:
        return self._result(login, (login, password) == ("anna@example.org", "secret"), peer, protocol)

    async def scram_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        known = login == "anna@example.org"
        salted = hashlib.pbkdf2_hmac("sha256", b"secret" if known else b"made up", SALT, 4096)
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        keys = ScramKeys(SALT, 4096, stored, hmac.digest(salted, b"Server Key", "sha256"))
        return (Account(7, 1, login, 0) if known else None), keys

    async def scram_sha1_keys(self, login: str) -> tuple[Account | None, ScramKeys]:
        raise NotImplementedError

    def scram_announced(self) -> bool:
        return True

    def tickets(self, protocol: str) -> Callable[[], Any] | None:
        return self.context

    async def carry(self, work: Work) -> Step:
        return work.run()

    async def sign_in_ticket(self, shown: CheckTicket, *, peer: str, protocol: str) -> SignIn:
        return self._result(shown.authzid, shown.principal == "anna@example.org", peer, protocol)

    def tokens_taken(self) -> bool:
        return bool(self.tokens)

    async def sign_in_token(
        self, kind: str, token: str, login_hint: str, *, peer: str, protocol: str
    ) -> tuple[SignIn, bytes]:
        account = self.tokens.get(token)
        if account is None or (login_hint and login_hint != account.address):
            return SignIn(None, "bad token"), b'{"status":"invalid_token"}'
        return SignIn(account), b""

    async def sign_in_certificate(
        self, certificate: bytes, authzid: str, *, peer: str, protocol: str
    ) -> SignIn:
        return SignIn(None, "no certificates here")

    def cram_md5_host(self) -> str:
        return self.host

    async def sign_in_digest(self, shown: CheckDigest, *, peer: str, protocol: str) -> SignIn:
        right = shown.login == "anna@example.org" and is_right(key_of(b"secret"), shown)
        return self._result(shown.login, right, peer, protocol)

    def client_named(self, account: Account, client: str, *, peer: str, protocol: str) -> None:
        pass

    async def record_scram(
        self, login: str, account: Account | None, ok: bool, *, peer: str, protocol: str
    ) -> SignIn:
        return self._result(login, ok and account is not None, peer, protocol)


class Reception:
    """Everything a session needs, and a way to talk to one in memory."""

    def __init__(self, values: dict[Setting[object], object] | None = None) -> None:
        self.acceptance = MemoryAcceptance()
        self.reception = MemoryReception()
        self.directory = MemoryDirectory()
        self.settings = CurrentSettings(
            Settings({setting.name: value for setting, value in (values or {}).items()})
        )
        count = iter(range(1, 1_000_000))
        self.parts = Parts(
            hostname=HOST,
            settings=self.settings,
            acceptance=self.acceptance,
            reception=self.reception,
            directory=self.directory,
            clock=lambda: NOW,
            trace=lambda: f"t{next(count)}",
        )

    def session(self, kind: Kind = Kind.MX) -> Session:
        return Session(kind, self.parts)

    def talk(
        self,
        kind: Kind = Kind.MX,
        *,
        address: str = "203.0.113.9",
        change: Callable[[Session], None] | None = None,
    ) -> Talk:
        return Talk(self.session(kind), address, change)


class Talk:
    """A client over a fake transport. ``say`` returns what the server answered at once."""

    def __init__(self, session: Session, address: str, change: Callable[[Session], None] | None) -> None:
        self.session = session
        if change is not None:
            change(session)
        session.peer = Peer(address, 40000, "192.0.2.1", 25, address.startswith("127."))
        self.transport = MemoryTransport(session, (address, 40000), ("192.0.2.1", 25))
        session.connection_made(self.transport)
        self.greeting = self.heard()

    def heard(self) -> bytes:
        """What the server wrote since the last call."""
        data = bytes(self.transport.written)
        self.transport.written.clear()
        return data

    def say(self, *pieces: str | bytes) -> bytes:
        """Send lines (str, CRLF added) or raw bytes in one packet; the server's words until now."""
        data = b"".join(piece.encode() + b"\r\n" if isinstance(piece, str) else piece for piece in pieces)
        self.transport.arrive(data)
        return self.heard()

    def codes(self, *pieces: str | bytes) -> list[str]:
        """The same, only the codes of the replies."""
        return codes(self.say(*pieces))

    def begin(self, *recipients: str) -> None:
        """EHLO, MAIL and RCPT, which must succeed."""
        hello = "LHLO" if self.session.kind is Kind.LMTP else "EHLO"
        said = self.say(
            f"{hello} client.example",
            "MAIL FROM:<x@remote.example>",
            *(f"RCPT TO:<{recipient}>" for recipient in recipients or ("anna@example.org",)),
        )
        assert set(codes(said)) == {"250"}, said

    @property
    def over(self) -> bool:
        return self.session.closing


def codes(said: bytes) -> list[str]:
    """The code of each reply."""
    return [line[:3].decode() for line in said.split(b"\r\n") if line[3:4] == b" "]
