"""Archive rules: of domains, of accounts, and one's own."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, archives
from posthouse.directory.archives import FOLDER, Action, ArchiveRule, Mail, Scope
from posthouse.manage.accounts import AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.me_account import account_in, own
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, Nothing, named, use


class ArchivedDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain by name."""

    name: str


class NewDomainArchive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of the mail of those accounts of a domain that have no rule of their own. ``mail``: ``all``,
    ``received`` (in the Inbox) or ``sent``; it is put into ``folder`` (``copy``: also) once it is ``days`` old. In the
    folder %YEAR% and %MONTH% are when the mail arrived."""

    name: str
    mail: Mail = "all"
    action: Action = "move"
    days: int = 365
    folder: str = FOLDER
    active: bool = True


class NewArchive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of the mail of an account. ``mail``: ``all``, ``received`` (in the Inbox) or ``sent``; it is put
    into ``folder`` (``copy``: also) once it is ``days`` old. In the folder %YEAR% and %MONTH% are when the mail
    arrived. ``active`` false: nothing, whatever the domain's rule says."""

    address: str
    mail: Mail = "all"
    action: Action = "move"
    days: int = 365
    folder: str = FOLDER
    active: bool = True


class OwnArchive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of your mail. ``mail``: ``all``, ``received`` (in the Inbox) or ``sent``; it is put into ``folder``
    (``copy``: also) once it is ``days`` old. In the folder %YEAR% and %MONTH% are when the mail arrived. ``active``
    false: nothing, whatever the domain's rule says."""

    mail: Mail = "all"
    action: Action = "move"
    days: int = 365
    folder: str = FOLDER
    active: bool = True


class ShownArchive(msgspec.Struct, frozen=True):
    """The archive rule of an account or domain. ``there``: whether it has one of its own; an account without follows
    that of its domain."""

    of: str
    there: bool = False
    mail: Mail = "all"
    action: Action = "move"
    days: int = 365
    folder: str = FOLDER
    active: bool = False


New = NewDomainArchive | NewArchive | OwnArchive


@use("domain.archive", right="view", open_to="domain", about=named("name"))
async def show_domain(call: Call, wanted: ArchivedDomain) -> ShownArchive:
    """Show the archive rule of a domain."""

    def op(tx: Transaction) -> ShownArchive:
        found = admin.find_domain(tx, wanted.name)
        return _shown(tx, found.name, "domain", found.id)

    return await call.context.database.scan(op)


@use("domain.archive_set", right="change", open_to="domain", about=named("name"))
async def put_domain(call: Call, wanted: NewDomainArchive) -> ShownArchive:
    """Set the archive rule of a domain."""

    def op(tx: Transaction) -> ShownArchive:
        found = admin.find_domain(tx, wanted.name)
        return _put(tx, call, "domain.archive_set", found.name, "domain", found.id, wanted)

    return await call.context.database.run(op)


@use("domain.archive_clear", right="change", open_to="domain", about=named("name"))
async def clear_domain(call: Call, wanted: ArchivedDomain) -> ShownArchive:
    """Remove the archive rule of a domain; what was archived stays where it is."""

    def op(tx: Transaction) -> ShownArchive:
        found = admin.find_domain(tx, wanted.name)
        return _clear(tx, call, "domain.archive_clear", found.name, "domain", found.id)

    return await call.context.database.run(op)


@use("account.archive", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> ShownArchive:
    """Show the archive rule of an account."""

    def op(tx: Transaction) -> ShownArchive:
        account = admin.find_account(tx, wanted.address)
        return _shown(tx, account.address, "account", account.id)

    return await call.context.database.scan(op)


@use("account.archive_set", right="change", open_to="domain", about=named("address"))
async def put(call: Call, wanted: NewArchive) -> ShownArchive:
    """Set the archive rule of an account."""

    def op(tx: Transaction) -> ShownArchive:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.archive_set", account)
        return _put(tx, call, "account.archive_set", account.address, "account", account.id, wanted)

    return await call.context.database.run(op)


@use("account.archive_clear", right="change", open_to="domain", about=named("address"))
async def clear(call: Call, wanted: AccountAddress) -> ShownArchive:
    """Remove the archive rule of an account; what was archived stays where it is."""

    def op(tx: Transaction) -> ShownArchive:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.archive_clear", account)
        return _clear(tx, call, "account.archive_clear", account.address, "account", account.id)

    return await call.context.database.run(op)


@use("me.archive", right="view", open_to="user", about=own)
async def show_own(call: Call, wanted: Nothing) -> ShownArchive:
    """Show your archive rule."""

    def op(tx: Transaction) -> ShownArchive:
        account = account_in(tx, call)
        return _shown(tx, account.address, "account", account.id)

    return await call.context.database.scan(op)


@use("me.archive_set", right="change", open_to="user", about=own)
async def put_own(call: Call, wanted: OwnArchive) -> ShownArchive:
    """Set your archive rule."""

    def op(tx: Transaction) -> ShownArchive:
        account = account_in(tx, call)
        return _put(tx, call, "me.archive_set", account.address, "account", account.id, wanted)

    return await call.context.database.run(op)


@use("me.archive_clear", right="change", open_to="user", about=own)
async def clear_own(call: Call, wanted: Nothing) -> ShownArchive:
    """Remove your archive rule; what was archived stays where it is."""

    def op(tx: Transaction) -> ShownArchive:
        account = account_in(tx, call)
        return _clear(tx, call, "me.archive_clear", account.address, "account", account.id)

    return await call.context.database.run(op)


def _put(
    tx: Transaction, call: Call, name: str, of: str, scope: Scope, of_id: int, wanted: New
) -> ShownArchive:
    before = archives.find(tx, scope, of_id)
    made = archives.put(
        tx,
        scope,
        of_id,
        ArchiveRule(wanted.mail, wanted.action, wanted.days, wanted.folder, wanted.active),
    )
    note(tx, call.actor, name, of, before=_told(before), after=_told(made))
    return _shown(tx, of, scope, of_id)


def _clear(tx: Transaction, call: Call, name: str, of: str, scope: Scope, of_id: int) -> ShownArchive:
    before = archives.clear(tx, scope, of_id)
    note(tx, call.actor, name, of, before=_told(before))
    return _shown(tx, of, scope, of_id)


def _told(rule: ArchiveRule | None) -> dict[str, object] | None:
    if rule is None:
        return None
    return {
        "mail": rule.mail,
        "action": rule.action,
        "days": rule.days,
        "folder": rule.folder,
        "active": rule.active,
    }


def _shown(tx: Transaction, of: str, scope: Scope, of_id: int) -> ShownArchive:
    found = archives.find(tx, scope, of_id)
    if found is None:
        return ShownArchive(of)
    return ShownArchive(of, True, found.mail, found.action, found.days, found.folder, found.active)
