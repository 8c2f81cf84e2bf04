"""Shared mailboxes: an address whose mail several people read and answer together.

It is an account that nobody can sign in to: its password is made at random and kept nowhere. Its members have rights on
its folders and find them in their own list of folders.
"""

from __future__ import annotations

import secrets
import time

import msgspec

from posthouse.access.imap.acl import identifier_key, named_entries
from posthouse.access.imap.sharing import owner_address
from posthouse.database.contract import Transaction
from posthouse.directory import admin, sending
from posthouse.directory.admin import NewAccount
from posthouse.directory.contract import Account
from posthouse.manage.accounts import add_in
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import guard
from posthouse.manage.sharing import Entry, rights_of
from posthouse.manage.use import Call, named, narrows, use
from posthouse.store import acl, seen
from posthouse.store.records import SELECT_MAILBOXES
from posthouse.store.sharing_records import (
    SELECT_SHARED_MAILBOX,
    SELECT_SHARED_MAILBOXES,
    SET_KEEP_SENT,
    shared_mailboxes,
)

MEMBER = "lrswipkte"
"""What a member may do: all but removing folders and giving rights."""

MOST_MEMBERS = 200
"""Members named in one call; a group holds more."""


class NewSharedMailbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``members``: addresses, or ``$`` and the name of a group. ``send_as``: the members that are accounts may send as
    this address. ``own_marks``: everybody has their own read marks."""

    address: str
    members: list[str] = []
    send_as: bool = True
    own_marks: bool = False


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rights`` as for folder.set_rights, or ``member`` for the usual ones; they hold for every folder there is, and
    for those made below. ``none`` takes the member, and the right to send as the address, away."""

    address: str
    who: str
    rights: str = "member"
    send_as: bool = True


class ChangedSharedMailbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. ``own_marks``: everybody has their own read marks, in every folder there is.
    ``keep_sent``: what members send in its name is kept in its folder for sent mail."""

    address: str
    own_marks: bool | None = None
    keep_sent: bool | None = None


class SharedMailbox(msgspec.Struct, frozen=True):
    """A shared mailbox; ``members`` as its inbox has them."""

    address: str
    members: list[Entry]
    own_marks: bool
    keep_sent: bool


class SharedMailboxes(msgspec.Struct, frozen=True):
    """By address."""

    mailboxes: list[SharedMailbox]


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shared mailbox by its address."""

    address: str


class NoFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


@use("shared_mailbox.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: NewSharedMailbox) -> SharedMailbox:
    """Make an address whose mail several people read and answer together, with its members, in one step."""
    if len(wanted.members) > MOST_MEMBERS:
        raise ManageError("invalid", f"These are more than {MOST_MEMBERS} members.", "Make a group of them.")
    credentials = await call.context.passwords.make(secrets.token_urlsafe(32))

    def op(tx: Transaction) -> SharedMailbox:
        made = add_in(tx, call, "shared_mailbox.add", NewAccount(wanted.address, credentials))
        account = admin.find_account(tx, made.address)
        tx.insert_ignore(shared_mailboxes, {"account_id": account.id, "created_at": time.time()})
        if wanted.own_marks:
            for row in tx.execute(SELECT_MAILBOXES, {"account_id": account.id}):
                seen.set_own_seen(tx, row[0], True, call.context.feed)
        for who in wanted.members:
            _put_member(tx, call, "shared_mailbox.add", account, who, MEMBER, wanted.send_as)
        return _view(tx, account)

    return await call.context.database.run(op)


@use("shared_mailbox.set_member", right="change", open_to="domain", about=named("address"))
async def set_member(call: Call, wanted: Member) -> SharedMailbox:
    """Make somebody a member of a shared mailbox, change what they may do there, or take them out."""
    rights = MEMBER if wanted.rights == "member" else rights_of(wanted.rights)

    def op(tx: Transaction) -> SharedMailbox:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "shared_mailbox.set_member", account)
        _kept_sent(tx, account)
        _put_member(
            tx,
            call,
            "shared_mailbox.set_member",
            account,
            wanted.who,
            rights,
            wanted.send_as and bool(rights),
        )
        return _view(tx, account)

    return await call.context.database.run(op)


