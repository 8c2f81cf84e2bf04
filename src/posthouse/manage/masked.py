"""Masked addresses: one's own, and those of the accounts that an administrator looks after."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, details, masked
from posthouse.directory import contract as directory
from posthouse.manage.accounts import AccountAddress, found
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.me_account import account_in, now, own
from posthouse.manage.use import Call, Nothing, named, use
from posthouse.settings.accounts import MOST_MASKED


class NewMasked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A masked address to be made: random, after ``prefix`` where one is given. It takes mail until ``expires_at``
    (seconds since 1970, 0 = for ever), or to the end of ``last_day`` (such as 2030-12-31, in your time zone), and
    ``most`` messages (0 = any number). ``note`` is for its owner."""

    prefix: str = ""
    note: str = ""
    expires_at: float = 0.0
    last_day: str = ""
    most: int = 0


class MaskedChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed of your masked address ``masked``; what is left out stays."""

    masked: str
    note: str | None = None
    active: bool | None = None
    expires_at: float | None = None
    most: int | None = None


class OwnMasked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A masked address of yours."""

    masked: str


class MaskedState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a masked address of an account takes mail."""

    address: str
    masked: str
    active: bool


class MaskedOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A masked address of an account."""

    address: str
    masked: str


class Masked(msgspec.Struct, frozen=True):
    """A masked address. ``used``: how many messages came; ``last_used``, ``expires_at`` and ``created_at`` in seconds
    since 1970, 0 = never; ``most`` 0 = any number. ``takes_mail``: neither switched off, nor expired, nor used up."""

    address: str
    note: str
    active: bool
    expires_at: float
    most: int
    used: int
    last_used: float
    created_at: float
    takes_mail: bool


class MaskedList(msgspec.Struct, frozen=True):
    """The newest first. ``limit`` is how many one person may have (the setting accounts.masked)."""

    masked: list[Masked]
    limit: int


@use("me.masked", right="view", open_to="user", about=own)
async def list_own(call: Call, wanted: Nothing) -> MaskedList:
    """List your masked addresses, and how they were used."""

    def op(tx: Transaction) -> MaskedList:
        return _listed(tx, call, account_in(tx, call))

    return await call.context.database.scan(op)


@use("me.masked_add", right="change", open_to="user", about=own)
async def add_own(call: Call, wanted: NewMasked) -> Masked:
    """Make a masked address: mail for it comes to your mailbox until you switch it off."""
    limit = call.context.settings.now[MOST_MASKED]
    if not limit:
        raise ManageError(
            "refused", "On this server people make no masked addresses.", "Ask your administrator."
        )

    def op(tx: Transaction) -> Masked:
        account = account_in(tx, call)
        expires_at = wanted.expires_at
        if wanted.last_day.strip():
            expires_at = _end_of(wanted.last_day.strip(), details.of(tx, [account.id])[account.id].details)
        if 0 < expires_at <= now():
            raise ManageError("invalid", "The time to expire at is over.", "Give a time to come, or none.")
        made = masked.make(
            tx,
            account,
            prefix=wanted.prefix,
            note=wanted.note,
            expires_at=expires_at,
            most=wanted.most,
            limit=limit,
            feed=call.context.feed,
        )
        note(tx, call.actor, "me.masked_add", account.address, after={"masked": made.address})
        return _view(made)

    return await call.context.database.run(op)


@use("me.masked_change", right="change", open_to="user", about=own)
async def change_own(call: Call, wanted: MaskedChange) -> Masked:
    """Change the note, expiry or number of messages of your masked address, or switch it on or off."""

    def op(tx: Transaction) -> Masked:
        account = account_in(tx, call)
        changed = masked.change(
            tx,
            account,
            wanted.masked,
            note=wanted.note,
            active=wanted.active,
            expires_at=wanted.expires_at,
            most=wanted.most,
            feed=call.context.feed,
        )
        told = {"masked": changed.address, "active": changed.active}
        note(tx, call.actor, "me.masked_change", account.address, after=told)
        return _view(changed)

    return await call.context.database.run(op)


@use("me.masked_remove", right="change", open_to="user", about=own)
async def remove_own(call: Call, wanted: OwnMasked) -> Masked:
    """Throw a masked address of yours away; mail for it is refused from then on."""

    def op(tx: Transaction) -> Masked:
        account = account_in(tx, call)
        return _removed(tx, call, "me.masked_remove", account, wanted.masked)

    return await call.context.database.run(op)


@use("account.masked", right="view", open_to="domain", about=named("address"))
async def list_of(call: Call, wanted: AccountAddress) -> MaskedList:
    """List the masked addresses that the owner of an account made."""

    def op(tx: Transaction) -> MaskedList:
        return _listed(tx, call, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


@use("account.masked_switch", right="change", open_to="domain", about=named("address"))
async def switch_of(call: Call, wanted: MaskedState) -> Masked:
    """Switch a masked address of an account on or off."""

    def op(tx: Transaction) -> Masked:
        account = found(tx, call, "account.masked_switch", wanted.address)
        changed = masked.change(tx, account, wanted.masked, active=wanted.active, feed=call.context.feed)
        told = {"masked": changed.address, "active": changed.active}
        note(tx, call.actor, "account.masked_switch", account.address, after=told)
        return _view(changed)

    return await call.context.database.run(op)


@use("account.masked_remove", right="change", open_to="domain", about=named("address"))
async def remove_of(call: Call, wanted: MaskedOf) -> Masked:
    """Throw a masked address of an account away; mail for it is refused from then on."""

    def op(tx: Transaction) -> Masked:
        account = found(tx, call, "account.masked_remove", wanted.address)
        return _removed(tx, call, "account.masked_remove", account, wanted.masked)

    return await call.context.database.run(op)


def _end_of(day: str, person: details.Details) -> float:
    try:
        last = datetime.combine(date.fromisoformat(day), time(23, 59, 59))
        return last.replace(tzinfo=details.zone(person.time_zone) or UTC).timestamp()
    except (ValueError, OverflowError):
        raise ManageError("invalid", f"{day[:40]!r} is no day.", "Write it like 2030-12-31.") from None


def _removed(tx: Transaction, call: Call, name: str, account: directory.Account, address: str) -> Masked:
    gone = masked.remove(tx, account, address, feed=call.context.feed)
    note(tx, call.actor, name, account.address, before={"masked": gone.address, "used": gone.used})
    return _view(gone)


def _listed(tx: Transaction, call: Call, account: directory.Account) -> MaskedList:
    rows = [_view(each) for each in masked.of_account(tx, account.id)]
    return MaskedList(rows, call.context.settings.now[MOST_MASKED])


def _view(each: masked.Masked) -> Masked:
    return Masked(
        each.address,
        each.note,
        each.active,
        each.expires_at,
        each.most,
        each.used,
        each.last_used,
        each.created_at,
        each.takes_mail(now()),
    )
