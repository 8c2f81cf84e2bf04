"""Distribution lists: add, list, show, change, remove; their members; posts that wait for a moderator."""

from __future__ import annotations

import csv
import io
from typing import Any, Literal

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, lists
from posthouse.directory.lists import Joining, MailingList, Mode, Moderation, Replies, Role
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.lists_posts import Post, PostPage, Posts, Verdict, decide, waiting
from posthouse.manage.reach import page_size, within
from posthouse.manage.use import Call, named, narrows, not_allowed, use

MAX_IMPORT = 4 * 1024 * 1024
_AT_ONCE = 200


class ListAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list by its address."""

    address: str


class ListView(msgspec.Struct, frozen=True, kw_only=True):
    """A list. ``mode``: who may write (public: anybody; members; announcements: the addresses in senders; domain:
    addresses of its domain; server: whoever has an account here). ``signed_in``: only after a sign-in. ``moderation``:
    whose posts wait for a moderator. ``joining``: who may join by writing to it. ``tag`` stands before the subject.
    ``replies``: whom answers go to. ``max_size`` in bytes, 0: no limit of its own. ``own_from``: mail goes out with the
    list's address in From. ``members`` counts addresses, groups and lists on it."""

    address: str
    name: str
    description: str
    active: bool
    mode: Mode
    signed_in: bool
    moderation: Moderation
    joining: Joining
    tag: str
    replies: Replies
    max_size: int
    own_from: bool
    owners: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    members: int = 0


class NewList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A list to be made; see ListView for what its fields mean."""

    address: str
    name: str = ""
    description: str = ""
    active: bool = True
    mode: Mode = "members"
    signed_in: bool = False
    moderation: Moderation = "none"
    joining: Joining = "closed"
    tag: str = ""
    replies: Replies = "sender"
    max_size: int = 0
    own_from: bool = False
    owners: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


class ListChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be different about a list; what is left out stays. See ListView for what the fields mean."""

    address: str
    name: str | None = None
    description: str | None = None
    active: bool | None = None
    mode: Mode | None = None
    signed_in: bool | None = None
    moderation: Moderation | None = None
    joining: Joining | None = None
    tag: str | None = None
    replies: Replies | None = None
    max_size: int | None = None
    own_from: bool | None = None
    owners: tuple[str, ...] | None = None
    moderators: tuple[str, ...] | None = None
    senders: tuple[str, ...] | None = None


class ListPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all; with ``search`` in address or name; ``limit`` of them after the address ``after``."""

    domain: str | None = None
    search: str = ""
    limit: int = 200
    after: str = ""


class Lists(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    lists: list[ListView]
    next: str = ""
    total: int = 0


class ListMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address, the name of a group, or the address of another list."""

    address: str
    member: str


class MemberView(msgspec.Struct, frozen=True):
    """Somebody on a list. ``kind``: an address or a group. ``away`` not "": gets no mail, because too much came back
    (bounces), by hand (hand), or because they left (left). ``bounces`` counts mail that came back lately."""

    kind: Literal["address", "group"]
    name: str
    away: str = ""
    bounces: int = 0


class MemberPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members of a list: ``limit`` of them after ``after``."""

    address: str
    limit: int = 200
    after: str = ""


class Members(msgspec.Struct, frozen=True):
    """``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    members: list[MemberView]
    next: str = ""
    total: int = 0


class MemberImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members as CSV: one in each line, in the first column; a first line ``address`` is a heading."""

    address: str
    text: str


class ImportedMembers(msgspec.Struct, frozen=True):
    """How many members are new; the others were there before."""

    new: int
    lines: int


class MemberSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether mail goes to a member."""

    address: str
    member: str
    active: bool


_PEOPLE: dict[str, Role] = {"owners": "owner", "moderators": "moderator", "senders": "sender"}


def view(tx: Transaction, info: MailingList, members: int | None = None) -> ListView:
    """A list as it is shown."""
    people = lists.people(tx, info.id)
    count = members if members is not None else lists.page_members(tx, info.id, "", 1)[2]
    given = {
        name: getattr(info, name) for name in ListView.__struct_fields__ if name not in (*_PEOPLE, "members")
    }
    return ListView(
        **given,
        owners=people["owner"],
        moderators=people["moderator"],
        senders=people["sender"],
        members=count,
    )


