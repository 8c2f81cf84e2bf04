"""A domain gets another name, with everything that tells it by name."""

from __future__ import annotations

import msgspec

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.deliver import webhook_rows
from posthouse.directory import renaming
from posthouse.directory.names import domain_name
from posthouse.directory.renaming import Naming
from posthouse.manage import records
from posthouse.manage.audit import note
from posthouse.manage.domains import DomainDetails, details_of
from posthouse.manage.use import Call, use
from posthouse.queue import renaming as queue_renaming
from posthouse.settings.sharing import SHARED_FOLDERS
from posthouse.store import renaming as store_renaming


class RenameDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain and the name it gets, which may be one of its other names. ``keep``: the old one stays another name of
    it, so that mail for it still comes and people may still sign in with it."""

    name: str
    new: str
    keep: bool = True


@use("domain.rename", right="change", conditional=True)
async def rename(call: Call, wanted: RenameDomain) -> DomainDetails:
    """Give a domain another name: every address in it, and whatever tells one, follows in the same step. Nobody is
    signed out."""
    context = call.context

    def op(tx: Transaction) -> DomainDetails:
        call.check(details_of(tx, domain_name(wanted.name)))
        change = renaming.rename_domain(tx, wanted.name, wanted.new, keep=wanted.keep, feed=context.feed)
        queue_renaming.rename_domain(tx, change.old, change.new, keep=wanted.keep)
        store_renaming.rename_domain(tx, change.old, change.new, context.settings.now[SHARED_FOLDERS])
        _webhooks(tx, change, context.feed)
        _places(tx, change)
        note(
            tx,
            call.actor,
            "domain.rename",
            change.new,
            before={"name": change.old},
            after={"name": change.new, "keep": wanted.keep},
        )
        return details_of(tx, change.new)

    return await context.database.run(op)


def _webhooks(tx: Transaction, change: Naming, feed: Feed) -> None:
    for each in webhook_rows.every(tx):
        values = {"domain": change.address(each.domain), "account": change.address(each.account)}
        if values != {"domain": each.domain, "account": each.account}:
            webhook_rows.change(tx, feed, each, values)


def _places(tx: Transaction, change: Naming) -> None:
    """The lines of the audit stay as they were written, and are found by who looks after the domain now."""
    back = Naming(change.new, change.old)
    for place, audit_id in tx.execute(
        records.SELECT_PLACES, {"name": change.new, "ending": f"%@{change.new}"}
    ):
        tx.change(records.DELETE_PLACE, {"of_place": back.address(place), "of_audit": audit_id})
    ending, old_at, new_at = f"%@{change.old}", f"@{change.old}", f"@{change.new}"
    tx.change(records.RENAME_PLACES, {"ending": ending, "old_at": old_at, "new_at": new_at})
    tx.change(records.RENAME_PLACE, {"name": change.old, "new_name": change.new})
