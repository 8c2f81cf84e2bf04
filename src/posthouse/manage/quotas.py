"""Quotas: what is limited, who is near a limit, and the number of messages an account may hold."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import quotas
from posthouse.manage.accounts import AccountAddress, found
from posthouse.manage.audit import note
from posthouse.manage.use import Call, Nothing, named, narrows, use
from posthouse.route.domain_use import use_in
from posthouse.settings.keeping import WARNING_LEVELS, levels

MOST = 500


class AccountLimits(msgspec.Struct, frozen=True):
    """Everything that limits an account: ``quota`` in bytes and ``messages`` of its own, ``message`` (bytes) the
    largest message by account or domain, ``domain`` (bytes) all accounts of its domain together; 0 = no limit.
    ``used``, ``held`` and ``domain_used`` are what is there."""

    address: str
    quota: int
    used: int
    messages: int
    held: int
    message: int
    domain: int
    domain_used: int


class MessageLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many messages an account may hold, 0 = any number."""

    address: str
    messages: int


class Full(msgspec.Struct, frozen=True):
    """An account that was warned: at which level (per cent) last and when, and what it holds now (bytes)."""

    address: str
    level: int
    warned_at: int
    quota: int
    used: int


class FullList(msgspec.Struct, frozen=True):
    """The fullest first. ``levels`` are those at which owners are warned, in per cent."""

    accounts: list[Full]
    levels: list[int]


@use("quota.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> AccountLimits:
    """Show every limit that holds for an account, and what is there."""

    def op(tx: Transaction) -> AccountLimits:
        return limits_in(tx, call, found(tx, call, "quota.show", wanted.address).id, wanted.address)

    return await call.context.database.scan(op)


def limits_in(tx: Transaction, call: Call, account_id: int, address: str) -> AccountLimits:
    """The limits of an account."""
    limits = quotas.read(tx, account_id)
    used, held = call.context.mail.usage_of_in(tx, [account_id]).get(account_id, (0, 0))
    together = use_in(tx, limits.domain_id) if limits.domain else 0
    return AccountLimits(
        address, limits.quota, used, limits.messages, held, limits.message, limits.domain, together
    )


@use("quota.messages", right="change", open_to="domain", about=named("address"))
async def set_messages(call: Call, wanted: MessageLimit) -> AccountLimits:
    """Set how many messages an account may hold. What is over it is kept; new mail is refused."""

    def op(tx: Transaction) -> AccountLimits:
        account = found(tx, call, "quota.messages", wanted.address)
        before = quotas.read(tx, account.id).messages
        quotas.set_max_messages(tx, account, wanted.messages, feed=call.context.feed)
        note(
            tx,
            call.actor,
            "quota.messages",
            account.address,
            before={"messages": before},
            after={"messages": wanted.messages},
        )
        return limits_in(tx, call, account.id, account.address)

    return await call.context.database.run(op)


@use("quota.warned", right="view", open_to="domain", about=narrows)
async def warned(call: Call, wanted: Nothing) -> FullList:
    """List the accounts whose owners were warned that their mailbox is nearly full."""
    actor = call.actor

    def op(tx: Transaction) -> FullList:
        rows = [row for row in quotas.fullest(tx, MOST) if actor.governs(row[1])]
        usage = call.context.mail.usage_of_in(tx, [row[0] for row in rows])
        full = [Full(row[1], row[3], row[4], row[2], usage.get(row[0], (0, 0))[0]) for row in rows]
        return FullList(full, list(levels(call.context.settings.now[WARNING_LEVELS])))

    return await call.context.database.scan(op)