def shown_page(tx: Transaction, info: MailingList, wanted: MemberPage) -> Members:
    """A page of members."""
    found, after, total = lists.page_members(tx, info.id, wanted.after, page_size(wanted.limit))
    return Members(
        [MemberView(each.kind, each.name, each.away, each.bounces) for each in found], after, total
    )


@use("list.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: NewList) -> ListView:
    """Make a distribution list."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListView:
        given = msgspec.structs.asdict(wanted)
        people = {role: given.pop(name) for name, role in _PEOPLE.items()}
        made = lists.add(tx, given.pop("address"), given, feed=feed)
        for role, addresses in people.items():
            lists.set_people(tx, made.id, role, addresses, feed=feed)
        shown = view(tx, made)
        note(tx, call.actor, "list.add", made.address, after=msgspec.to_builtins(shown))
        return shown

    return await call.context.database.run(op)


@use("list.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: ListPage) -> Lists:
    """List the distribution lists, of one domain or of all."""
    domains = within(call, "list.list", wanted.domain)
    limit, search = page_size(wanted.limit), wanted.search.lower()

    def op(tx: Transaction) -> Lists:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        found = [
            each
            for each in lists.all_lists(tx)
            if (domains is None or each.domain in domains)
            and (search in each.address or search in each.name.lower())
        ]
        counts = lists.counts(tx)
        page = [each for each in found if each.address > wanted.after][:limit]
        views = [view(tx, each, counts.get(each.id, 0)) for each in page]
        return Lists(views, views[-1].address if len(views) == limit else "", len(found))

    return await call.context.database.scan(op)


@use("list.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: ListAddress) -> ListView:
    """Show a distribution list."""

    def op(tx: Transaction) -> ListView:
        return view(tx, lists.wanted(tx, wanted.address))

    return await call.context.database.scan(op)


@use("list.change", right="change", open_to="domain", about=named("address"), conditional=True)
async def change(call: Call, wanted: ListChange) -> ListView:
    """Change a distribution list."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListView:
        before = view(tx, lists.wanted(tx, wanted.address))
        call.check(before)
        given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
        address = given.pop("address")
        people = {role: given.pop(name) for name, role in _PEOPLE.items() if name in given}
        changed = lists.change(tx, address, given, feed=feed)
        for role, addresses in people.items():
            lists.set_people(tx, changed.id, role, addresses, feed=feed)
        after = view(tx, changed)
        old, new = _differing(before, after)
        note(tx, call.actor, "list.change", changed.address, before=old, after=new)
        return after

    return await call.context.database.run(op)


@use("list.remove", right="change", open_to="domain", about=named("address"), conditional=True)
async def remove(call: Call, wanted: ListAddress) -> ListView:
    """Remove a distribution list; mail for it is refused from then on."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListView:
        before = view(tx, lists.wanted(tx, wanted.address))
        call.check(before)
        lists.remove(tx, wanted.address, feed=feed)
        note(tx, call.actor, "list.remove", before.address, before=msgspec.to_builtins(before))
        return before

    return await call.context.database.run(op)


@use("list.members", right="view", open_to="domain", about=named("address"))
async def members(call: Call, wanted: MemberPage) -> Members:
    """Show who is on a list."""

    def op(tx: Transaction) -> Members:
        return shown_page(tx, lists.wanted(tx, wanted.address), wanted)

    return await call.context.database.scan(op)


def _guard_group(tx: Transaction, call: Call, use_name: str, name: str) -> None:
    """A domain administrator puts no group onto a list that others look after: it would tell who is in it."""
    if call.actor.role == "server":
        return
    group = lists.group_meant(tx, name)
    if group and not ("@" in group and call.actor.governs(group)):
        raise not_allowed(call.actor, use_name, "change")


@use("list.member_add", right="change", open_to="domain", about=named("address"))
async def member_add(call: Call, wanted: ListMember) -> ListMember:
    """Put an address, a group or another list onto a list."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListMember:
        info = lists.wanted(tx, wanted.address)
        _guard_group(tx, call, "list.member_add", wanted.member.strip())
        lists.add_members(tx, info, [wanted.member.strip()], feed=feed)
        note(tx, call.actor, "list.member_add", info.address, after={"member": wanted.member.strip()})
        return ListMember(info.address, wanted.member.strip())

    return await call.context.database.run(op)


@use("list.member_remove", right="change", open_to="domain", about=named("address"))
async def member_remove(call: Call, wanted: ListMember) -> ListMember:
    """Take an address, a group or another list off a list."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListMember:
        info = lists.wanted(tx, wanted.address)
        lists.remove_member(tx, info, wanted.member.strip(), feed=feed)
        note(tx, call.actor, "list.member_remove", info.address, before={"member": wanted.member.strip()})
        return ListMember(info.address, wanted.member.strip())

    return await call.context.database.run(op)


@use("list.member_switch", right="change", open_to="domain", about=named("address"))
async def member_switch(call: Call, wanted: MemberSwitch) -> ListMember:
    """Let a member get no mail for a while, or get it again after too much came back."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListMember:
        info = lists.wanted(tx, wanted.address)
        lists.set_away(tx, info, wanted.member, "" if wanted.active else "hand", feed=feed)
        after = {"member": wanted.member, "active": wanted.active}
        note(tx, call.actor, "list.member_switch", info.address, after=after)
        return ListMember(info.address, wanted.member)

    return await call.context.database.run(op)


@use("list.import", right="change", open_to="domain", about=named("address"))
async def import_(call: Call, wanted: MemberImport) -> ImportedMembers:
    """Put many members onto a list, from CSV; those that are on it already stay. In units of some hundred lines; a line
    that is wrong ends it, and what stands before it is done."""
    if len(wanted.text) > MAX_IMPORT:
        raise ManageError("invalid", "That is too much at once.", f"Give {MAX_IMPORT} characters at most.")
    names = names_in(wanted.text)
    feed, new = call.context.feed, 0

    def op(tx: Transaction, part: list[str]) -> int:
        info = lists.wanted(tx, wanted.address)
        for each in part:
            _guard_group(tx, call, "list.import", each)
        added = lists.add_members(tx, info, part, feed=feed)
        note(tx, call.actor, "list.import", info.address, after={"lines": len(part), "new": added})
        return added

    for at in range(0, len(names), _AT_ONCE):
        new += await call.context.database.run(op, names[at : at + _AT_ONCE])
    return ImportedMembers(new, len(names))


class Exported(msgspec.Struct, frozen=True):
    """Members as CSV, with a heading."""

    text: str


@use("list.export", right="view", open_to="domain", about=named("address"))
async def export(call: Call, wanted: ListAddress) -> Exported:
    """Give the members of a list as CSV, as an import reads it."""
    rows: list[tuple[str, str]] = []
    after, more = "", True
    while more:

        def op(tx: Transaction, start: str) -> tuple[list[lists.Member], str, int]:
            return lists.page_members(tx, lists.wanted(tx, wanted.address).id, start, 1000)

        found, after, _ = await call.context.database.scan(op, after)
        rows += [(each.name, each.away) for each in found]
        more = bool(after)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("address", "away"))
    # What a spreadsheet would take for a formula is no address of anybody; a quote in front keeps it text.
    writer.writerows((f"'{name}" if name[:1] in "=+-@" else name, away) for name, away in rows)
    return Exported(text.getvalue())


