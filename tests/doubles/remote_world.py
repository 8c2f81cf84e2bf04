"""Ways, hosts, policies and sessions that do what a test says, for what remote delivery makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from posthouse.database.contract import Transaction
from posthouse.deliver.contract import Notice, NoticeKind, Told
from posthouse.deliver.remote.contract import Call, ConnectFailed, Host, Hosts, Parcel, TlsPolicy
from posthouse.deliver.results import Result, Said
from posthouse.mail.address import Address
from posthouse.mail.mime import Buffer
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.route.contract import Way

OK = Said(250, "2.0.0", "OK")


@dataclass
class World:
    """All of it in one. ``answers``: by host name what a session says to a recipient; a ``ConnectFailed`` where there
    is no session. ``calls`` and ``sent`` tell what was asked."""

    ways: dict[str, Way | Refusal] = field(default_factory=dict)
    hosts: dict[str, Hosts] = field(default_factory=dict)
    answers: dict[str, ConnectFailed | dict[str, Said]] = field(default_factory=dict)
    policies: dict[str, TlsPolicy | Said] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    called_with: list[TlsPolicy] = field(default_factory=list)
    sent: list[tuple[str, list[str]]] = field(default_factory=list)
    prefix: bytes = b""
    wrong: Exception | None = None

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        domain = recipient.domain
        return self.ways.get(recipient.key) or self.ways.get(domain) or Way(f"mx:{domain}", domain)

    async def find(self, way: Way) -> Hosts:
        if self.wrong is not None:
            raise self.wrong
        return self.hosts.get(way.domain) or Hosts((Host(f"mx.{way.domain}", ("192.0.2.1",)),))

    async def policy(self, way: Way, host: Host, *, require_tls: bool = False) -> TlsPolicy | Said:
        return self.policies.get(host.name, TlsPolicy())

    def outcome(self, way: Way, host: Host, policy: TlsPolicy, tls: str, trouble: str) -> None:
        pass

    async def sign(self, lease: Lease, body: Buffer) -> bytes:
        return self.prefix

    async def take(self, call: Call) -> WorldSession:
        self.calls.append((call.host.name, call.address))
        self.called_with.append(call.policy)
        answers = self.answers.get(call.host.name, {})
        if isinstance(answers, ConnectFailed):
            raise answers
        return WorldSession(self, call.host.name, answers)

    def give_back(self, session: object) -> None:
        pass

    async def close(self) -> None:
        pass


@dataclass
class WorldSession:
    """A session that answers by recipient, else with 250."""

    world: World
    host: str
    answers: dict[str, Said]
    tls: str = ""

    async def send(self, parcel: Parcel) -> Sequence[Result]:
        recipients = [lease.recipient.recipient for lease in parcel.leases]
        self.world.sent.append((self.host, recipients))
        results = []
        for lease in parcel.leases:
            said = self.answers.get(lease.recipient.recipient, OK)
            code = said.code
            state = "failed" if code >= 500 else "relayed" if 200 <= code < 300 else "deferred"
            results.append(Result(lease, state, said))  # type: ignore[arg-type]
        return results


class PlainNotices:
    """Notices (``deliver.contract.Notices``) whose content is one line a recipient; ``broken`` cannot be written."""

    def __init__(self) -> None:
        self.composed: list[tuple[NoticeKind, list[str]]] = []
        self.noted: list[str] = []
        self.broken = False
        self.copies = False

    def wanted(self, result: Result, kind: NoticeKind) -> bool:
        message, notify = result.lease.message, result.lease.recipient.notify
        if not message.sender or message.kind in ("notice", "report") or notify == "NEVER":
            return False
        word = {"failed": "FAILURE", "delayed": "DELAY"}.get(kind, "SUCCESS")
        return word in (notify or "FAILURE,DELAY")

    async def compose(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        if self.broken:
            raise ValueError("no words")
        self.composed.append((told[0].kind, [each.result.lease.recipient.recipient for each in told]))
        content = f"Subject: {told[0].kind}\r\n\r\n{[str(each.result.said) for each in told]}\r\n".encode()
        about = QueuedMessage(f"{message.trace}n", "", 0, "", message.received_at, kind="notice")
        return Notice(content, about, (QueuedRecipient(message.sender, "local"),))

    async def copy(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        if not self.copies:
            return None
        about = QueuedMessage(f"{message.trace}c", "", 0, "", message.received_at, kind="notice")
        return Notice(b"Subject: copy\r\n\r\n", about, (QueuedRecipient("postmaster@mail.test", "local"),))

    def note(self, tx: Transaction, told: Sequence[Told]) -> None:
        self.noted += [f"{each.result.lease.recipient.recipient} {each.kind}" for each in told]
