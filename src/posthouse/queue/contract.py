"""The queue: what is still owed to whom, and when it is due.

A queue row belongs to one recipient of one message. Rows are leased to one worker at a time; a lease that
expires is free again. Settling a row (done, failed, retry) and what was done for it belong into one unit
where both are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from posthouse.database.contract import Transaction

EVENTS = "EVENTS"
"""The ``body_type`` of what is no mail: its content is kept by its destination class, there is no body file."""

LOCAL = "local"
"""The destination of what goes into a mailbox of ours."""

WEBHOOK = "webhook:"
"""What destinations of that class begin with; the webhook's id follows."""

MX = "mx:"
"""What destinations of that class begin with; the domain (A-labels, lower case) follows."""

ROUTE = "route:"
"""What destinations of that class begin with; the route's id follows."""

LIST = "list:"
"""What destinations of that class begin with; the id of the distribution list follows. What arrives there becomes a
message of its own for the members."""

FORWARD, NOTICE, REPORT, JOURNAL = "forward", "notice", "report", "journal"
"""Kinds of messages that are ours: forwarded by an alias or an account, a delivery notice, a report to another
server's postmaster, a copy for a journal. Nobody is told when a notice or a report does not arrive; a copy for a
journal that does not is held."""

LISTED = "list"
"""The kind of what a distribution list sends to its members; it is ours, too."""

