"""Aliases: add, change, list, show, remove, import, export."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, aliases, listing
from posthouse.directory.errors import DirectoryError
from posthouse.manage.aliases_csv import MAX_PROBLEMS, NewAlias, read_aliases, write_aliases
from posthouse.manage.audit import note
from posthouse.manage.csv_text import Csv, ExportOf
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import MAX_PAGE, guard_detail, page_size, within
from posthouse.manage.use import Call, named, narrows, use


class AliasChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed of an alias; what is left out stays. ``targets`` are all the addresses it leads to."""

    address: str
    targets: list[str] | None = None
    active: bool | None = None
    note: str | None = None


class Alias(msgspec.Struct, frozen=True):
    """Mail for ``address`` goes to ``target``, and to each of ``more``. One that is not ``active`` is refused like an
    address that nobody has."""

    address: str
    target: str
    more: list[str] = []
    active: bool = True
    note: str = ""


class AliasAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alias by its address."""

    address: str


class AliasPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all; with ``search`` in the address; ``limit`` of them after the address ``after``."""

    domain: str | None = None
    search: str = ""
    limit: int = 200
    after: str = ""


class Aliases(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    aliases: list[Alias]
    next: str = ""
    total: int = 0


class AliasImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``text`` is the content of the CSV file."""

    text: str


class ImportedAliases(msgspec.Struct, frozen=True):
    """The addresses that were added."""

    added: list[str]


@use("alias.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: NewAlias) -> Alias:
    """Let mail for an address go to another one, or to several."""

    def op(tx: Transaction) -> Alias:
        return _add_in(tx, call, "alias.add", wanted)

    return await call.context.database.run(op)


@use("alias.change", right="change", open_to="domain", about=named("address"), conditional=True)
async def change(call: Call, wanted: AliasChange) -> Alias:
    """Change where an alias leads, switch it on or off, or change its note."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        before = aliases.find_alias(tx, wanted.address)
        call.check(_view(before))
        after = aliases.change_alias(
            tx, wanted.address, targets=wanted.targets, active=wanted.active, note=wanted.note, feed=feed
        )
        note(tx, call.actor, "alias.change", after.address, before=_told(before), after=_told(after))
        return _view(after)

    return await call.context.database.run(op)


@use("alias.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: AliasPage) -> Aliases:
    """List the aliases, of one domain or of all."""
    domains = within(call, "alias.list", wanted.domain)
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> Aliases:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        page = listing.page_aliases(tx, domains, wanted.search, wanted.after, limit)
        views = [_view(row) for row in page.rows]
        return Aliases(views, views[-1].address if len(views) == limit else "", page.total)

    return await call.context.database.scan(op)


@use("alias.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AliasAddress) -> Alias:
    """Show where one alias leads."""

    def op(tx: Transaction) -> Alias:
        return _view(aliases.find_alias(tx, wanted.address))

    return await call.context.database.scan(op)


@use("alias.remove", right="change", open_to="domain", about=named("address"), conditional=True)
async def remove(call: Call, wanted: AliasAddress) -> Alias:
    """Remove an alias."""
    feed = call.context.feed

    def op(tx: Transaction) -> Alias:
        call.check(_view(aliases.find_alias(tx, wanted.address)))
        removed = aliases.remove_alias(tx, wanted.address, feed=feed)
        note(tx, call.actor, "alias.remove", removed.address, before=_told(removed))
        return _view(removed)

    return await call.context.database.run(op)


@use("alias.import", right="change", open_to="domain", about=narrows)
async def import_(call: Call, wanted: AliasImport) -> ImportedAliases:
    """Add all aliases of a CSV file with the columns address, targets and, if wanted, active and note. All or none is
    added."""
    lines, problems = read_aliases(wanted.text)
    if not lines and not problems:
        raise ManageError(
            "invalid",
            "There is nothing to import: the file names no alias.",
            "Write one line for each alias: address,targets with spaces between several targets.",
        )

    def op(tx: Transaction) -> list[str]:
        found = list(problems)
        added = []
        for line in lines:
            if not call.actor.governs(line.alias.address.rpartition("@")[2].strip().lower()):
                found.append(f"line {line.number}: {line.alias.address[:80]} is not in a domain of yours")
                continue
            try:
                added.append(_add_in(tx, call, "alias.import", line.alias).address)
            except (DirectoryError, ManageError) as error:
                what = error.text if isinstance(error, DirectoryError) else error.what
                found.append(f"line {line.number}: {what}")
        if found:
            raise ManageError(
                "invalid",
                f"{len(found)} problem{'' if len(found) == 1 else 's'} in the file; no alias was added.",
                "Correct these lines and import the file again.",
                tuple(found[:MAX_PROBLEMS]),
            )
        return added

    return ImportedAliases(await call.context.database.run(op))


@use("alias.export", right="view", open_to="domain", about=narrows)
async def export(call: Call, wanted: ExportOf) -> Csv:
    """Write the aliases, of one domain or of all, as CSV that alias.import reads."""
    domains = within(call, "alias.export", wanted.domain)

    def op(tx: Transaction) -> Csv:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        rows: list[aliases.Alias] = []
        after = ""
        while True:
            page = listing.page_aliases(tx, domains, "", after, MAX_PAGE)
            rows += page.rows
            if len(page.rows) < MAX_PAGE:
                return Csv(write_aliases(rows))
            after = page.rows[-1].address

    return await call.context.database.scan(op)


def _add_in(tx: Transaction, call: Call, name: str, wanted: NewAlias) -> Alias:
    guard_detail(tx, call, name, wanted.address)
    added = aliases.add_alias(
        tx,
        wanted.address,
        [wanted.target, *wanted.more] if wanted.more else wanted.target,
        active=wanted.active,
        note=wanted.note,
        feed=call.context.feed,
    )
    note(tx, call.actor, name, added.address, after=_told(added))
    return _view(added)


def _view(alias: aliases.Alias) -> Alias:
    return Alias(alias.address, alias.target, list(alias.more), alias.active, alias.note)


def _told(alias: aliases.Alias) -> dict[str, object]:
    return {"targets": list(alias.targets), "active": alias.active}
