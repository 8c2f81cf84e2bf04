"""What was removed and may come back: accounts and domains, listed, restored, removed for good."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import removed
from posthouse.manage import accounts
from posthouse.manage.accounts import Account, AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.reach import guard, within
from posthouse.manage.removed_purge import DAY, purge_account, purge_domain
from posthouse.manage.use import Call, named, narrows, use
from posthouse.settings.keeping import REMOVED_DAYS

MOST = 1000


class RemovedFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those of one domain, or of all."""

    domain: str | None = None


class Removed(msgspec.Struct, frozen=True):
    """An account or a domain (``kind``). ``until`` is when it goes for good, both in seconds since 1970; ``purging``:
    it is going already."""

    kind: str
    name: str
    removed_at: float
    removed_by: str
    until: float
    purging: bool


class RemovedList(msgspec.Struct, frozen=True):
    """Domains first, then accounts; what was removed last comes first."""

    removed: list[Removed]


class RemovedName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A removed domain by its name."""

    name: str


class Gone(msgspec.Struct, frozen=True):
    """What came back, or is gone for good."""

    name: str


@use("removed.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: RemovedFilter) -> RemovedList:
    """List the accounts and domains that were removed and can be restored."""
    domains = within(call, "removed.list", wanted.domain)
    keep = call.context.settings.now[REMOVED_DAYS] * DAY

    def op(tx: Transaction) -> RemovedList:
        found = []
        if call.actor.role == "server" and wanted.domain is None:
            found += [
                Removed("domain", each.name, each.at, each.by, each.at + keep, each.purging)
                for each in removed.domains(tx, MOST)
            ]
        return RemovedList(
            found
            + [
                Removed("account", each.address, each.at, each.by, each.at + keep, each.purging)
                for each in removed.accounts(tx, domains, MOST)
            ]
        )

    return await call.context.database.scan(op)


@use("account.restore", right="change", open_to="domain", about=named("address"))
async def restore_account(call: Call, wanted: AccountAddress) -> Account:
    """Restore a removed account with everything it had: its mail, password, role and addresses."""
    context = call.context

    def op(tx: Transaction) -> Account:
        account = removed.restore(tx, wanted.address, feed=context.feed)
        guard(tx, call, "account.restore", account)
        note(tx, call.actor, "account.restore", account.address)
        return accounts.view(tx, context, account)

    return await context.database.run(op)


@use("account.purge", right="change", open_to="domain", about=named("address"))
async def purge_one(call: Call, wanted: AccountAddress) -> Gone:
    """Remove a removed account for good, now: nothing but a backup brings it back."""
    context = call.context

    def op(tx: Transaction) -> removed.RemovedAccount:
        gone = removed.find(tx, wanted.address)
        removed.begin_purge(tx, gone.id)
        note(tx, call.actor, "account.purge", gone.address)
        return gone

    gone = await context.database.run(op)
    await purge_account(context, gone.id)
    return Gone(gone.address)


@use("domain.restore", right="change")
async def restore_domain(call: Call, wanted: RemovedName) -> Gone:
    """Restore a removed domain with all accounts and aliases in it."""

    def op(tx: Transaction) -> Gone:
        back = removed.restore_domain(tx, wanted.name, feed=call.context.feed)
        note(tx, call.actor, "domain.restore", back.name)
        return Gone(back.name)

    return await call.context.database.run(op)


@use("domain.purge", right="change")
async def purge_whole(call: Call, wanted: RemovedName) -> Gone:
    """Remove a removed domain for good, now, with all mail in it: nothing but a backup brings it back."""
    context = call.context

    def op(tx: Transaction) -> removed.RemovedDomain:
        gone = removed.find_domain(tx, wanted.name)
        removed.begin_domain_purge(tx, gone.id)
        note(tx, call.actor, "domain.purge", gone.name)
        return gone

    gone = await context.database.run(op)
    await purge_domain(context, gone)
    return Gone(gone.name)
