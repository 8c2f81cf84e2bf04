"""What ``receive`` is handed by the assembly: it may not know the store, the deliverer or the bodies.

``Spool`` and ``Body`` here are the receiving end's view of what ``bodies`` implements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Origin
from posthouse.mail.mime import Buffer
from posthouse.mail.outcome import Outcome as Outcome
from posthouse.mail.refusal import Refusal


class Body(Protocol):
    """A complete body handed back by ``Spool.finish``."""

    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> int: ...
    def buffer(self) -> Buffer: ...
    def discard(self) -> None: ...


class Spool(Protocol):
    """A body on its way in; see ``bodies.contract.Spool``."""

    @property
    def size(self) -> int: ...
    def write(self, data: bytes | memoryview) -> None: ...
    def finish(self) -> Body: ...
    def discard(self) -> None: ...


class Acceptance(Protocol):
    """The moment of the 250 (deliver/acceptance.py)."""

    def spool(self) -> Spool:
        """Begin a body. Raises Refusal (452 4.3.1) when the disk is nearly full, before it is."""

    async def accept(self, envelope: Envelope, body: Body, *, per_recipient: bool = False) -> list[Outcome]:
        """Accept a message for all recipients as one durable unit; one outcome per recipient, in order.
        Raises Refusal when nothing was accepted. ``per_recipient`` (LMTP): a refusal of one recipient is its
        outcome, also when all are refused. Does not discard the body; the caller does, always."""

    async def refused(self, origin: Origin, stage: str, text: str) -> None:
        """Note a refusal in the trace (unsynced, best effort)."""


class Reception(Protocol):
    """Answers RCPT (route/ and directory/ together)."""

    async def recipient(
        self, address: Address, origin: Origin, size: int, sender: Address | None = None
    ) -> None:
        """Return when this recipient may be accepted from this origin with a message of ``size`` declared
        bytes (0 = not declared) and this ``sender`` (None: the null reverse-path); raise Refusal otherwise: relaying
        denied, no such user, mailbox full (used plus in flight; the reservation ends with ``release``), no way."""

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether a signed-in account may use this address as MAIL FROM, and in From and Sender: its own address,
        with or without a detail (``+…``), an alias that leads to it, or one it was given the right to use
        (``account.add_send_as``). Asked only while ``smtp.sender_must_be_own`` is on."""

    async def may_send_for(self, account_id: int, address: Address) -> bool:
        """Whether a signed-in account may write on behalf of this address, as a member of a shared mailbox: From is the
        address then, and Sender the account."""

    def release(self, origin: Origin) -> None:
        """The transaction of this origin (by trace id) ended: free its quota reservations."""


class SendingLimits(Protocol):
    """How much somebody may send. Asked about everybody's mail: a signed-in account's (``origin.account_id``) and a
    stranger's (``origin.address``)."""

    async def check(self, origin: Origin, sender: Address | None, recipients: int, size: int) -> None:
        """At RCPT, before the recipient with this number (from 1) is accepted; ``size`` as declared, 0 if it was not.
        Counts nothing. Raises Refusal (450 4.7.1, say) when it is too much already."""

    async def take(self, origin: Origin, sender: Address | None, recipients: int, size: int) -> str:
        """The message is complete and about to be accepted: count it. "" when all is well; a word of the queue
        (``HOLD_BURST``) when it is to be kept until somebody looked at it. Raises Refusal."""


class Suppressions(Protocol):
    """Addresses that mail is no longer sent to, because it came back."""

    async def check(self, recipient: Address, origin: Origin) -> Refusal | None:
        """At RCPT of a signed-in sender (``origin.account_id``): the refusal of an address that is on the list. Raises
        DatabaseUnavailable."""


class Etrn(Protocol):
    """Starts the delivery of mail that waits to be asked for (RFC 1985)."""

    async def request(self, node: str, origin: Origin) -> int:
        """How many recipients waited for ``node`` (a domain, in its normal form; with ``@`` before it, its subdomains
        too; or ``#`` and a queue's name) and get their mail now. Raises Refusal: 459 where this peer may not ask, 458
        or 451 where it cannot be done now."""


class Signatures(Protocol):
    """Puts signatures below what is submitted."""

    async def sign(
        self,
        origin: Origin,
        sender: Address | None,
        recipients: Sequence[Address],
        body: Body,
        *,
        injected: bool = False,
    ) -> Body | None:
        """The message with its signature as a new body, None where it stays as it is; the caller discards both.
        ``injected``: it did not come over SMTP. Raises DatabaseUnavailable and, when there is no room, Refusal."""
