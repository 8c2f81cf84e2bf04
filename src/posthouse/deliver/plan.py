"""Who gets a copy at once and who waits in the queue: decided before the unit of work begins."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.directory.contract import Account
from posthouse.mail.envelope import Envelope, Recipient
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import QueuedRecipient
from posthouse.route.resolve import Router

EXPRESS = 100
"""Copies delivered within the accepting unit; further recipients are queued and due at once, so that one
message never holds the writer for long."""


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """One mailbox's copy, with every recipient (by its place in the envelope) that leads there."""

    account: Account
    places: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A queue row to be, for the recipients at these places. ``account`` where it is known."""

    places: list[int]
    account: Account | None
    reason: str


@dataclass(slots=True)
class Plan:
    """What is to happen to one message. ``queue_id`` is set once the unit ran."""

    envelope: Envelope
    copies: list[Copy] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)
    queue_id: int = 0

    @property
    def sender(self) -> str:
        """The reverse-path, "" for the null one."""
        return str(self.envelope.sender) if self.envelope.sender is not None else ""

    @property
    def pending(self) -> bool:
        """Whether anything is left to be accepted."""
        return bool(self.copies or self.waiting)

    def recipient(self, place: int) -> Recipient:
        """The recipient at a place of the envelope."""
        return self.envelope.recipients[place]

    def refuse(self, copy: Copy, refusal: Refusal) -> None:
        """Drop a copy; its recipients are refused."""
        self.copies.remove(copy)
        self.refusals.update(dict.fromkeys(copy.places, refusal))

    def postpone(self, copy: Copy, reason: str) -> None:
        """Queue a copy instead of delivering it at once."""
        self.copies.remove(copy)
        self.waiting.append(Waiting(copy.places, copy.account, reason))

    def queued(self) -> list[QueuedRecipient]:
        """The queue rows; recipients that lead to one mailbox share the first one's row."""
        rows = []
        for waiting in self.waiting:
            recipient = self.recipient(waiting.places[0])
            rows.append(
                QueuedRecipient(
                    recipient=str(recipient.address),
                    destination="local",
                    account_id=waiting.account.id if waiting.account is not None else None,
                    notify=",".join(sorted(recipient.notify)),
                    orcpt=recipient.orcpt,
                    reason=waiting.reason,
                )
            )
        return rows

    def outcomes(self) -> list[Outcome]:
        """What became of each recipient, in the envelope's order."""
        summaries = {place: "delivered to mailbox" for copy in self.copies for place in copy.places}
        for waiting in self.waiting:
            summaries.update(dict.fromkeys(waiting.places, f"queued as {self.queue_id}"))
        return [
            Outcome(recipient, self.refusals.get(place), summaries.get(place, ""))
            for place, recipient in enumerate(self.envelope.recipients)
        ]


async def plan_for(router: Router, envelope: Envelope) -> Plan:
    """Resolve every recipient. One that no longer leads to a mailbox (it did at RCPT) waits in the queue;
    several that lead to one mailbox share a copy. Raises DatabaseUnavailable."""
    plan = Plan(envelope)
    by_account: dict[int, Copy] = {}
    for place, recipient in enumerate(envelope.recipients):
        destination = await router.resolve(recipient.address)
        account = destination.account
        if destination.kind != "local" or account is None:
            reason = f"the address led nowhere when the message was accepted ({destination.kind})"
            plan.waiting.append(Waiting([place], account, reason))
        elif account.id in by_account:
            by_account[account.id].places.append(place)
        else:
            by_account[account.id] = Copy(account, [place])
    # Always in the same order: two units that want the same mailboxes must not wait for each other.
    copies = sorted(by_account.values(), key=lambda copy: copy.account.id)
    plan.copies = copies[:EXPRESS]
    plan.waiting.extend(
        Waiting(copy.places, copy.account, "many recipients, delivered in turn") for copy in copies[EXPRESS:]
    )
    return plan
