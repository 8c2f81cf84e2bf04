"""Deleted messages and folders: one's own, and for administrators those of an account (without what is in them)."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import values
from posthouse.mail.mime import scan
from posthouse.manage.accounts import AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.me_account import account_in, own
from posthouse.manage.reach import guard, page_size
from posthouse.manage.use import Call, named, use
from posthouse.settings.keeping import UNDELETE_DAYS, UNDELETE_SIZE
from posthouse.store import deleted
from posthouse.store.deleted import DeletedMessage
from posthouse.store.undelete import Restored

MAX_IDS = 1000
HEADER = 64 * 1024
TEXT = 300
"""Characters of a subject or sender shown."""
DAY = 86400


class DeletedPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` of them after the one whose place is ``after``, "" for the newest."""

    limit: int = 50
    after: str = ""


class DeletedMail(msgspec.Struct, frozen=True):
    """A deleted message. ``folder`` is where it was ("" when that is not known any more), ``date`` when it came,
    ``deleted_at`` and ``until`` (when it goes for good) in seconds since 1970."""

    id: str
    folder: str
    subject: str
    sender: str
    size: int
    date: int
    deleted_at: int
    until: int


class DeletedFolder(msgspec.Struct, frozen=True):
    """A deleted folder and what went with it."""

    id: str
    name: str
    messages: int
    size: int
    deleted_at: int
    until: int


class DeletedList(msgspec.Struct, frozen=True):
    """What was deleted last comes first. ``next`` is the ``after`` of the page that follows, "" on the last;
    ``total`` and ``size`` count all messages; ``days`` is how long they are kept, 0 = not at all."""

    messages: list[DeletedMail]
    folders: list[DeletedFolder]
    next: str
    total: int
    size: int
    days: int


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages and folders by their ids; ``everything`` instead of them."""

    messages: list[str] = []
    folders: list[str] = []
    everything: bool = False


class Back(msgspec.Struct, frozen=True):
    """How many messages came back, and to which folders."""

    messages: int
    folders: list[str]


class GoneForGood(msgspec.Struct, frozen=True):
    """How many messages are gone."""

    messages: int


class DeletedOf(msgspec.Struct, frozen=True):
    """What is kept of an account: the number and bytes of messages, the oldest deletion (seconds since 1970, 0: none),
    deleted folders by name; ``days`` and ``most`` (bytes) limit it."""

    address: str
    messages: int
    size: int
    oldest: int
    folders: list[str]
    days: int
    most: int


class RestoreOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which account, and what was deleted since how many hours; 0 for everything that is kept."""

    address: str
    hours: float = 0.0


@use("me.deleted", right="view", open_to="user", about=own)
async def list_own(call: Call, wanted: DeletedPage) -> DeletedList:
    """List your deleted messages and folders that can be brought back."""
    context = call.context
    limit = page_size(wanted.limit)
    before = _place(wanted.after)
    days = context.settings.now[UNDELETE_DAYS]

    def op(
        tx: Transaction,
    ) -> tuple[list[DeletedMessage], list[deleted.DeletedMailbox], deleted.Held]:
        account = account_in(tx, call)
        return (
            deleted.list_in(tx, account.id, before, limit),
            deleted.mailboxes_in(tx, account.id),
            deleted.held_in(tx, account.id),
        )

    found, folders, held = await context.database.scan(op)
    shown = [_mail(call, each, days) for each in found]
    boxes = [
        DeletedFolder(
            str(each.id), each.name, each.messages, each.size, each.deleted_at, each.deleted_at + days * DAY
        )
        for each in folders
    ]
    after = f"{found[-1].deleted_at}-{found[-1].id}" if len(found) == limit else ""
    return DeletedList(shown, boxes, after, held.messages, held.size, days)


@use("me.deleted_restore", right="change", open_to="user", about=own)
async def restore_own(call: Call, wanted: Chosen) -> Back:
    """Bring deleted messages and folders of yours back; messages go where they were."""
    messages, folders = _chosen(wanted)
    account = await call.context.database.scan(account_in, call)
    mail = call.context.mail.deleted
    done = Restored()
    if wanted.everything:
        done = await mail.restore_since(account.id, 0)
    for folder in folders:
        done.add(await mail.restore_mailbox(account.id, folder))
    done.add(await mail.restore(account.id, messages))
    await _audit(call, "me.deleted_restore", account.address, done.messages)
    return Back(done.messages, sorted(done.mailboxes))


