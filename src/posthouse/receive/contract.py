"""What ``receive`` is handed by the assembly: it may not know the store, the deliverer or the bodies.

``Spool`` and ``Body`` here are the receiving end's view of what ``bodies`` implements.
"""

from __future__ import annotations

from typing import Protocol

from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Origin
from posthouse.mail.mime import Buffer
from posthouse.mail.outcome import Outcome as Outcome


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

    async def recipient(self, address: Address, origin: Origin, size: int) -> None:
        """Return when this recipient may be accepted from this origin with a message of ``size`` declared
        bytes (0 = not declared); raise Refusal otherwise: relaying denied, no such user, mailbox full (used
        plus in flight; the reservation ends with ``release``), remote domain not possible yet."""

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether a signed-in account may use this address as MAIL FROM: its own address, with or without a
        detail (``+…``), or an alias that leads to it. Asked only while ``smtp.sender_must_be_own`` is on."""

    def release(self, origin: Origin) -> None:
        """The transaction of this origin (by trace id) ended: free its quota reservations."""
