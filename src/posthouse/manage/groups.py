"""Groups of accounts: add, list, show, change, remove; their members."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import groups
from posthouse.directory.groups import Group
from posthouse.manage.audit import note
from posthouse.manage.reach import page_size, within
from posthouse.manage.use import Call, narrows, not_allowed, use
from posthouse.store import acl


class GroupName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group by its name."""

    name: str


class NewGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group to be made: a plain ``name`` for one of the whole server, or one like ``staff@example.org`` for one of a
    domain."""

    name: str
    description: str = ""


class GroupChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different about a group; what is left out stays."""

    name: str
    new_name: str | None = None
    description: str | None = None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A group. ``domain`` "" for one of the whole server; ``accounts`` and ``groups`` are its direct members, and
    ``members`` counts them."""

    name: str
    description: str = ""
    domain: str = ""
    members: int = 0
    accounts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class GroupPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all; with ``search`` in the name; ``limit`` of them after the name ``after``."""

    domain: str | None = None
    search: str = ""
    limit: int = 200
    after: str = ""


class Groups(msgspec.Struct, frozen=True):
    """By name, without who is in them. ``next`` is the ``after`` of the page that follows, "" on the last; ``total``
    counts all."""

    groups: list[GroupView]
    next: str = ""
    total: int = 0


class GroupMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its address, or another group by its name."""

    name: str
    member: str


def group_named(wanted: GroupName | NewGroup | GroupChange | GroupMember) -> Iterable[str]:
    """For ``about``: the group's name; one without a domain is nobody's but the server administrator's."""
    return (wanted.name,)


def _guard_member(call: Call, name: str, member: str) -> None:
    """A domain administrator puts nobody into a group who is not theirs: rights would reach beyond."""
    if call.actor.role != "server" and not call.actor.governs(member.strip().lower()):
        raise not_allowed(call.actor, name, "change")


def _view(tx: Transaction, group: Group) -> GroupView:
    members = groups.direct_members(tx, group)
    return GroupView(
        name=group.name,
        description=group.description,
        domain=group.domain,
        members=len(members.accounts) + len(members.groups),
        accounts=members.accounts,
        groups=members.groups,
    )


@use("group.add", right="change", open_to="domain", about=group_named)
async def add(call: Call, wanted: NewGroup) -> GroupView:
    """Make a group of accounts."""
    feed = call.context.feed

    def op(tx: Transaction) -> GroupView:
        made = groups.add(tx, wanted.name, wanted.description, feed=feed)
        note(tx, call.actor, "group.add", made.name, after={"description": made.description})
        return _view(tx, made)

    return await call.context.database.run(op)


@use("group.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: GroupPage) -> Groups:
    """List the groups, of one domain or of all."""
    domains = within(call, "group.list", wanted.domain)
    limit, search = page_size(wanted.limit), wanted.search.lower()

    def op(tx: Transaction) -> Groups:
        counts = groups.counts(tx)
        found = [
            GroupView(
                name=each.name,
                description=each.description,
                domain=each.domain,
                members=counts.get(each.id, 0),
            )
            for each in groups.all_groups(tx)
            if (domains is None or each.domain in domains) and search in each.name
        ]
        page = [each for each in found if each.name > wanted.after][:limit]
        return Groups(page, page[-1].name if len(page) == limit else "", len(found))

    return await call.context.database.scan(op)


@use("group.show", right="view", open_to="domain", about=group_named)
async def show(call: Call, wanted: GroupName) -> GroupView:
    """Show who is in a group."""

    def op(tx: Transaction) -> GroupView:
        return _view(tx, groups.wanted(tx, wanted.name))

    return await call.context.database.scan(op)


@use("group.change", right="change", open_to="domain", about=group_named, conditional=True)
async def change(call: Call, wanted: GroupChange) -> GroupView:
    """Rename a group or describe it anew."""
    feed = call.context.feed

    def op(tx: Transaction) -> GroupView:
        before = groups.wanted(tx, wanted.name)
        call.check(_view(tx, before))
        after = groups.change(
            tx, wanted.name, new_name=wanted.new_name, description=wanted.description, feed=feed
        )
        note(
            tx,
            call.actor,
            "group.change",
            before.name,
            before={"name": before.name, "description": before.description},
            after={"name": after.name, "description": after.description},
        )
        return _view(tx, after)

    return await call.context.database.run(op)


@use("group.remove", right="change", open_to="domain", about=group_named, conditional=True)
async def remove(call: Call, wanted: GroupName) -> GroupView:
    """Remove a group; its accounts stay."""
    feed = call.context.feed

    def op(tx: Transaction) -> GroupView:
        before = _view(tx, groups.wanted(tx, wanted.name))
        call.check(before)
        gone = groups.remove(tx, wanted.name, feed=feed)
        acl.forget_identifier(tx, acl.of_group(gone.id), feed)
        note(tx, call.actor, "group.remove", before.name, before=msgspec.to_builtins(before))
        return before

    return await call.context.database.run(op)


@use("group.member_add", right="change", open_to="domain", about=group_named)
async def member_add(call: Call, wanted: GroupMember) -> GroupView:
    """Put an account or another group into a group."""
    _guard_member(call, "group.member_add", wanted.member)
    feed = call.context.feed

    def op(tx: Transaction) -> GroupView:
        group = groups.add_member(tx, wanted.name, wanted.member, feed=feed)
        note(tx, call.actor, "group.member_add", group.name, after={"member": wanted.member})
        return _view(tx, group)

    return await call.context.database.run(op)


@use("group.member_remove", right="change", open_to="domain", about=group_named)
async def member_remove(call: Call, wanted: GroupMember) -> GroupView:
    """Take an account or another group out of a group."""
    feed = call.context.feed

    def op(tx: Transaction) -> GroupView:
        group = groups.remove_member(tx, wanted.name, wanted.member, feed=feed)
        note(tx, call.actor, "group.member_remove", group.name, before={"member": wanted.member})
        return _view(tx, group)

    return await call.context.database.run(op)
