"""What the folder's parts expect of one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from posthouse.database.contract import Transaction
from posthouse.deliver.passing import Passing
from posthouse.deliver.results import Feedback, Result
from posthouse.mail.mime import Buffer
from posthouse.queue.contract import Grant, Lease, QueuedMessage, QueuedRecipient


def unnoticed() -> None:
    """For those who do not want to know when a destination answered."""


class Deliverer(Protocol):
    """Delivers what belongs to one class of destinations (``local``, ``mx:``, ``route:``)."""

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        """Deliver rows of one message and one destination, and settle each of them; rows whose lease was lost
        meanwhile are left alone. ``answered`` may be called when the destination answered well and nothing more of this
        attempt goes there: the next message may then, while the answer is still being written down. Raises
        DatabaseUnavailable, then the rows stay leased until the lease runs out."""


class Settlement(Protocol):
    """Ends an attempt: one unit for all of its rows."""

    async def settle(self, results: Sequence[Result], *, tries: int = 0, minutes: int = 0) -> None:
        """Write what became of each row: delivered and relayed rows go, deferred ones wait for the next attempt (by
        ``tries`` and ``minutes`` of a route, else by the schedule) or fail when their time is over, failed ones go;
        and the notices that senders asked for or are owed are queued, in the same unit. Raises DatabaseUnavailable."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that an account could not forward, as it goes into the owner's mailbox, and the word of it to the owner
    (None: they were told today)."""

    lease: Lease
    said: str
    message: QueuedMessage
    recipient: QueuedRecipient
    notice: Notice | None


class ForwardOwners(Protocol):
    """Those whose forwards rows of the queue belong to."""

    async def keep(self, result: Result) -> Kept | None:
        """What is to be done for a forward that failed for good; None where its owner is gone. Raises
        DatabaseUnavailable."""

    def kept(self, tx: Transaction, kept: Kept) -> bool:
        """Within the settling unit: note the failure and queue the message for the owner's mailbox, unless it is there
        already. Returns whether the notice is to be queued, too."""

    def works(self, tx: Transaction, lease: Lease) -> None:
        """Within the settling unit: the forward worked."""


NoticeKind = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
"""The Action of a notice (RFC 3464 2.3.3)."""


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient in a notice. ``last`` is whether this was the last attempt (False in delay notices);
    ``until``: until when delivery is tried."""

    result: Result
    kind: NoticeKind
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """A finished delivery notice: a whole message with CRLF lines, from the null sender."""

    content: bytes
    message: QueuedMessage
    recipients: tuple[QueuedRecipient, ...]


class Room(Grant, Protocol):
    """A grant that is given back where nothing came of it. ``quick``: its destination has been answering so quickly
    that a message may be sent on before it is written down (:meth:`send`)."""

    quick: bool

    def send(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], expires_at: float
    ) -> Passing:
        """Send it on now. The room is used by that, whether rows are put or not. Event loop only."""

    def release(self) -> None:
        """The unit is over: nothing is kept for it any more, unless its rows were put. Event loop only."""


class Express(Protocol):
    """Where there is room for mail at once (deliver/express)."""

    async def room(self, destination: str, sender: str, *, wait: bool = False) -> Room | None:
        """Keep room for a message of ``sender`` to a destination; None where it has to wait for its turn. With
        ``wait`` there may be room in a moment, for which it is waited."""


class Notices(Protocol):
    """Writes delivery notices (deliver/dsn)."""

    def wanted(self, result: Result, kind: NoticeKind) -> bool:
        """Whether anybody is to be told: by NOTIFY (RFC 3461 4.1), never of a notice, a report or a null sender."""

    async def compose(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        """The notice to the sender of a message for these recipients; None where there is nobody to tell.
        ``original`` is the message (None: its content is gone). Raises DatabaseUnavailable."""

    async def copy(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        """The copy of the notice for the postmaster, where a setting wants one; None else. Raises
        DatabaseUnavailable."""

    def note(self, tx: Transaction, told: Sequence[Told]) -> None:
        """Within the settling unit: remember hard failures where that is wanted (suppression list)."""
