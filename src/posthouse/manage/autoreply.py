"""Automatic replies: of accounts in the hands of administrators, and one's own."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, autoreply
from posthouse.directory import contract as directory
from posthouse.directory.autoreply import Audience, AutoReply
from posthouse.manage.accounts import AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.me_account import account_in, own
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, Nothing, named, use


class NewAutoReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account answers. ``subject`` "": "Auto: " and the subject that is answered. ``starts_at``, ``ends_at``:
    seconds since 1970, 0 for no limit. ``days`` pass before the same sender is answered again. ``audience``:
    ``everyone``, ``domain`` (its own domain only) or ``outside`` (only others). ``active`` false keeps it for later."""

    address: str
    plain: str = ""
    html: str = ""
    subject: str = ""
    active: bool = True
    starts_at: float = 0.0
    ends_at: float = 0.0
    days: int = 7
    audience: Audience = "everyone"


class OwnAutoReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered for you. ``subject`` "": "Auto: " and the subject that is answered. ``starts_at``, ``ends_at``:
    seconds since 1970, 0 for no limit. ``days`` pass before the same sender is answered again. ``audience``:
    ``everyone``, ``domain`` (your own domain only) or ``outside`` (only others). ``active`` false keeps it for
    later."""

    plain: str = ""
    html: str = ""
    subject: str = ""
    active: bool = True
    starts_at: float = 0.0
    ends_at: float = 0.0
    days: int = 7
    audience: Audience = "everyone"


class ShownAutoReply(msgspec.Struct, frozen=True):
    """The automatic reply of an account; without ``plain`` and ``html`` there is none. ``answered``: how many senders
    had one since its words were changed."""

    address: str
    plain: str = ""
    html: str = ""
    subject: str = ""
    active: bool = False
    starts_at: float = 0.0
    ends_at: float = 0.0
    days: int = 7
    audience: Audience = "everyone"
    answered: int = 0


@use("account.auto_reply", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> ShownAutoReply:
    """Show what an account answers automatically."""

    def op(tx: Transaction) -> ShownAutoReply:
        return _shown(tx, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


@use("account.auto_reply_set", right="change", open_to="domain", about=named("address"))
async def put(call: Call, wanted: NewAutoReply) -> ShownAutoReply:
    """Set what an account answers automatically. When its words change everybody may get it once more."""

    def op(tx: Transaction) -> ShownAutoReply:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.auto_reply_set", account)
        return _put(tx, call, "account.auto_reply_set", account, wanted)

    return await call.context.database.run(op)


@use("account.auto_reply_clear", right="change", open_to="domain", about=named("address"))
async def clear(call: Call, wanted: AccountAddress) -> ShownAutoReply:
    """Remove the automatic reply of an account."""

    def op(tx: Transaction) -> ShownAutoReply:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.auto_reply_clear", account)
        return _clear(tx, call, "account.auto_reply_clear", account)

    return await call.context.database.run(op)


@use("me.auto_reply", right="view", open_to="user", about=own)
async def show_own(call: Call, wanted: Nothing) -> ShownAutoReply:
    """Show what is answered automatically for you."""

    def op(tx: Transaction) -> ShownAutoReply:
        return _shown(tx, account_in(tx, call))

    return await call.context.database.scan(op)


@use("me.auto_reply_set", right="change", open_to="user", about=own)
async def put_own(call: Call, wanted: OwnAutoReply) -> ShownAutoReply:
    """Set what is answered automatically for you. When its words change everybody may get it once more."""

    def op(tx: Transaction) -> ShownAutoReply:
        return _put(tx, call, "me.auto_reply_set", account_in(tx, call), wanted)

    return await call.context.database.run(op)


@use("me.auto_reply_clear", right="change", open_to="user", about=own)
async def clear_own(call: Call, wanted: Nothing) -> ShownAutoReply:
    """Remove your automatic reply."""

    def op(tx: Transaction) -> ShownAutoReply:
        return _clear(tx, call, "me.auto_reply_clear", account_in(tx, call))

    return await call.context.database.run(op)


def _put(
    tx: Transaction, call: Call, name: str, account: directory.Account, wanted: NewAutoReply | OwnAutoReply
) -> ShownAutoReply:
    before = autoreply.find(tx, account.id)
    made = autoreply.put(
        tx,
        account.id,
        AutoReply(
            wanted.plain,
            wanted.html,
            wanted.subject,
            wanted.active,
            wanted.starts_at,
            wanted.ends_at,
            wanted.days,
            wanted.audience,
        ),
        feed=call.context.feed,
    )
    note(tx, call.actor, name, account.address, before=_told(before), after=_told(made))
    return _shown(tx, account)


def _clear(tx: Transaction, call: Call, name: str, account: directory.Account) -> ShownAutoReply:
    before = autoreply.clear(tx, account.id, feed=call.context.feed)
    note(tx, call.actor, name, account.address, before=_told(before))
    return _shown(tx, account)


def _told(reply: AutoReply | None) -> dict[str, object] | None:
    if reply is None:
        return None
    return {
        "subject": reply.subject,
        "plain": reply.plain[:500],
        "html": reply.html[:500],
        "active": reply.active,
        "starts_at": reply.starts_at,
        "ends_at": reply.ends_at,
        "days": reply.days,
        "audience": reply.audience,
    }


def _shown(tx: Transaction, account: directory.Account) -> ShownAutoReply:
    found = autoreply.find(tx, account.id)
    if found is None:
        return ShownAutoReply(account.address)
    return ShownAutoReply(
        account.address,
        found.plain,
        found.html,
        found.subject,
        found.active,
        found.starts_at,
        found.ends_at,
        found.days,
        found.audience,
        autoreply.answered(tx, account.id),
    )