@use("me.deleted_purge", right="change", open_to="user", about=own)
async def purge_own(call: Call, wanted: Chosen) -> GoneForGood:
    """Let deleted messages of yours go for good, now: the chosen ones, or everything."""
    messages, folders = _chosen(wanted)
    if folders:
        raise ManageError("invalid", "Folders go with everything only.", "Choose messages, or everything.")
    account = await call.context.database.scan(account_in, call)
    mail = call.context.mail.deleted
    count = await (mail.forget_all(account.id) if wanted.everything else mail.forget(account.id, messages))
    await _audit(call, "me.deleted_purge", account.address, count)
    return GoneForGood(count)


@use("deleted.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> DeletedOf:
    """Show how much of an account's deleted mail can be brought back; not what is in it."""
    now = call.context.settings.now

    def op(tx: Transaction) -> DeletedOf:
        account = admin.find_account(tx, wanted.address)
        held = deleted.held_in(tx, account.id)
        names = [each.name for each in deleted.mailboxes_in(tx, account.id)]
        return DeletedOf(
            account.address,
            held.messages,
            held.size,
            held.oldest,
            names,
            now[UNDELETE_DAYS],
            now[UNDELETE_SIZE],
        )

    return await call.context.database.scan(op)


@use("deleted.restore", right="change", open_to="domain", about=named("address"))
async def restore(call: Call, wanted: RestoreOf) -> Back:
    """Bring back what was deleted in an account, all or that of the last hours."""
    since = int(time.time() - wanted.hours * 3600) if 0 < wanted.hours < 1e6 else 0
    account_id, address = await _of(call, "deleted.restore", wanted.address)
    done = await call.context.mail.deleted.restore_since(account_id, since)
    await _audit(call, "deleted.restore", address, done.messages)
    return Back(done.messages, sorted(done.mailboxes))


@use("deleted.purge", right="change", open_to="domain", about=named("address"))
async def purge(call: Call, wanted: AccountAddress) -> GoneForGood:
    """Let everything that was deleted in an account go for good, now."""
    account_id, address = await _of(call, "deleted.purge", wanted.address)
    count = await call.context.mail.deleted.forget_all(account_id)
    await _audit(call, "deleted.purge", address, count)
    return GoneForGood(count)


async def _of(call: Call, name: str, address: str) -> tuple[int, str]:
    def op(tx: Transaction) -> tuple[int, str]:
        account = admin.find_account(tx, address)
        guard(tx, call, name, account)
        return account.id, account.address

    return await call.context.database.scan(op)


async def _audit(call: Call, name: str, address: str, messages: int) -> None:
    def op(tx: Transaction) -> None:
        note(tx, call.actor, name, address, after={"messages": messages})

    await call.context.database.run(op)


def _mail(call: Call, found: DeletedMessage, days: int) -> DeletedMail:
    subject, sender = _words(call, found)
    return DeletedMail(
        str(found.id),
        found.mailbox,
        subject,
        sender,
        found.message.size,
        found.message.internal_date,
        found.deleted_at,
        found.deleted_at + days * DAY,
    )


def _words(call: Call, found: DeletedMessage) -> tuple[str, str]:
    """Subject and sender, "" where the body cannot be read."""
    try:
        head = bytes(call.context.bodies.read(found.message.body)[:HEADER])
    except OSError:
        return "", ""
    header = values(head[: scan(head).body])
    first = [(header.get(name) or [b""])[0] for name in (b"subject", b"from")]
    subject, sender = (" ".join(decode_words(each).split())[:TEXT] for each in first)
    return subject, sender


def _place(after: str) -> tuple[int, int] | None:
    if not after:
        return None
    moment, _, number = after.partition("-")
    return _number(moment), _number(number)


def _chosen(wanted: Chosen) -> tuple[list[int], list[int]]:
    if len(wanted.messages) + len(wanted.folders) > MAX_IDS:
        raise ManageError("invalid", f"At most {MAX_IDS} can be chosen at once.", "Do it in several steps.")
    return [_number(each) for each in wanted.messages], [_number(each) for each in wanted.folders]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ManageError("invalid", "There is no such id.", "Take the ids from the list.")
    return int(text)
