"""Delivery of queued messages into mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time

from posthouse.bodies.contract import Bodies, BodyMissing, Durability
from posthouse.cluster import events
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.autoreply import AutoReplies
from posthouse.deliver.contract import Settlement, unnoticed
from posthouse.deliver.copy import FactsOf, KeptBody, facts_of, folder_in, new_copy
from posthouse.deliver.delivered import Written
from posthouse.deliver.results import Feedback, Result, Said, State
from posthouse.deliver.told import private_of, received
from posthouse.deliver.unit import put_beside
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
        replies: AutoReplies | None = None,
    ) -> None:
        self._durability = durability
        self._appender = appender
        self._queue = queue
        self._settlement = settlement
        self._router = router
        self._bodies = bodies
        self._facts = facts
        self._settings = settings or CurrentSettings()
        self.replies = replies

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
        account, folder = await self._account(lease)
        body = KeptBody(self._bodies, lease.message.body, lease.message.size)
        try:
            facts = await facts_of(self._facts, body)
            new = new_copy(body, facts, lease.message.sender, account, lease.message.received_at)
            private = private_of(self._settings.now, body, facts, lease.message.sender)
            replies = await self.replies.replies([account], lease.message, body) if self.replies else []
            try:
                await self._durability.commit(
                    [each.body for each in replies], self._unit, lease, account, folder, new, private, replies
                )
            finally:
                for each in replies:
                    each.body.discard()
        except BodyMissing as missing:
            raise Deferred("its content is missing", "4.3.0") from missing
        except StoreRefusal as refusal:
            raise Deferred(f"the mailbox does not take it: {refusal}", "4.2.0") from refusal

    async def _account(self, lease: Lease) -> tuple[Account, str]:
        """The account that was found when the message was accepted, with the folder its address names; else where the
        recipient leads today: aliases and accounts may have changed since."""
        promised = lease.recipient.account_id
        destination = await self._router.resolve(_address(lease.recipient.recipient))
        found = [place for place in destination.places if place.kind == "local" and place.account is not None]
        for place in found:
            if place.account is not None and place.account.id == promised:
                return place.account, place.folder
        # In rows of what is ours (a forward, a notice) it is another account's: that of who sends it on.
        kept = await self._router.account(promised) if promised and not lease.message.kind else None
        if kept is not None:
            return kept, ""
        if len(found) != 1 or found[0].account is None:
            raise Deferred(f"the address leads to no mailbox ({destination.kind})", "4.1.1")
        return found[0].account, found[0].folder

    def _unit(
        self,
        tx: Transaction,
        lease: Lease,
        account: Account,
        folder: str,
        new: NewMessage,
        private: dict[str, str],
        replies: Sequence[Written] = (),
    ) -> None:
        if not account_exists(tx, account.id):
            raise Deferred("the account was removed meanwhile", "4.1.1")
        mailbox_id = folder_in(tx, self._appender, account.id, folder)
        (appended,) = self._appender.append_in(tx, mailbox_id, [new])
        place = f"INBOX, or the folder {folder}," if folder else "INBOX"
        note = f"delivered to {place} of {account.address} as UID {appended.uid}"
        for reply in put_beside(tx, self._queue, self._bodies, replies):
            note = f"{note}; {reply}"
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
