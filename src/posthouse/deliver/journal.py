"""Copies of mail for a journal (or mirror), queued in the unit that makes the mail: of what is accepted, of what a list
sends to its members, and of what is written here (notices, automatic replies, words of lists).

Whoever sends and whoever receives hears nothing of it. A copy that comes back here is not copied again, and one that
cannot be delivered is held in the queue and shown among the warnings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import time
from uuid import uuid4

from posthouse.bodies.contract import Bodies, Body
from posthouse.database.contract import Database, Transaction
from posthouse.deliver import journal_report
from posthouse.deliver.autoreply import Cached
from posthouse.deliver.autoreply_rules import Fields, fields_of
from posthouse.deliver.contract import Notice
from posthouse.deliver.delivered import Written
from posthouse.deliver.dsn.notices import DestinationOf
from posthouse.deliver.plan import Plan
from posthouse.directory import journals, lookup
from posthouse.directory.journals import SERVER, Journal
from posthouse.directory.own_secrets import own_secret
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope
from posthouse.observe.log import logger
from posthouse.queue.contract import JOURNAL, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.notices import AUTHOR

log = logger("deliver.journal")

NAME = "journal"
"""The name of the key our marks are made with."""


@dataclass(frozen=True, slots=True)
class _Mail:
    """What is copied: who sends it (``author``: whose domain's mail it is, "" for none of ours), who gets it, and what
    a report tells of it."""

    facts: journal_report.Facts
    parties: frozenset[str]
    author: str
    outgoing: bool
    domains: frozenset[str]
    ascii_body: bool
    smtputf8: bool
    require_tls: bool


class JournalDesk:
    """Writes copies (``deliver.delivered.Beside``). ``our_name`` is the server's name, ``destination_of`` where mail
    for an address leads, ``new_trace`` makes trace ids, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        directory: Cached,
        database: Database,
        settings: CurrentSettings,
        bodies: Bodies,
        destination_of: DestinationOf,
        our_name: Callable[[], str],
        new_trace: Callable[[], str],
        clock: Callable[[], float] = time,
    ) -> None:
        self._directory = directory
        self._database = database
        self._settings = settings
        self._bodies = bodies
        self._destination_of = destination_of
        self._our_name = our_name
        self._new_trace = new_trace
        self._clock = clock
        self._secret = b""

    async def write(self, plan: Plan, message: QueuedMessage, body: Body) -> list[Written]:
        """The copies of a message, none for what is a copy itself. The caller discards their bodies. Raises
        DatabaseUnavailable, OSError: mail that is to be copied is not accepted without."""
        if not await self._known():
            return []  # as nearly everywhere: nothing is put together for them
        envelope = plan.envelope
        addresses = [each.address for each in envelope.recipients]
        mail = _Mail(
            _facts(envelope),
            _keys(addresses, envelope.sender),
            envelope.sender.domain if envelope.sender is not None else "",
            envelope.origin.account_id is not None,
            frozenset(each.domain for each in addresses),
            envelope.body == "7BIT",
            envelope.smtputf8,
            envelope.terms.require_tls,
        )
        return await self._copies(mail, body)

    async def of_own(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], body: Body
    ) -> list[Written]:
        """The copies of a message that is written here. It counts as outgoing mail of the domain in its From field, and
        as mail that comes in for those of ours who get it. As :meth:`write` otherwise."""
        addresses = _addresses(each.recipient for each in recipients)
        if not addresses:
            return []
        mail = _Mail(
            journal_report.Facts(
                message.trace,
                "",
                tuple(map(str, addresses)),
                f"written by {self._our_name()}",
                message.received_at,
            ),
            _keys(addresses, None),
            _author(body),
            True,
            frozenset(each.domain for each in addresses),
            message.body_type == "7BIT",
            message.smtputf8,
            message.require_tls,
        )
        return await self._copies(mail, body)

    async def with_copies(self, written: Written) -> list[Written]:
        """Something that goes out beside a message, and its copies, which are put only where it is. The caller discards
        all bodies; where this raises it is the copies' that are discarded."""
        copies = await self.of_own(written.notice.message, written.notice.recipients, written.body)
        claim = written.claim
        if not copies or claim is None:
            return [written, *copies]
        put = False

        def claimed(tx: Transaction) -> bool:
            nonlocal put
            put = claim(tx)  # an op may run more than once: the last time counts
            return put

        return [replace(written, claim=claimed), *(replace(each, claim=lambda tx: put) for each in copies)]

    async def of_list(
        self, message: QueuedMessage, address: Address, members: Sequence[Address], body: Body
    ) -> list[Written]:
        """The copies of what a list sends to its members: one, however many they are. ``message`` is the post. As
        :meth:`write` otherwise."""
        if not members:
            return []
        mail = _Mail(
            journal_report.Facts(
                message.trace,
                str(address),
                tuple(f"{each}, Expanded: {address}" for each in members),
                f"a post of <{message.sender}> to list {address}",
                self._clock(),
            ),
            _keys(members, address),
            address.domain,
            True,
            frozenset(each.domain for each in members),
            message.body_type == "7BIT",
            message.smtputf8,
            message.require_tls,
        )
        return await self._copies(mail, body)

    async def _known(self) -> Sequence[Journal]:
        return await self._directory.cached(("journals",), journals.active)

    async def _copies(self, mail: _Mail, body: Body) -> list[Written]:
        known = await self._known()
        if not known:
            return []
        wanted = await self._wanted(known, mail)
        if not wanted:
            return []
        fields = fields_of(body.buffer())
        if not self._secret:
            self._secret = await self._database.run(own_secret, NAME)
        if journal_report.is_ours(self._secret, fields):
            return []
        written: list[Written] = []
        try:
            for journal, address in wanted:
                written.append(await self._copy(journal, address, mail, body, fields))
        except BaseException:
            for each in written:
                each.body.discard()
            raise
        return written

    async def _wanted(self, known: Sequence[Journal], mail: _Mail) -> list[tuple[Journal, Address]]:
        """The journals that get this message, each address once."""
        sender = await self._domain(mail.author) if mail.author else 0
        receiving = {await self._domain(name) for name in mail.domains} - {0}
        found: dict[str, tuple[Journal, Address]] = {}
        for journal in known:
            try:
                address = parse_address(journal.address)
            except ValueError:
                continue
            sends = mail.outgoing and journal.domain_id in (SERVER, sender)
            receives = bool(receiving) if journal.domain_id == SERVER else journal.domain_id in receiving
            fits = (sends and journal.mail != "incoming") or (receives and journal.mail != "outgoing")
            if fits and address.key not in mail.parties:
                found.setdefault(address.key, (journal, address))
        return list(found.values())

    async def _domain(self, name: str) -> int:
        """The id of a domain of ours, 0 for others."""
        rules = await self._directory.cached(("rules", name), lookup.find_rules, name)
        return rules.id if rules is not None else 0

    async def _copy(
        self, journal: Journal, address: Address, mail: _Mail, body: Body, fields: Fields
    ) -> Written:
        now, name = self._clock(), self._our_name()
        marked = journal_report.mark(self._secret, mail.facts.trace)
        pieces: Iterator[bytes]
        if journal.form == "copy":
            pieces = journal_report.copy(body.buffer(), marked)
        else:
            pieces = journal_report.report(
                body.buffer(),
                fields,
                mail.facts,
                address,
                author=f"{self._settings.now[AUTHOR]}@{name}",
                message_id=f"<{uuid4()}@{name}>",
                marked=marked,
                now=now,
            )
        made = await self._spooled(pieces)
        queued = QueuedMessage(
            trace=self._new_trace(),
            body=made.digest,
            size=made.size,
            sender="",
            received_at=now,
            smtputf8=mail.smtputf8 or not str(address).isascii(),
            body_type="7BIT" if mail.ascii_body else "8BITMIME",
            kind=JOURNAL,
            require_tls=mail.require_tls,
        )
        recipients = [
            QueuedRecipient(str(leads_to), destination, account_id, notify="NEVER")
            for leads_to, destination, account_id in await self._destination_of(address)
        ]
        return Written(
            Notice(b"", queued, tuple(recipients)), made, note=f"copy for the journal at <{address}>"
        )

    async def _spooled(self, pieces: Iterator[bytes]) -> Body:
        spool = self._bodies.spool()
        try:
            for piece in pieces:
                spool.write(piece)
                await asyncio.sleep(0)  # others have their turn during a large message
            return spool.finish()
        except BaseException:
            spool.discard()
            raise


def _keys(addresses: Sequence[Address], sender: Address | None) -> frozenset[str]:
    """Those a message is between: a journal that is one of them has it already."""
    return frozenset(each.key for each in addresses) | ({sender.key} if sender is not None else set())


def _addresses(texts: Iterable[str]) -> list[Address]:
    found = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ValueError:
            continue
    return found


def _author(body: Body) -> str:
    """The domain in the From field of what was written here; "" where there is none."""
    field = b"".join(fields_of(body.buffer()).get(b"from", ())[:1]).decode("utf-8", "replace").strip()
    text = field.rpartition("<")[2].partition(">")[0] if "<" in field else field
    try:
        return parse_address(text.strip()).domain
    except ValueError:
        return ""


def _facts(envelope: Envelope) -> journal_report.Facts:
    origin = envelope.origin
    source = f"{origin.protocol} from {origin.address}" + (
        f", signed in as {origin.login}" if origin.login else ""
    )
    return journal_report.Facts(
        origin.trace,
        str(envelope.sender) if envelope.sender is not None else "",
        tuple(str(each.address) for each in envelope.recipients),
        source,
        envelope.received_at,
    )
