"""Removing accounts and domains: put away, and later (or at once) for good, in units of bounded size."""

from __future__ import annotations

import time

from posthouse.database.contract import Transaction
from posthouse.directory import groups, removed
from posthouse.directory.errors import DirectoryError
from posthouse.directory.removed import RemovedDomain
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.use import Call
from posthouse.observe import steps
from posthouse.settings.keeping import REMOVED_DAYS
from posthouse.store import acl

DAY = 86400.0


def remove_in(tx: Transaction, call: Call, name: str, *, everything: bool, purge: bool) -> None:
    """Put a domain away, within the caller's unit, with its audit line."""
    gone = removed.put_away_domain(
        tx, name, call.actor.name, time.time(), everything=everything, feed=call.context.feed
    )
    if purge or not call.context.settings.now[REMOVED_DAYS]:
        removed.begin_domain_purge(tx, gone.id)
    note(tx, call.actor, "domain.remove", name, before={"name": name}, after={"for_good": purge})


async def end_removal(call: Call, name: str) -> None:
    """After :func:`remove_in`: remove the domain for good where that was asked for."""
    steps.step("removed.put_away")
    database = call.context.database
    try:
        gone = await database.scan(removed.find_domain, name)
    except DirectoryError:
        return  # the job was quicker
    if gone.purging:
        await purge_domain(call.context, gone)


async def purge_account(context: Context, account_id: int) -> None:
    """Remove an account for good: its mail, then what the directory has. Harmless when repeated."""
    await context.mail.remove_account(account_id)
    steps.step("removed.purging")
    await context.database.run(removed.end_purge, account_id, feed=context.feed)


async def purge_domain(context: Context, gone: RemovedDomain) -> None:
    """Remove a domain for good: its accounts one by one, its aliases, then itself. Harmless when repeated."""
    database = context.database
    while ids := await database.scan(removed.some_accounts, gone.id):
        for account_id in ids:
            await purge_account(context, account_id)
    while await database.run(removed.purge_aliases, gone.id):
        pass

    def end(tx: Transaction) -> None:
        for group_id in groups.ids_of_domain(tx, gone.id):
            acl.forget_identifier(tx, acl.of_group(group_id), context.feed)
        removed.end_domain_purge(tx, gone, feed=context.feed)

    await database.run(end)


async def purge_due(context: Context) -> int:
    """The periodic job: what was removed longer ago than the setting, and what was cut off; returns how many."""
    database = context.database
    days = context.settings.now[REMOVED_DAYS]
    count = 0
    while (account := await database.scan(removed.due_account, time.time() - days * DAY)) is not None:
        await database.run(removed.begin_purge, account.id)
        await purge_account(context, account.id)
        count += 1
    while (domain := await database.scan(removed.due_domain, time.time() - days * DAY)) is not None:
        await database.run(removed.begin_domain_purge, domain.id)
        await purge_domain(context, domain)
        count += 1
    return count
