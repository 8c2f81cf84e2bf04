"""Delivery of one queued message into one mailbox."""

from __future__ import annotations

from posthouse.bodies.contract import Bodies, BodyMissing, Durability
from posthouse.cluster import events
from posthouse.database.contract import Transaction
from posthouse.deliver.copy import FactsOf, KeptBody, facts_of, new_copy
from posthouse.deliver.told import private_of, received
from posthouse.directory.contract import Account
from posthouse.directory.lookup import account_exists
from posthouse.mail.address import Address, parse_address
from posthouse.queue.contract import Lease, Queue
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appender, NewMessage, StoreRefusal


class Deferred(Exception):
    """The delivery did not work this time; args[0] says why, for the queue and the trace."""


class LeaseLost(Exception):
    """Another worker has the row by now; nothing of this attempt took effect."""


class LocalDelivery:
    """Puts queued messages into mailboxes. Appending and settling the queue row are one unit: a crash in
    between neither loses nor doubles a message."""

    def __init__(
        self,
        *,
        durability: Durability,
        appender: Appender,
        queue: Queue,
        router: Router,
        bodies: Bodies,
        facts: FactsOf,
        settings: CurrentSettings | None = None,
    ) -> None:
        self._durability = durability
        self._appender = appender
        self._queue = queue
        self._router = router
        self._bodies = bodies
        self._facts = facts
        self._settings = settings or CurrentSettings()

    async def deliver(self, lease: Lease) -> None:
        """Deliver and settle. Raises Deferred, LeaseLost or DatabaseUnavailable."""
        account = await self._account(lease)
        body = KeptBody(self._bodies, lease.message.body, lease.message.size)
        try:
            facts = await facts_of(self._facts, body)
            new = new_copy(body, facts, lease.message.sender, account, lease.message.received_at)
            private = private_of(self._settings.now, body, facts, lease.message.sender)
            await self._durability.commit([], self._unit, lease, account, new, private)
        except BodyMissing as missing:
            raise Deferred("its content is missing") from missing
        except StoreRefusal as refusal:
            raise Deferred(f"the mailbox does not take it: {refusal}") from refusal

    async def _account(self, lease: Lease) -> Account:
        """Where the recipient leads today: aliases and accounts may have changed since it was accepted."""
        destination = await self._router.resolve(_address(lease.recipient.recipient))
        if destination.kind != "local" or destination.account is None:
            raise Deferred(f"the address leads to no mailbox ({destination.kind})")
        return destination.account

    def _unit(
        self, tx: Transaction, lease: Lease, account: Account, new: NewMessage, private: dict[str, str]
    ) -> None:
        if not account_exists(tx, account.id):
            raise Deferred("the account was removed meanwhile")
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
        raise Deferred(f"the recipient is no address: {problem}") from problem
