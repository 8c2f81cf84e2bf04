"""Forwards of accounts: those that administrators set up for others, and one's own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, forwards
from posthouse.directory import contract as directory
from posthouse.directory.errors import DirectoryError
from posthouse.directory.forward_conditions import NONE, Conditions
from posthouse.directory.forwards import AccountForward, ForwardTarget
from posthouse.directory.names import target_address
from posthouse.manage.accounts import AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.me_account import account_in, own
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, Nothing, named, use
from posthouse.settings.forwarding import ALLOWED

State = Literal["fine", "failing", "stopped"]


class NewForward(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the mail of an account is sent on to: up to ten addresses. ``keep``: a copy stays in the mailbox.
    ``active`` false keeps the forward for later.

    Mail that does not meet all conditions stays in the mailbox: ``not_spam`` (nothing marked as spam), ``sender``,
    ``recipient``, ``subject`` (it contains the text, or is like a pattern with * and ?; several with commas between),
    ``max_size`` in bytes, ``starts_at`` and ``ends_at`` in seconds since 1970; 0 and "" for none."""

    address: str
    targets: tuple[str, ...]
    keep: bool = True
    active: bool = True
    not_spam: bool = False
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    max_size: int = 0
    starts_at: float = 0.0
    ends_at: float = 0.0


class OwnForward(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where your mail is sent on to: up to ten addresses. ``keep``: a copy stays in your mailbox. ``active`` false
    keeps the forward for later.

    Mail that does not meet all conditions stays in the mailbox: ``not_spam`` (nothing marked as spam), ``sender``,
    ``recipient``, ``subject`` (it contains the text, or is like a pattern with * and ?; several with commas between),
    ``max_size`` in bytes, ``starts_at`` and ``ends_at`` in seconds since 1970; 0 and "" for none."""

    targets: tuple[str, ...]
    keep: bool = True
    active: bool = True
    not_spam: bool = False
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    max_size: int = 0
    starts_at: float = 0.0
    ends_at: float = 0.0


class ForwardedTo(msgspec.Struct, frozen=True):
    """One address. ``state``: ``fine`` as far as is known, ``failing`` since ``failing_since`` (seconds since 1970, 0:
    it works), or ``stopped``: it failed for so long that nothing is sent there any more. ``trouble`` is what was said
    last."""

    address: str
    state: State = "fine"
    failing_since: float = 0.0
    trouble: str = ""


class Forward(msgspec.Struct, frozen=True):
    """The forward of an account; without ``targets`` there is none. ``keep``: a copy stays in the mailbox. ``active``
    false: it is set up, but nothing is sent on. ``allowed`` is the setting forwarding.allowed: where people may forward
    their mail to. The others are conditions: mail that does not meet them stays in the mailbox."""

    address: str
    targets: list[ForwardedTo] = []
    keep: bool = True
    active: bool = False
    allowed: str = ""
    not_spam: bool = False
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    max_size: int = 0
    starts_at: float = 0.0
    ends_at: float = 0.0


@use("account.forward", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> Forward:
    """Show where the mail of an account is forwarded to, and whether that works."""

    def op(tx: Transaction) -> Forward:
        return _shown(tx, call, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


@use("account.forward_set", right="change", open_to="domain", about=named("address"))
async def put(call: Call, wanted: NewForward) -> Forward:
    """Forward the mail of an account. Where that fails, the mail is kept in its mailbox and its owner is told."""

    def op(tx: Transaction) -> Forward:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.forward_set", account)
        return _put(tx, call, "account.forward_set", account, wanted)

    return await call.context.database.run(op)


@use("account.forward_clear", right="change", open_to="domain", about=named("address"))
async def clear(call: Call, wanted: AccountAddress) -> Forward:
    """Remove the forward of an account; its mail stays in its mailbox."""

    def op(tx: Transaction) -> Forward:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.forward_clear", account)
        return _clear(tx, call, "account.forward_clear", account)

    return await call.context.database.run(op)


@use("me.forward", right="view", open_to="user", about=own)
async def show_own(call: Call, wanted: Nothing) -> Forward:
    """Show where your mail is forwarded to, and whether that works."""

    def op(tx: Transaction) -> Forward:
        return _shown(tx, call, account_in(tx, call))

    return await call.context.database.scan(op)


@use("me.forward_set", right="change", open_to="user", about=own)
async def put_own(call: Call, wanted: OwnForward) -> Forward:
    """Forward your mail. Where that fails, it is kept in your mailbox and you are told."""

    def op(tx: Transaction) -> Forward:
        account = account_in(tx, call)
        _check_allowed(tx, call, wanted.targets)
        return _put(tx, call, "me.forward_set", account, wanted)

    return await call.context.database.run(op)


@use("me.forward_clear", right="change", open_to="user", about=own)
async def clear_own(call: Call, wanted: Nothing) -> Forward:
    """Remove your forward; your mail stays in your mailbox."""

    def op(tx: Transaction) -> Forward:
        return _clear(tx, call, "me.forward_clear", account_in(tx, call))

    return await call.context.database.run(op)


def _put(
    tx: Transaction, call: Call, name: str, account: directory.Account, wanted: NewForward | OwnForward
) -> Forward:
    before = forwards.find(tx, account.id)
    made = forwards.put(
        tx,
        account,
        wanted.targets,
        keep=wanted.keep,
        active=wanted.active,
        conditions=Conditions(
            wanted.not_spam,
            wanted.sender,
            wanted.recipient,
            wanted.subject,
            wanted.max_size,
            wanted.starts_at,
            wanted.ends_at,
        ),
        feed=call.context.feed,
    )
    note(
        tx,
        call.actor,
        name,
        account.address,
        before=_told(before) if before is not None else None,
        after=_told(made),
    )
    return _shown(tx, call, account)


def _clear(tx: Transaction, call: Call, name: str, account: directory.Account) -> Forward:
    before = forwards.clear(tx, account, feed=call.context.feed)
    note(tx, call.actor, name, account.address, before=_told(before))
    return _shown(tx, call, account)


def _check_allowed(tx: Transaction, call: Call, targets: tuple[str, ...]) -> None:
    """Whether people may forward their mail there. Raises ManageError, DirectoryError."""
    allowed = call.context.settings.now[ALLOWED]
    if allowed == "nobody":
        raise ManageError(
            "refused", "On this server people may not forward their mail.", "Ask your administrator to do it."
        )
    for text in targets if allowed == "own-domains" else ():
        if text.strip() and not admin.has_domain(tx, target_address(text).domain):
            raise DirectoryError(
                f"{text.strip()} is elsewhere, and mail may be forwarded within this server only",
                "give an address of this server, or ask your administrator",
                "refused",
            )


def _told(forward: AccountForward) -> dict[str, object]:
    return {
        "targets": [each.address for each in forward.targets],
        "keep": forward.keep,
        "active": forward.active,
        **({"conditions": asdict(forward.conditions)} if forward.conditions != NONE else {}),
    }


def _shown(tx: Transaction, call: Call, account: directory.Account) -> Forward:
    allowed = call.context.settings.now[ALLOWED]
    found = forwards.find(tx, account.id)
    if found is None:
        return Forward(account.address, allowed=allowed)
    return Forward(
        account.address,
        [_target(each) for each in found.targets],
        found.keep,
        found.active,
        allowed,
        **asdict(found.conditions),
    )


def _target(target: ForwardTarget) -> ForwardedTo:
    state: State = "stopped" if target.stopped else "failing" if target.failing_since else "fine"
    return ForwardedTo(target.address, state, target.failing_since, target.trouble)
