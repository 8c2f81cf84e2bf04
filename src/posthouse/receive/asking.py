"""Everybody who has a say in one recipient, asked in turn."""

from __future__ import annotations

from posthouse.mail.address import Address
from posthouse.receive.parts import Parts
from posthouse.receive.transaction import Transaction


async def ask(parts: Parts, transaction: Transaction, address: Address) -> None:
    """Whether a recipient may be added to a transaction. Raises Refusal."""
    origin, mail = transaction.origin, transaction.mail
    await parts.reception.recipient(address, origin, mail.size, mail.sender)
    if parts.suppressions is not None and origin.account_id is not None:
        refusal = await parts.suppressions.check(address, origin)
        if refusal is not None:
            raise refusal
    if parts.limits is not None:
        await parts.limits.check(origin, mail.sender, len(transaction.recipients) + 1, mail.size)
