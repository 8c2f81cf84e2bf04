"""A forward that failed: the message goes to the mailbox of whoever forwards it, with a word of why
(``deliver.contract.ForwardOwners``).

Who wrote to them is not told: they know nothing of the forward, and their mail did arrive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from time import time
from uuid import uuid4

from posthouse.bodies.contract import Bodies, BodyMissing
from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver import forward_notice
from posthouse.deliver.contract import Kept, Notice
from posthouse.deliver.dsn.fields import ascii_domain
from posthouse.deliver.results import Result
from posthouse.directory import forwards
from posthouse.directory.contract import Account
from posthouse.directory.forwards import ForwardTarget
from posthouse.directory.lookup import account_exists, find_account
from posthouse.mail.address import parse_address
from posthouse.observe.log import logger
from posthouse.queue import traces, waiting
from posthouse.queue.contract import FORWARD, LOCAL, Lease, Queue, QueuedMessage, QueuedRecipient
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.forwarding import STOP_AFTER
from posthouse.settings.notices import AUTHOR, LANGUAGE

log = logger("deliver.forward")

Holds = Callable[[Transaction, int, str], bool]
"""Whether an account has a message with this body (account id, digest)."""


class ForwardReturns:
    """Keeps what could not be forwarded. ``our_name`` is the server's name, ``new_trace`` makes trace ids, ``holds``
    looks into mailboxes, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        database: Database,
        feed: Feed,
        queue: Queue,
        bodies: Bodies,
        router: Router,
        settings: CurrentSettings,
        our_name: Callable[[], str],
        new_trace: Callable[[], str],
        holds: Holds,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._feed = feed
        self._queue = queue
        self._bodies = bodies
        self._router = router
        self._settings = settings
        self._our_name = our_name
        self._new_trace = new_trace
        self._holds = holds
        self._clock = clock

    async def keep(self, result: Result) -> Kept | None:
        """What is to be done for a forward that failed for good. Raises DatabaseUnavailable."""
        lease = result.lease
        account, target = await self._database.read(self._owner, lease)
        if account is None:
            return None
        notice = None
        if target is not None:
            new, tell = self._after(target, result)
            notice = self._notice(account, new) if tell else None
        message = replace(lease.message, sender=await self._original(lease.message.sender), kind=FORWARD)
        recipient = QueuedRecipient(
            account.address, LOCAL, account.id, notify="NEVER", reason=str(result.said)
        )
        return Kept(lease, str(result.said), message, recipient, notice)

    def kept(self, tx: Transaction, kept: Kept) -> bool:
        """Within the settling unit: keep the message, note the failure; whether its owner is to be told now."""
        owner, now = kept.recipient.account_id, self._clock()
        assert owner is not None
        if account_exists(tx, owner):
            self._put(tx, kept, owner, now)
        target = forwards.target_of(tx, owner, kept.lease.recipient.recipient)
        if target is None:
            return False
        new, tell = forwards.after_failure(target, kept.said, now, self._settings.now[STOP_AFTER])
        forwards.note_failure(tx, owner, target, new, feed=self._feed)
        if new.stopped and not target.stopped:
            log.warning("forward.stopped", account=kept.recipient.recipient, target=target.address)
            data = {"target": target.address, "failing_since": new.failing_since, "text": new.trouble}
            events.write(tx, [events.of_address("account.forward_stopped", kept.recipient.recipient, data)])
        return tell

    def works(self, tx: Transaction, lease: Lease) -> None:
        """Within the settling unit: what failed before is over."""
        if lease.recipient.account_id is not None:
            forwards.works(tx, lease.recipient.account_id, lease.recipient.recipient)

    def _put(self, tx: Transaction, kept: Kept, owner: int, now: float) -> None:
        message = kept.message
        if waiting.waits(tx, message.body, owner) or self._holds(tx, owner, message.body):
            text = f"{kept.recipient.recipient} has it already"
        else:
            try:
                self._bodies.claim(tx, message.body, message.size)
            except BodyMissing:
                text = "its content is missing: it cannot be kept"
            else:
                # Its time begins anew, for a mailbox this time.
                fresh = replace(message, received_at=now, deliver_by=0.0, by_mode="")
                queue_id = self._queue.put(tx, fresh, (kept.recipient,))
                text = f"queued as {queue_id} for the mailbox of {kept.recipient.recipient}, who forwards it"
        entry = ("deliver", f"<{kept.lease.recipient.recipient}> {text}")
        traces.write(tx, [traces.TraceRow(message.trace, now, (entry,), kept.lease.message_id, 0)])

    def _owner(self, tx: Transaction, lease: Lease) -> tuple[Account | None, ForwardTarget | None]:
        owner = lease.recipient.account_id
        assert owner is not None
        return find_account(tx, owner), forwards.target_of(tx, owner, lease.recipient.recipient)

    def _after(self, target: ForwardTarget, result: Result) -> tuple[ForwardTarget, bool]:
        days = self._settings.now[STOP_AFTER]
        return forwards.after_failure(target, str(result.said), self._clock(), days)

    async def _original(self, sender: str) -> str:
        """The sender that a return address of ours was made from."""
        try:
            found = await self._router.resolve(parse_address(sender))
        except ValueError:
            return sender
        return found.target if found.kind == "return" else sender

    def _notice(self, account: Account, target: ForwardTarget) -> Notice:
        now, our_name, settings = self._clock(), ascii_domain(self._our_name()), self._settings.now
        content = forward_notice.compose(
            parse_address(account.address),
            target,
            language=settings[LANGUAGE],
            author=f"{settings[AUTHOR]}@{our_name}",
            message_id=f"<{uuid4()}@{our_name}>",
            now=now,
            days=settings[STOP_AFTER],
        )
        message = QueuedMessage(
            trace=self._new_trace(),
            body=hashlib.sha256(content).hexdigest(),
            size=len(content),
            sender="",
            received_at=now,
            smtputf8=not content.isascii(),
            body_type="7BIT" if content.isascii() else "8BITMIME",
            kind=FORWARD,
        )
        return Notice(
            content, message, (QueuedRecipient(account.address, LOCAL, account.id, notify="NEVER"),)
        )
