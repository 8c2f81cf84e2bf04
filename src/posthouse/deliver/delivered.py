"""The notices of what is delivered at once, to senders who asked for them (NOTIFY=SUCCESS, RFC 3461 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from posthouse.bodies.contract import Bodies, Body
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Notice, Notices, Told
from posthouse.deliver.plan import Copy, Plan
from posthouse.deliver.results import Result, Said
from posthouse.mail.address import Address
from posthouse.mail.mime import Buffer
from posthouse.observe.log import logger
from posthouse.queue.contract import LOCAL, Lease, QueuedMessage, QueuedRecipient

log = logger("deliver.delivered")

_SAID = Said(250, "2.1.5", "Delivered to the mailbox")


@dataclass(frozen=True, slots=True)
class Written:
    """A notice (or whatever else goes out beside a message) whose content is spooled. Within the unit it is queued only
    where ``claim`` is None or says so; ``note`` is for the trace then, "" for none."""

    notice: Notice
    body: Body
    claim: Callable[[Transaction], bool] | None = None
    note: str = ""


class Beside(Protocol):
    """Writes what goes out beside a message that is accepted."""

    async def write(self, plan: Plan, message: QueuedMessage, body: Body) -> list[Written]:
        """What is to be queued in the unit that accepts the message. The caller discards the bodies. Raises
        DatabaseUnavailable."""


class Copied(Protocol):
    """Writes copies, for journals, of what is written here (``deliver.journal.JournalDesk``)."""

    async def with_copies(self, written: Written) -> list[Written]:
        """It, and its copies. Raises DatabaseUnavailable, OSError."""

    async def of_own(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], body: Body
    ) -> list[Written]:
        """The copies alone, to be put where the message is."""

    async def of_list(
        self, message: QueuedMessage, address: Address, members: Sequence[Address], body: Body
    ) -> list[Written]:
        """Those of what a list sends to its members."""


async def notices_of(
    notices: Notices, bodies: Bodies, plan: Plan, message: QueuedMessage, original: Buffer
) -> list[Written]:
    """The notice for the copies of a plan, if anybody wants one: at most one. The caller discards its body. A notice
    that cannot be written is left out: the mail itself is more than word of it. Raises DatabaseUnavailable."""
    told = [
        Told(result, "delivered")
        for copy in plan.copies
        for place in copy.places
        if "SUCCESS" in plan.recipient(place).notify
        and notices.wanted(result := _result(plan, message, copy, place), "delivered")
    ]
    if not told:
        return []
    try:
        notice = await notices.compose(message, told, original)
    except DatabaseUnavailable:
        raise
    except Exception:
        log.exception("notice.failed", trace=message.trace)
        return []
    return [] if notice is None else [Written(notice, spooled(bodies, notice.content))]


def _result(plan: Plan, message: QueuedMessage, copy: Copy, place: int) -> Result:
    """What would have become of a queue row, for a recipient that never had one."""
    recipient = plan.recipient(place)
    row = QueuedRecipient(
        str(recipient.address), LOCAL, copy.account.id, plan.notify([place]), recipient.orcpt
    )
    return Result(Lease(0, 0, message, row, 1, "", 0.0, 0.0), "delivered", replace(_SAID))


def spooled(bodies: Bodies, content: bytes) -> Body:
    """A content as a body that is not kept yet."""
    spool = bodies.spool()
    try:
        spool.write(content)
        return spool.finish()
    except BaseException:
        spool.discard()
        raise
