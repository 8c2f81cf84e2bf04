"""A person's own mail that is to be sent later: what waits, and taking it back."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.me_account import account_in, now, own
from posthouse.manage.use import Call, Nothing, use
from posthouse.queue import scheduled


class QueuedId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message that waits, by its id in the queue."""

    id: int


class Later(msgspec.Struct, frozen=True):
    """A message that is sent at ``send_at`` (seconds since 1970, as ``received_at``)."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    send_at: float
    recipients: list[str]


class LaterList(msgspec.Struct, frozen=True):
    """In the order in which they were handed in."""

    messages: list[Later]


class TakenBack(msgspec.Struct, frozen=True):
    """Who does not get it any more."""

    id: int
    trace: str
    recipients: list[str]


@use("me.scheduled", right="view", open_to="user", about=own)
async def list_scheduled(call: Call, wanted: Nothing) -> LaterList:
    """List your messages that are to be sent later."""

    def op(tx: Transaction) -> LaterList:
        found = scheduled.of_account(tx, account_in(tx, call).id, now())
        return LaterList(
            [
                Later(one.id, one.trace, one.sender, one.size, one.received_at, one.at, one.recipients)
                for one in found
            ]
        )

    return await call.context.database.scan(op)


@use("me.cancel", right="send", open_to="user", about=own)
async def cancel(call: Call, wanted: QueuedId) -> TakenBack:
    """Take back a message that was to be sent later; nobody gets it."""

    def op(tx: Transaction) -> TakenBack:
        account = account_in(tx, call)
        trace, gone = scheduled.cancel(tx, account.id, wanted.id, now())
        if not gone:
            raise ManageError(
                "missing",
                f"No message {wanted.id} of yours waits to be sent later.",
                "It may be sent already; its trace tells.",
            )
        note(tx, call.actor, "me.cancel", account.address, after={"trace": trace, "recipients": len(gone)})
        return TakenBack(wanted.id, trace, gone)

    return await call.context.database.run(op)
