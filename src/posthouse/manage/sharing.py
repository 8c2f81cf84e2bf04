"""Public folders and folders that people share: making, showing, and who may do what there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from posthouse.access.imap.acl import identifier_name, meant, named_entries
from posthouse.access.imap.sharing import look
from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.manage.audit import note
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, use
from posthouse.settings.sharing import PUBLIC_FOLDERS, SHARE_WITHIN, SHARED_FOLDERS
from posthouse.store import acl, seen
from posthouse.store.contract import Mailbox
from posthouse.store.records import SELECT_MAILBOX_NAMED, SELECT_MAILBOXES
from posthouse.store.rows import mailbox_from


class FoldersOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose folders: the address of an account; "" are the public folders."""

    of: str = ""


class FolderName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder by its owner ("" for a public one) and its name there."""

    name: str
    of: str = ""


class FolderRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``who``: an address, ``$`` and a group's name, or ``anyone``; with ``-`` in front the rights are taken away.
    ``rights``: letters of RFC 4314, or one of ``read``, ``write``, ``all`` and ``none``."""

    name: str
    who: str
    rights: str
    of: str = ""


class FolderMarks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``own``: whether everybody has their own read marks in this folder."""

    name: str
    own: bool
    of: str = ""


class SeenFolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder of somebody else by the name it has for the account ``of``."""

    of: str
    name: str


class Entry(msgspec.Struct, frozen=True):
    """Who has which rights."""

    who: str
    rights: str


class Folder(msgspec.Struct, frozen=True):
    """A folder with its entries. ``own_marks``: everybody has their own read marks there. ``size`` in bytes."""

    of: str
    name: str
    messages: int
    size: int
    own_marks: bool
    entries: list[Entry]


class Folders(msgspec.Struct, frozen=True):
    """By name. Of an account all folders, shared or not."""

    folders: list[Folder]


class SharedWith(msgspec.Struct, frozen=True):
    """A folder of somebody else under the name it has for this account, with this account's rights."""

    name: str
    rights: str


class SharedWithAll(msgspec.Struct, frozen=True):
    """By name."""

    folders: list[SharedWith]


WORDS = {"read": "lr", "write": "lrswite", "all": acl.ALL, "none": ""}
"""Rights by a word: ``read`` looks, ``write`` also files, flags and removes messages."""


def _whose(wanted: FoldersOf | FolderName | FolderRights | FolderMarks | SeenFolder) -> Iterable[str]:
    """Public folders are the server administrator's."""
    return (wanted.of,)


@use("folder.list", right="view", open_to="user", about=_whose)
async def list_all(call: Call, wanted: FoldersOf) -> Folders:
    """List the public folders, or those of an account, and who may do what there."""

    def op(tx: Transaction) -> Folders:
        owner = _owner(tx, wanted.of)
        rows = tx.execute(SELECT_MAILBOXES, {"account_id": owner})
        return Folders([_view(tx, wanted.of, mailbox_from(row)) for row in rows])

    return await call.context.database.scan(op)


@use("folder.add", right="change")
async def add(call: Call, wanted: FolderName) -> Folder:
    """Make a public folder, in which everybody has their own read marks. Nobody sees it until rights are given; one
    below another gets the entries of that."""
    if wanted.of:
        raise ManageError("refused", "People make their folders themselves.", "Leave the owner out.")
    context = call.context
    made = await context.store.create(acl.PUBLIC, wanted.name)

    def op(tx: Transaction) -> Folder:
        seen.set_own_seen(tx, made.id, True, context.feed)
        note(tx, call.actor, "folder.add", made.name, after={"name": made.name})
        return _view(tx, "", _box(tx, "", made.name))

    return await context.database.run(op)


@use("folder.remove", right="change")
async def remove(call: Call, wanted: FolderName) -> Folder:
    """Remove a public folder with its messages; not while there are folders below it."""
    if wanted.of:
        raise ManageError("refused", "People remove their folders themselves.", "Leave the owner out.")
    context = call.context

    def look_at(tx: Transaction) -> Folder:
        return _view(tx, "", _box(tx, "", wanted.name))

    folder = await context.database.read(look_at)
    await context.store.delete(acl.PUBLIC, folder.name)

    def op(tx: Transaction) -> Folder:
        note(tx, call.actor, "folder.remove", folder.name, before={"messages": folder.messages})
        return folder

    return await context.database.run(op)


@use("folder.set_rights", right="change", open_to="user", about=_whose)
async def set_rights(call: Call, wanted: FolderRights) -> Folder:
    """Say what somebody may do in a folder, in place of what was said before."""
    rights = rights_of(wanted.rights)

    def op(tx: Transaction) -> Folder:
        box = _reachable(tx, call, "folder.set_rights", wanted.of, wanted.name)
        who = meant(tx, wanted.who, _within(tx, call))
        # People do not learn here either who exists; administrators do know, and are told of a slip.
        slip = who is not None and who.absent and call.actor.role != "user" and not who.before(tx, box.id)
        if who is None or slip:
            raise ManageError(
                "missing",
                f"Nobody with whom this can be shared is called {wanted.who[:80]}.",
                "Give the address of an account here, $ and the name of a group, or anyone.",
            )
        if who.key.removeprefix("-") == acl.of_account(box.account_id):
            raise ManageError("refused", "The owner always has all rights.", "Nothing is to be done.")
        before = who.before(tx, box.id)
        who.put(tx, box.id, rights, call.context.feed)
        subject, name = _subject(wanted.of, box.name), identifier_name(tx, who.key)
        note(
            tx,
            call.actor,
            "folder.set_rights",
            subject,
            before={"who": name, "rights": before},
            after={"who": name, "rights": rights},
        )
        return _view(tx, wanted.of, box)

    return await call.context.database.run(op)


