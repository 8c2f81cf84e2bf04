"""Copies of accepted mail for a journal (or mirror): queued in the unit that accepts the message.

Whoever sends and whoever receives hears nothing of it. A copy that comes back here is not copied again, and one that
cannot be delivered is held in the queue and shown among the warnings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from time import time
from uuid import uuid4

from posthouse.bodies.contract import Bodies, Body
from posthouse.database.contract import Database
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
        known = await self._directory.cached(("journals",), journals.active)
        if not known:
            return []
        wanted = await self._wanted(known, plan.envelope)
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
                written.append(await self._copy(journal, address, plan, body, fields))
        except BaseException:
            for each in written:
                each.body.discard()
            raise
        return written

    async def _wanted(self, known: Sequence[Journal], envelope: Envelope) -> list[tuple[Journal, Address]]:
        """The journals that get this message, each address once."""
        sender = await self._domain(envelope.sender.domain) if envelope.sender is not None else 0
        outgoing = envelope.origin.account_id is not None
        receiving = {
            await self._domain(name) for name in {each.address.domain for each in envelope.recipients}
        } - {0}
        parties = {each.address.key for each in envelope.recipients}
        if envelope.sender is not None:
            parties.add(envelope.sender.key)
        found: dict[str, tuple[Journal, Address]] = {}
        for journal in known:
            try:
                address = parse_address(journal.address)
            except ValueError:
                continue
            sends = outgoing and journal.domain_id in (SERVER, sender)
            receives = bool(receiving) if journal.domain_id == SERVER else journal.domain_id in receiving
            fits = (sends and journal.mail != "incoming") or (receives and journal.mail != "outgoing")
            if fits and address.key not in parties:
                found.setdefault(address.key, (journal, address))
        return list(found.values())

    async def _domain(self, name: str) -> int:
        """The id of a domain of ours, 0 for others."""
        rules = await self._directory.cached(("rules", name), lookup.find_rules, name)
        return rules.id if rules is not None else 0

    async def _copy(
        self, journal: Journal, address: Address, plan: Plan, body: Body, fields: Fields
    ) -> Written:
        envelope, now, name = plan.envelope, self._clock(), self._our_name()
        marked = journal_report.mark(self._secret, envelope.origin.trace)
        pieces: Iterator[bytes]
        if journal.form == "copy":
            pieces = journal_report.copy(body.buffer(), marked)
        else:
            pieces = journal_report.report(
                body.buffer(),
                fields,
                _facts(envelope),
                address,
                author=f"{self._settings.now[AUTHOR]}@{name}",
                message_id=f"<{uuid4()}@{name}>",
                marked=marked,
                now=now,
            )
        made = await self._spooled(pieces)
        utf8 = envelope.smtputf8 or not str(address).isascii()
        queued = QueuedMessage(
            trace=self._new_trace(),
            body=made.digest,
            size=made.size,
            sender="",
            received_at=now,
            smtputf8=utf8,
            body_type="7BIT" if envelope.body == "7BIT" else "8BITMIME",
            kind=JOURNAL,
            require_tls=envelope.terms.require_tls,
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
