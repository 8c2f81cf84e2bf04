"""Who gets a copy at once, who waits in the queue, and where each of those is sent: decided before the unit of work
begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from posthouse.directory.contract import Account
from posthouse.directory.forward_conditions import MailView
from posthouse.mail.envelope import Envelope, Recipient
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import LOCAL, QueuedRecipient

EXPRESS = 100
"""Copies delivered within the accepting unit; further recipients are queued and due at once, so that one
message never holds the writer for long."""


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """One account's copy, with every recipient (by its place in the envelope) that leads there, and the folders that
    these name ("" for one that names none)."""

    account: Account
    places: list[int]
    folders: set[str] = field(default_factory=set)

    @property
    def folder(self) -> str:
        """The folder all of them name, "" where they do not agree: then it is the Inbox."""
        return next(iter(self.folders)) if len(self.folders) == 1 else ""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A queue row to be, for the recipients at these places. ``account`` where it is known, ``destination`` the queue's
    word for where it goes. ``named``: the address of ours that the row is for, where that of the recipient (an alias)
    would not tell which of several is meant."""

    places: list[int]
    account: Account | None
    reason: str
    destination: str = LOCAL
    named: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """What leads outside through an address of ours: a queue row to be, of a message of its own with this ``sender``
    ("" the null path). ``via`` is the address of ours, ``target`` where it leads. ``owner``: whose forward it is, None
    for an alias. ``kept``: a copy is delivered here, too."""

    places: list[int]
    target: str
    sender: str
    destination: str
    via: str
    reason: str = ""
    owner: Account | None = None
    kept: bool = False

    @property
    def group(self) -> tuple[str, int]:
        """Those of one group share a message: the same sender, and the same owner (0: none)."""
        return self.sender, self.owner.id if self.owner is not None else 0


@dataclass(slots=True)
class Plan:
    """What is to happen to one message. ``queue_id`` (and, by group, ``forward_ids``) are set once the unit ran."""

    envelope: Envelope
    copies: list[Copy] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)
    queue_id: int = 0
    forward_ids: dict[tuple[str, int], int] = field(default_factory=dict)
    mail: MailView | None = None
    masked: dict[int, set[str]] = field(default_factory=dict)
    """By account id the masked addresses by which it is written to."""
    passed: bool = False
    """Whether the next host has it already."""
    sent: list[Copy] = field(default_factory=list)
    """Copies for the sent mail of shared mailboxes in whose name it is written."""

    @property
    def sender(self) -> str:
        """The reverse-path, "" for the null one."""
        return str(self.envelope.sender) if self.envelope.sender is not None else ""

    @property
    def pending(self) -> bool:
        """Whether anything is left to be accepted."""
        return bool(self.copies or self.waiting or self.forwards)

    def recipient(self, place: int) -> Recipient:
        """The recipient at a place of the envelope."""
        return self.envelope.recipients[place]

    def names(self, places: list[int]) -> str:
        """The recipients at these places, for the trace."""
        return " ".join(f"<{self.recipient(place).address}>" for place in places)

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
        return [
            self._row(
                waiting.places[0],
                waiting.named or str(self.recipient(waiting.places[0]).address),
                waiting.destination,
                waiting.reason,
                account_id=waiting.account.id if waiting.account is not None else None,
                notify=self.notify(waiting.places),
                orcpt=self._orcpt(waiting),
            )
            for waiting in self.waiting
        ]

    def keep_here(self, forward: Forward) -> None:
        """Do not send on what its owner forwards: it goes into the mailbox."""
        assert forward.owner is not None
        self.forwards.remove(forward)
        there = {copy.account.id for copy in self.copies}
        there |= {each.account.id for each in self.waiting if each.account is not None}
        if forward.owner.id in there:
            return
        if self.envelope.hold or self.envelope.terms.not_before:
            self.waiting.append(Waiting(forward.places, forward.owner, "it came back to a forward"))
        else:
            self.copies.append(Copy(forward.owner, forward.places))
            self.copies.sort(key=lambda copy: copy.account.id)

    def forwarded(self) -> Iterator[tuple[tuple[str, int], list[QueuedRecipient]]]:
        """The queue rows of what leads outside, by group: the sender with which it is sent on comes first. The original
        recipient is told along (RFC 3461 4.2), so that a notice names an address its reader knows. A sender who wants
        to hear of success hears of the copy that stays here, where there is one."""
        by_group: dict[tuple[str, int], list[QueuedRecipient]] = {}
        for forward in self.forwards:
            recipient = self.recipient(forward.places[0])
            notify = self.notify(forward.places)
            row = self._row(
                forward.places[0],
                forward.target,
                forward.destination,
                forward.reason,
                account_id=forward.owner.id if forward.owner is not None else None,
                notify=_without_success(notify) if forward.kept else notify,
                orcpt=recipient.orcpt or orcpt_of(str(recipient.address)),
            )
            by_group.setdefault(forward.group, []).append(row)
        yield from by_group.items()

    def notify(self, places: list[int]) -> str:
        """NOTIFY of recipients that share a row: what any of them asked for; "" where one left it out."""
        asked = [self.recipient(place).notify for place in places]
        words = frozenset().union(*asked)
        if len(words) > 1:
            words -= {"NEVER"}
        return ",".join(sorted(words)) if all(asked) else _and_failures(words)

    def outcomes(self) -> list[Outcome]:
        """What became of each recipient, in the envelope's order."""
        summaries = {place: "delivered to mailbox" for copy in self.copies for place in copy.places}
        for waiting in self.waiting:
            word = "relayed" if self.passed else f"queued as {self.queue_id}"
            summaries.update(dict.fromkeys(waiting.places, word))
        for forward in self.forwards:
            queued = f"queued as {self.forward_ids.get(forward.group, 0)}"
            for place in forward.places:
                summaries.setdefault(place, queued)
        return [
            Outcome(recipient, self.refusals.get(place), summaries.get(place, ""))
            for place, recipient in enumerate(self.envelope.recipients)
        ]

    def _orcpt(self, waiting: Waiting) -> str:
        recipient = self.recipient(waiting.places[0])
        return recipient.orcpt or (orcpt_of(str(recipient.address)) if waiting.named else "")

    def _row(
        self,
        place: int,
        recipient: str,
        destination: str,
        reason: str,
        *,
        account_id: int | None = None,
        notify: str = "",
        orcpt: str = "",
    ) -> QueuedRecipient:
        return QueuedRecipient(
            recipient=recipient,
            destination=destination,
            account_id=account_id,
            notify=notify,
            orcpt=orcpt,
            reason=reason,
            not_before=self.envelope.terms.not_before,
            hold=self.envelope.hold,
        )


def _and_failures(words: frozenset[str]) -> str:
    """NOTIFY where some gave none, which stands for failures and delays (RFC 3461 4.1)."""
    if not words:
        return ""
    return ",".join(sorted((words - {"NEVER"}) | {"FAILURE", "DELAY"}))


def _without_success(notify: str) -> str:
    """NOTIFY with SUCCESS left out; what is left of SUCCESS alone is NEVER."""
    words = [word for word in notify.split(",") if word != "SUCCESS"]
    return ",".join(words) or "NEVER"


def orcpt_of(address: str) -> str:
    """An address as ORCPT has it (RFC 3461 4.2; RFC 6533 3 for UTF-8)."""
    if not address.isascii():
        return f"utf-8;{address}"
    return "rfc822;" + "".join(
        letter if "!" <= letter <= "~" and letter not in "+=" else f"+{ord(letter):02X}" for letter in address
    )
