"""A post on its way to the members: in stretches, each one unit that also notes how far it came.

A list of thousands in one unit would hold up everybody else's mail; so the members are taken in the order of their
addresses, some at a time, and the address that was reached is written down in the same unit. A process that dies in
between goes on behind it: nobody gets a post twice, nobody is left out. Whoever joins or leaves meanwhile is on the
list, or not, when their place comes.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, replace

from posthouse.bodies.contract import Bodies, Body
from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.deliver.copy import new_copy
from posthouse.deliver.delivered import Written
from posthouse.deliver.dsn import verp
from posthouse.deliver.lists_header import Lines
from posthouse.deliver.plan import Copy, Plan, orcpt_of
from posthouse.deliver.told import received
from posthouse.deliver.unit import put_beside
from posthouse.directory.lists import MailingList
from posthouse.directory.lookup import account_exists
from posthouse.mail.address import Address, parse_address
from posthouse.observe.steps import step
from posthouse.queue import posts, traces
from posthouse.queue.contract import LISTED, Lease, Queue, QueuedMessage, QueuedRecipient
from posthouse.route.lists import BOUNCES
from posthouse.store.contract import Appender, Facts, StoreRefusal

STRETCH = 50
"""Members of one unit."""
MARK = 15
"""Letters that name a member whose address is too long for a return path."""
RENEWED = 300.0
"""Seconds for which each stretch keeps the row."""


class LeaseLost(Exception):
    """Another worker has the row by now; nothing of this stretch took effect."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post as the list sends it: ``body`` with the list's fields. ``now`` in seconds since 1970."""

    lease: Lease
    info: MailingList
    body: Body
    facts: Facts
    private: dict[str, str]
    now: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some members, by where their mail goes; ``keys`` by place the key of each. ``last``: nobody is left after."""

    plan: Plan
    keys: Sequence[str]
    reached: str
    last: bool
    note: str


class Spreader:
    """The op of one stretch. ``return_key`` makes return paths, ``lines`` what is before each copy."""

    def __init__(
        self, *, appender: Appender, queue: Queue, bodies: Bodies, feed: Feed, return_key: bytes, lines: Lines
    ) -> None:
        self._appender = appender
        self._queue = queue
        self._bodies = bodies
        self._feed = feed
        self._return_key = return_key
        self._lines = lines

    def run(self, tx: Transaction, post: Post, stretch: Stretch, beside: Sequence[Written] = ()) -> None:
        """Copies, rows for those outside, what goes out ``beside`` them, and how far it came. Raises LeaseLost."""
        lease = post.lease
        if not self._queue.renew(tx, [lease], post.now + RENEWED):
            raise LeaseLost
        self._bodies.claim(tx, post.body.digest, post.body.size)
        self._deliver(tx, post, stretch)
        for recipient, member in self._leaving(post, stretch.plan):
            sender = return_path(post.info, member, self._return_key)
            self._queue.put(tx, _message(post, sender), (recipient,))
        if notes := put_beside(tx, self._queue, self._bodies, beside):
            told = tuple(("queue", each) for each in notes)
            traces.write(tx, [traces.TraceRow(lease.message.trace, post.now, told, lease.message_id, 0)])
        if not stretch.last:
            posts.reach(tx, lease.id, post.info.id, stretch.reached)
        elif not self._queue.settle(tx, lease, stretch.note):
            raise LeaseLost
        step("list.written")

    def _deliver(self, tx: Transaction, post: Post, stretch: Stretch) -> None:
        places = []
        for copy in sorted(stretch.plan.copies, key=lambda each: each.account.id):
            if account_exists(tx, copy.account.id):  # it was looked up in a cache
                places.append((self._appender.inbox_in(tx, copy.account.id), copy))
        told, rows = [], []
        trace = post.lease.message.trace
        for mailbox_id, copy in sorted(places, key=lambda each: each[0]):
            key = stretch.keys[copy.places[0]]
            new = new_copy(post.body, post.facts, self._sender(post, key), copy.account, post.now)
            new = replace(new, prefix=new.prefix + self._lines.of(post.info, key))
            try:
                (appended,) = self._appender.append_in(tx, mailbox_id, [new])
            except StoreRefusal as refusal:
                rows.append(self._trace(post, copy, f"does not take it: {refusal}", 0))
                continue
            note = f"delivered to INBOX of {copy.account.address} as UID {appended.uid}"
            rows.append(self._trace(post, copy, note, appended.message_id))
            size = post.body.size
            told.append(
                received(copy.account.address, trace, appended.message_id, appended.uid, size, post.private)
            )
        if rows:
            traces.write(tx, rows)
            events.write(tx, told)

    def _sender(self, post: Post, key: str) -> str:
        return return_path(post.info, parse_address(key), self._return_key)

    @staticmethod
    def _trace(post: Post, copy: Copy, note: str, message_id: int) -> traces.TraceRow:
        entry = ("deliver", f"<{copy.account.address}> by list {post.info.address}: {note}")
        lease = post.lease
        return traces.TraceRow(lease.message.trace, post.now, (entry,), lease.message_id, message_id)

    def _leaving(self, post: Post, plan: Plan) -> list[tuple[QueuedRecipient, Address]]:
        """Who is sent a message of their own, because bounces must name them."""
        found = []
        for waiting in plan.waiting:
            address = plan.recipient(waiting.places[0]).address
            owner = waiting.account.id if waiting.account is not None else None
            row = QueuedRecipient(
                str(address), waiting.destination, owner, notify="FAILURE", reason=waiting.reason
            )
            found.append((row, address))
        for forward in plan.forwards:
            address = plan.recipient(forward.places[0]).address
            owner = forward.owner.id if forward.owner is not None else None
            found.append(
                (
                    QueuedRecipient(
                        forward.target,
                        forward.destination,
                        owner,
                        notify="FAILURE",
                        orcpt=orcpt_of(str(address)),
                        reason=forward.reason,
                    ),
                    address,
                )
            )
        return found


def return_path(info: MailingList, member: Address, key: bytes) -> str:
    """The sender of a list's mail to one member."""
    address = parse_address(info.address)
    made = verp.encode(address, member, key)
    if made is None:
        made = Address(f"{address.local}+{BOUNCES}-{short_mark(info, member.key, key)}", address.domain)
    return str(made)


def short_mark(info: MailingList, member: str, key: bytes) -> str:
    """Names a member (by key) whose address is too long for a return path: nobody else can make it, and it is found by
    trying all members."""
    digest = hmac.new(key, f"list\0{info.address}\0{member}".encode(), hashlib.sha256).digest()
    return b32encode(digest).decode("ascii").lower()[:MARK]


def _message(post: Post, sender: str) -> QueuedMessage:
    original = post.lease.message
    return QueuedMessage(
        trace=original.trace,
        body=post.body.digest,
        size=post.body.size,
        sender=sender,
        received_at=post.now,
        smtputf8=original.smtputf8,
        body_type=original.body_type,
        priority=original.priority,
        kind=LISTED,
        require_tls=original.require_tls,
    )