@use("folder.set_marks", right="change", open_to="user", about=_whose)
async def set_marks(call: Call, wanted: FolderMarks) -> Folder:
    """Let everybody have their own read marks in a folder, or keep them in common."""

    def op(tx: Transaction) -> Folder:
        box = _reachable(tx, call, "folder.set_marks", wanted.of, wanted.name)
        if box.own_seen != wanted.own:
            seen.set_own_seen(tx, box.id, wanted.own, call.context.feed)
            subject = _subject(wanted.of, box.name)
            note(
                tx,
                call.actor,
                "folder.set_marks",
                subject,
                before={"own": box.own_seen},
                after={"own": wanted.own},
            )
        return _view(tx, wanted.of, _box(tx, wanted.of, wanted.name))

    return await call.context.database.run(op)


@use("folder.shared_with", right="view", open_to="user", about=_whose)
async def shared_with(call: Call, wanted: FoldersOf) -> SharedWithAll:
    """List the folders of others that an account sees, and what it may do there."""
    now = call.context.settings.now
    public, shared = now[PUBLIC_FOLDERS].strip(), now[SHARED_FOLDERS].strip()

    def op(tx: Transaction) -> SharedWithAll:
        account = admin.find_account(tx, wanted.of)
        found = look(tx, account.id, public, shared, now[SHARE_WITHIN]).by_name
        return SharedWithAll(
            [SharedWith(name, grant.rights) for name, grant in sorted(found.items()) if "l" in grant.rights]
        )

    return await call.context.database.scan(op)


@use("folder.show", right="view", open_to="user", about=_whose)
async def show(call: Call, wanted: FolderName) -> Folder:
    """Show a public folder, or one of an account, and who may do what there."""

    def op(tx: Transaction) -> Folder:
        return _view(tx, wanted.of, _box(tx, wanted.of, wanted.name))

    return await call.context.database.read(op)


@use("folder.leave", right="change", open_to="user", about=_whose)
async def leave(call: Call, wanted: SeenFolder) -> SharedWith:
    """Give up what an account may do in a folder of somebody else. What it may do there by a group, or because
    everybody may, is taken from it by an entry of its own, which the folder's owner can take back."""
    now = call.context.settings.now
    public, shared = now[PUBLIC_FOLDERS].strip(), now[SHARED_FOLDERS].strip()
    feed = call.context.feed

    def op(tx: Transaction) -> SharedWith:
        account = admin.find_account(tx, wanted.of)
        if account.address != call.actor.account:
            guard(tx, call, "folder.leave", account)
        grant = look(tx, account.id, public, shared, now[SHARE_WITHIN]).by_name.get(wanted.name)
        if grant is None or "l" not in grant.rights:
            raise ManageError(
                "missing",
                f"Nobody shares a folder {wanted.name[:80]} with this account.",
                "`folder shared-with` shows those there are.",
            )
        key = acl.of_account(account.id)
        acl.set_entry(tx, grant.mailbox_id, key, "", feed)
        if grant.mailbox_id in look(tx, account.id, public, shared, now[SHARE_WITHIN]).by_id:
            acl.set_entry(tx, grant.mailbox_id, "-" + key, acl.ALL, feed)
        note(
            tx,
            call.actor,
            "folder.leave",
            wanted.name,
            before={"who": account.address, "rights": grant.rights},
        )
        return SharedWith(wanted.name, "")

    return await call.context.database.run(op)


def _within(tx: Transaction, call: Call) -> int | None:
    """The domain within which the actor may share; None for administrators, and where all of the server is."""
    if call.actor.role != "user" or call.context.settings.now[SHARE_WITHIN] == "server":
        return None
    return admin.find_account(tx, call.actor.account).domain_id


def noted(tx: Transaction, user: Account, subject: str, who: str, before: str, after: str) -> None:
    """The audit line of rights that somebody changed in a mail program."""
    actor = Actor(user.address, "imap", role="user", account=user.address, account_id=user.id)
    note(
        tx,
        actor,
        "folder.set_rights",
        subject,
        before={"who": who, "rights": before},
        after={"who": who, "rights": after},
    )


def _owner(tx: Transaction, of: str) -> int:
    return admin.find_account(tx, of).id if of else acl.PUBLIC


def _box(tx: Transaction, of: str, name: str) -> Mailbox:
    rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": _owner(tx, of), "name": name})
    if not rows:
        raise ManageError(
            "missing", f"There is no folder {name[:80]}.", "`folder list` shows those there are."
        )
    return mailbox_from(rows[0])


def _reachable(tx: Transaction, call: Call, name: str, of: str, folder: str) -> Mailbox:
    """A folder whose rights the actor may change: their own, or one of somebody they look after."""
    if of and call.actor.role != "server":
        account = admin.find_account(tx, of)
        if account.address != call.actor.account:
            guard(tx, call, name, account)
    return _box(tx, of, folder)


def rights_of(text: str) -> str:
    """Rights by letters or by a word. Raises ManageError."""
    word = text.strip().lower()
    if word in WORDS:
        return WORDS[word]
    try:
        return acl.parse(text.strip())
    except ValueError as problem:
        raise ManageError(
            "invalid", f"{problem}.", f"Give letters of {acl.ALL}, or one of {', '.join(WORDS)}."
        ) from None


def _subject(of: str, name: str) -> str:
    return f"{of}/{name}" if of else name


def _view(tx: Transaction, of: str, box: Mailbox) -> Folder:
    entries = [Entry(who, rights) for who, rights in named_entries(tx, box.id)]
    return Folder(of, box.name, box.messages, box.size, box.own_seen, entries)
