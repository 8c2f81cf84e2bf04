"""Delivery of queued messages into mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time

from posthouse.bodies.contract import Bodies, BodyMissing, Durability
from posthouse.cluster import events
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Settlement, unnoticed
from posthouse.deliver.copy import FactsOf, KeptBody, facts_of, new_copy
from posthouse.deliver.results import Feedback, Result, Said, State
from posthouse.deliver.told import private_of, received
from posthouse.directory.contract import Account
from posthouse.directory.lookup import account_exists
from posthouse.mail.address import Address, parse_address
from posthouse.observe import spans
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue.contract import Lease, Queue
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appender, NewMessage, StoreRefusal

log = logger("deliver.local")


class Deferred(Exception):
    """The delivery did not work this time; args[0] says why, for the queue and the trace. ``status`` is the enhanced
    status code, ``state`` what becomes of the row."""

    def __init__(self, reason: str, status: str, state: State = "deferred") -> None:
        super().__init__(reason)
        self.said = Said(0, status, reason)
        self.state: State = state


class LeaseLost(Exception):
    """Another worker has the row by now; nothing of this attempt took effect."""


class LocalDelivery:
    """Puts queued messages into mailboxes (``deliver.contract.Deliverer``). Appending and settling the queue row are
    one unit: a crash in between neither loses nor doubles a message. What does not work goes to the settlement: an
    address that leads nowhere any more is tried until its time is over, then its sender is told."""

    def __init__(
        self,
        *,
        durability: Durability,
        appender: Appender,
        queue: Queue,
        settlement: Settlement,
        router: Router,
        bodies: Bodies,
        facts: FactsOf,
        settings: CurrentSettings | None = None,
    ) -> None:
        self._durability = durability
        self._appender = appender
        self._queue = queue
        self._settlement = settlement
        self._router = router
        self._bodies = bodies
        self._facts = facts
        self._settings = settings or CurrentSettings()

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        """Deliver and settle each row. Raises DatabaseUnavailable; what it could not settle stays leased."""
        done = await asyncio.gather(*(self._attempt(lease) for lease in leases), return_exceptions=True)
        results: list[Result] = []
        unavailable: DatabaseUnavailable | None = None
        for each in done:
            if isinstance(each, Result):
                results.append(each)
            elif isinstance(each, DatabaseUnavailable):
                unavailable = each
            elif each is not None:
                raise each
        if results:
            await self._settlement.settle(results)
        if unavailable is not None:
            raise unavailable
        return Feedback(well=True)

    async def _attempt(self, lease: Lease) -> Result | None:
        """Deliver one row; None when nothing is left to do for it."""
        trace, recipient = lease.message.trace, lease.recipient.recipient
        began = time()
        try:
            await self._deliver(lease)
        except Deferred as deferred:
            return Result(lease, deferred.state, deferred.said)
        except LeaseLost:
            log.warning("queue.lease_lost", trace=trace, recipient=recipient)
            return None
        except DatabaseUnavailable:
            raise
        except Exception as failure:
            log.exception("queue.broke", trace=trace, recipient=recipient)
            return Result(lease, "deferred", Said(0, "4.3.0", f"internal error ({type(failure).__name__})"))
        step("queue.delivered")
        counters.delivered += 1
        if spans.told is not None:
            spans.told("message.deliver", began, trace=trace, attempts=lease.attempts)
        log.info("queue.delivered", trace=trace, recipient=recipient)
        return None

    async def _deliver(self, lease: Lease) -> None:
        """Append and settle as one unit. Raises Deferred, LeaseLost or DatabaseUnavailable."""
        account = await self._account(lease)
        body = KeptBody(self._bodies, lease.message.body, lease.message.size)
        try:
            facts = await facts_of(self._facts, body)
            new = new_copy(body, facts, lease.message.sender, account, lease.message.received_at)
            private = private_of(self._settings.now, body, facts, lease.message.sender)
            await self._durability.commit([], self._unit, lease, account, new, private)
        except BodyMissing as missing:
            raise Deferred("its content is missing", "4.3.0") from missing
        except StoreRefusal as refusal:
            raise Deferred(f"the mailbox does not take it: {refusal}", "4.2.0") from refusal

    async def _account(self, lease: Lease) -> Account:
        """Where the recipient leads today: aliases and accounts may have changed since it was accepted."""
        destination = await self._router.resolve(_address(lease.recipient.recipient))
        if destination.kind != "local" or destination.account is None:
            raise Deferred(f"the address leads to no mailbox ({destination.kind})", "4.1.1")
        return destination.account

    def _unit(
        self, tx: Transaction, lease: Lease, account: Account, new: NewMessage, private: dict[str, str]
    ) -> None:
        if not account_exists(tx, account.id):
            raise Deferred("the account was removed meanwhile", "4.1.1")
        mailbox_id = self._appender.inbox_in(tx, account.id)
        (appended,) = self._appender.append_in(tx, mailbox_id, [new])
        note = f"delivered to INBOX of {account.address} as UID {appended.uid}"
        message = lease.message
        told = received(
            account.address, message.trace, appended.message_id, appended.uid, message.size, private
        )
        events.write(tx, [told])
        if not self._queue.settle(tx, lease, note, appended.message_id):
            raise LeaseLost


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as problem:
        raise Deferred(f"the recipient is no address: {problem}", "5.1.3", "failed") from problem