@use("list.held", right="view", open_to="domain", about=named("address"))
async def held(call: Call, wanted: PostPage) -> Posts:
    """Show the posts that wait for a moderator of a list."""
    return await waiting(call, wanted, lists.wanted)


@use("list.approve", right="change", open_to="domain", about=named("address"))
async def approve(call: Call, wanted: Post) -> Post:
    """Let a post that waits go to the members."""
    return await decide(call, "list.approve", Verdict(wanted.address, wanted.post), "approved", lists.wanted)


@use("list.reject", right="change", open_to="domain", about=named("address"))
async def reject(call: Call, wanted: Verdict) -> Post:
    """Refuse a post that waits; its sender is told, with the reason if one is given."""
    return await decide(call, "list.reject", wanted, "rejected", lists.wanted)


def names_in(text: str) -> list[str]:
    """The first column of a CSV, without its heading and empty lines. Raises ManageError."""
    try:
        rows = [row[0].strip() for row in csv.reader(io.StringIO(text)) if row and row[0].strip()]
    except csv.Error as problem:
        raise ManageError(
            "invalid", f"That is no CSV: {problem}.", "Write one member in each line."
        ) from None
    if rows and rows[0].lower() in ("address", "member"):
        rows = rows[1:]
    return [each.removeprefix("'") for each in rows]


def _differing(before: ListView, after: ListView) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    names = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}
