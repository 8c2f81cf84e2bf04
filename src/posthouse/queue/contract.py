"""The queue: what is still owed to whom, and when it is due.

A queue row belongs to one recipient of one message. Rows are leased to one worker at a time; a lease that
expires is free again. Settling a row (done, failed, retry) and what was done for it belong into one unit
where both are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from posthouse.database.contract import Transaction

EVENTS = "EVENTS"
"""The ``body_type`` of what is no mail: its content is kept by its destination class, there is no body file."""

WEBHOOK = "webhook:"
"""What destinations of that class begin with; the webhook's id follows."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """The shared half of the rows of one message. Times are seconds since 1970. ``sender`` "" = null path."""

    trace: str
    body: str
    size: int
    sender: str
    received_at: float
    ret: str = ""
    envid: str = ""
    smtputf8: bool = False
    body_type: str = "7BIT"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """One recipient still owed. ``destination`` is its class and key: ``"local"``, ``"webhook:7"``; ``account_id``
    for local. ``due_at`` 0.0 = at once; ``reason`` says why it was not delivered yet."""

    recipient: str
    destination: str
    account_id: int | None = None
    notify: str = ""
    orcpt: str = ""
    due_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A leased row: everything needed to deliver it."""

    id: int
    message_id: int
    message: QueuedMessage
    recipient: QueuedRecipient
    attempts: int
    lease_token: str
    lease_until: float
    expires_at: float


class Queue(Protocol):
    """All methods take the caller's transaction and do nothing outside it."""

    def put(
        self,
        tx: Transaction,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        lifetime: float | None = None,
    ) -> int:
        """Add a message and its recipients; returns the queue message id. The caller claimed the body.
        ``lifetime`` in seconds, where it is not that of mail."""

    def lease(
        self,
        tx: Transaction,
        now: float,
        limit: int,
        seconds: float,
        owner: str,
        messages: Sequence[int] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` due rows, oldest due first, for ``seconds``: of mail, or of these ``messages`` (a
        few hundred at most, by queue id) of another class. A row is never leased twice at once. ``owner`` names the
        worker, so that its leases can be freed when it starts again (:meth:`free`)."""

    def next_due(self, tx: Transaction, messages: Sequence[int] | None = None) -> float | None:
        """When the next row of mail (or of these ``messages``) is due, perhaps long ago; None while nothing is
        owed."""

    def free(self, tx: Transaction, owner: str, now: float) -> int:
        """Give back every lease of ``owner``: for a worker that stops, or starts after it died."""

    def settle(self, tx: Transaction, lease: Lease, note: str, message_id: int = 0) -> bool:
        """The row is done: remove it (and its message with the last row) and trace ``note``, with the
        store's message id where a copy was made. False if the lease was lost meanwhile: then the caller's
        unit must not take effect (raise)."""

    def retry(self, tx: Transaction, lease: Lease, due_at: float, reason: str) -> bool:
        """Give the row back, due later, and trace ``reason``. False if the lease was lost."""

    def hold(self, tx: Transaction, lease: Lease, reason: str) -> bool:
        """Past its expiry: keep the row, not due until an administrator acts (until bounces exist nothing is
        dropped), and trace ``reason``. False if the lease was lost."""

    def refers(self, tx: Transaction, digest: str) -> bool:
        """Whether any queued message has this body (the removal job of ``bodies`` asks)."""