HOLD_ADMIN, HOLD_EXPIRED, HOLD_BURST, HOLD_ROUTE = "admin", "expired", "burst", "route"
HOLD_LIST = "list"
"""Why a row is held: by hand, tried for as long as may be (where nobody can be told), too much at once from one
sender, or its route waits for ETRN; a post to a list waits for a moderator."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """The shared half of the rows of one message. Times are seconds since 1970. ``sender`` "" = null path.

    ``priority``: MT-PRIORITY, -9 to 9 (RFC 6710). ``account_id``: who submitted it; 0 for programs and
    administrators of this machine, None for strangers' mail and our own. ``kind``: "" for mail that was handed over to
    us, else what of ours it is (:data:`FORWARD`, :data:`NOTICE`, :data:`REPORT`). ``deliver_by`` is the time of
    DELIVERBY (0.0 = none) and ``by_mode`` its mode, ``N`` or ``R``, with ``T`` after it for trace (RFC 2852).
    ``require_tls``: REQUIRETLS was given (RFC 8689)."""

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
    account_id: int | None = None
    kind: str = ""
    deliver_by: float = 0.0
    by_mode: str = ""
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """One recipient still owed. ``destination`` is its class and key: ``"local"``, ``"mx:example.org"`` (the domain's
    own hosts), ``"route:12"`` (what a route says), ``"webhook:7"``; ``account_id`` for local. ``due_at`` 0.0 = at
    once; ``reason`` says why it was not delivered yet. ``not_before``: it is to be sent later, not before then (0.0 =
    at once). ``hold`` is not "" for a row that begins held: one of the ``HOLD_`` words. ``delay_told``: its sender
    was told that it takes long."""

    recipient: str
    destination: str
    account_id: int | None = None
    notify: str = ""
    orcpt: str = ""
    due_at: float = 0.0
    reason: str = ""
    not_before: float = 0.0
    hold: str = ""
    delay_told: bool = False


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


class Grant(Protocol):
    """Room that the scheduler of this process keeps for rows of one message and one destination that are about to be
    put: they are put as leased by ``owner`` until ``until``, and nobody has to find and lease them first. ``firm``:
    they are under way already, whatever is known of their destination."""

    owner: str
    until: float

    @property
    def firm(self) -> bool:
        """See above."""

    def begin(self, leases: Sequence[Lease]) -> None:
        """The rows are durable: deliver them. From any thread; must not raise."""


class Queue(Protocol):
    """All methods take the caller's transaction and do nothing outside it."""

    def put(
        self,
        tx: Transaction,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        lifetime: float | None = None,
        grants: Mapping[str, Grant] | None = None,
    ) -> int:
        """Add a message and its recipients; returns the queue message id. The caller claimed the body.
        ``lifetime`` in seconds, where it is not that of mail. Rows that are due at once and whose destination (if it is
        neither paused nor left alone) is in ``grants`` are leased to its owner in the same unit, which ``begin`` is
        told once that is durable."""

    def lease(
        self,
        tx: Transaction,
        now: float,
        limit: int,
        seconds: float,
        owner: str,
        messages: Sequence[int] | None = None,
        destination: str | None = None,
        most: int = 0,
        each: int = 0,
        busy: Mapping[str, int] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` due rows, oldest due first, for ``seconds``: of mail, or of these ``messages`` (a
        few hundred at most, by queue id) of another class, or of one ``destination``, then those of higher priority
        first, senders in turn, and rows of one message together, of ``most`` messages at most (0: no matter how many)
        and of ``each`` sender so many, those in ``busy`` (messages under way by sender) counted. A row is never leased
        twice at once. ``owner`` names the worker, so that its leases can be freed when it starts again
        (:meth:`free`)."""

    def lease_row(
        self, tx: Transaction, row_id: int, seen: str, now: float, seconds: float, owner: str
    ) -> Lease | None:
        """Take one row, whose lease token was ``seen``, whether it is due or not; None if it is held, leased by
        somebody, or gone."""

    def renew(self, tx: Transaction, leases: Sequence[Lease], until: float) -> int:
        """Prolong leases to ``until``: for an attempt that still goes on. Tokens stay as they are, so the leases in
        hand can be settled as ever. Returns how many of them are still held; 0 means that others have all rows."""

    def next_due(
        self, tx: Transaction, messages: Sequence[int] | None = None, destination: str | None = None
    ) -> float | None:
        """When the next row of mail (or of these ``messages``, or to this ``destination``) is due, perhaps long ago;
        None while nothing is owed."""

    def free(self, tx: Transaction, owner: str, now: float) -> int:
        """Give back every lease of ``owner``: for a worker that stops, or starts after it died."""

    def settle(self, tx: Transaction, lease: Lease, note: str, message_id: int = 0) -> bool:
        """The row is done: remove it (and its message with the last row) and trace ``note``, with the
        store's message id where a copy was made. False if the lease was lost meanwhile: then the caller's
        unit must not take effect (raise)."""

    def passed(self, tx: Transaction, leases: Sequence[Lease], notes: Sequence[str]) -> None:
        """Tell of rows that were never put, as their destination had the message before: what :meth:`settle` tells, but
        for the trace, which the caller writes."""

    def retry(
        self,
        tx: Transaction,
        lease: Lease,
        due_at: float,
        reason: str,
        *,
        status: str = "",
        remote: str = "",
        delay_told: bool = False,
        tried: bool = True,
    ) -> bool:
        """Give the row back, due later, and trace ``reason`` (a remote's words verbatim). ``status`` is the enhanced
        status code, ``remote`` the host that said so. ``delay_told``: the sender is told of the delay in this unit.
        ``tried`` False: nothing was tried (nobody could be asked), so the attempt does not count. False if the lease
        was lost."""

    def hold(self, tx: Transaction, lease: Lease, reason: str, why: str = HOLD_EXPIRED) -> bool:
        """Keep the row, not due until an administrator acts, and trace ``reason``. False if the lease was lost."""

    def fail(self, tx: Transaction, lease: Lease, note: str) -> bool:
        """It will never be delivered: remove the row as :meth:`settle` does, trace ``note``, and write the event
        ``message.failed``. Telling the sender is the caller's, in the same unit. False if the lease was lost."""

    def move(self, tx: Transaction, lease: Lease, destination: str) -> bool:
        """The recipient leads elsewhere by now: give the row back, due at once, to another destination. False if the
        lease was lost."""

    def refers(self, tx: Transaction, digest: str) -> bool:
        """Whether any queued message has this body (the removal job of ``bodies`` asks)."""