@use("shared_mailbox.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: NoFilter) -> SharedMailboxes:
    """List the shared mailboxes with their members."""

    def op(tx: Transaction) -> SharedMailboxes:
        found = []
        for number in _ids(tx):
            address = owner_address(tx, number)
            if address and call.actor.governs(address):
                found.append(_view(tx, admin.find_account(tx, address)))
        return SharedMailboxes(sorted(found, key=lambda mailbox: mailbox.address))

    return await call.context.database.scan(op)


@use("shared_mailbox.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: Which) -> SharedMailbox:
    """Show a shared mailbox and who its members are."""

    def op(tx: Transaction) -> SharedMailbox:
        return _view(tx, admin.find_account(tx, wanted.address))

    return await call.context.database.read(op)


@use("shared_mailbox.set", right="change", open_to="domain", about=named("address"))
async def change(call: Call, wanted: ChangedSharedMailbox) -> SharedMailbox:
    """Change whose read marks count in a shared mailbox, and whether it keeps what is sent in its name."""

    def op(tx: Transaction) -> SharedMailbox:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "shared_mailbox.set", account)
        before = _view(tx, account)
        if wanted.own_marks is not None:
            for row in tx.execute(SELECT_MAILBOXES, {"account_id": account.id}):
                seen.set_own_seen(tx, row[0], wanted.own_marks, call.context.feed)
        if wanted.keep_sent is not None:
            tx.execute(SET_KEEP_SENT, {"of_account": account.id, "to_keep_sent": int(wanted.keep_sent)})
        after = _view(tx, account)
        note(
            tx,
            call.actor,
            "shared_mailbox.set",
            account.address,
            before={"own_marks": before.own_marks, "keep_sent": before.keep_sent},
            after={"own_marks": after.own_marks, "keep_sent": after.keep_sent},
        )
        return after

    return await call.context.database.run(op)


def _kept_sent(tx: Transaction, account: Account) -> bool:
    """Whether a shared mailbox keeps what is sent in its name. Raises ManageError for what is none."""
    rows = tx.execute(SELECT_SHARED_MAILBOX, {"account_id": account.id})
    if not rows:
        raise ManageError(
            "missing", f"{account.address} is no shared mailbox.", "`shared-mailbox list` shows them."
        )
    return bool(rows[0][0])


def _ids(tx: Transaction) -> set[int]:
    return {int(row[0]) for row in tx.execute(SELECT_SHARED_MAILBOXES)}


def _put_member(
    tx: Transaction, call: Call, name: str, mailbox: Account, who: str, rights: str, send_as: bool
) -> None:
    feed = call.context.feed
    key = identifier_key(tx, who)
    if key is None or key.startswith("-"):
        raise ManageError(
            "missing",
            f"Nobody is called {who[:80]}.",
            "Give addresses of accounts here, or $ and a group's name.",
        )
    if key == acl.of_account(mailbox.id):
        raise ManageError("refused", "A shared mailbox is no member of itself.", "Leave it out.")
    for row in tx.execute(SELECT_MAILBOXES, {"account_id": mailbox.id}):
        acl.put_entry(tx, row[0], key, rights)
    acl.bump(tx, feed)
    if key.startswith("u"):
        member = admin.find_account(tx, who)
        if send_as:
            guard(tx, call, name, member)
            sending.add_right(tx, member.id, mailbox.address, feed=feed)
        else:
            sending.remove_right(tx, member.id, mailbox.address, feed=feed)
    after = {"who": who, "rights": rights, "send_as": send_as and key.startswith("u")}
    note(tx, call.actor, name, mailbox.address, after=after)


def _view(tx: Transaction, account: Account) -> SharedMailbox:
    inbox = acl.named(tx, account.id, "INBOX")
    entries = named_entries(tx, inbox) if inbox is not None else []
    rows = tx.execute(SELECT_MAILBOXES, {"account_id": account.id})
    return SharedMailbox(
        account.address,
        [Entry(who, rights) for who, rights in entries],
        any(row[15] for row in rows),
        _kept_sent(tx, account),
    )
