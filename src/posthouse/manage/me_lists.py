"""One's own lists: those one is on, and those one looks after."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import lists
from posthouse.directory.lists import MailingList
from posthouse.directory.names import own_address
from posthouse.mail.address import parse_address
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.lists import (
    ListAddress,
    ListMember,
    ListView,
    MemberPage,
    Members,
    shown_page,
    view,
)
from posthouse.manage.lists_posts import Find, Post, PostPage, Posts, Verdict, decide, waiting
from posthouse.manage.me_account import account_in, own
from posthouse.manage.use import Call, Nothing, use


class OwnLists(msgspec.Struct, frozen=True):
    """``joined``: the addresses of lists you are on yourself. ``owned``: the lists you own or moderate."""

    joined: list[str]
    owned: list[ListView]


def _mine(call: Call) -> Find:
    """Finds a list that the caller owns or moderates; to all others it does not exist."""

    def find(tx: Transaction, address: str) -> MailingList:
        account = account_in(tx, call)
        key = own_address(address).key
        for each in lists.owned_by(tx, account.address):
            if each.address == key:
                return each
        raise ManageError("missing", f"You look after no list {address}.", "Your page of lists shows yours.")

    return find


@use("me.lists", right="view", open_to="user", about=own)
async def mine(call: Call, wanted: Nothing) -> OwnLists:
    """Show the distribution lists you are on, and those you look after."""

    def op(tx: Transaction) -> OwnLists:
        address = account_in(tx, call).address
        joined = [each.address for each in lists.joined_by(tx, address)]
        return OwnLists(joined, [view(tx, each) for each in lists.owned_by(tx, address)])

    return await call.context.database.scan(op)


@use("me.list_leave", right="change", open_to="user", about=own)
async def leave(call: Call, wanted: ListAddress) -> ListAddress:
    """Leave a distribution list."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListAddress:
        account = account_in(tx, call)
        list_id = lists.find(tx, own_address(wanted.address).key)
        if list_id is None or not lists.leave(tx, list_id, parse_address(account.address), feed=feed):
            raise ManageError("missing", f"You are on no list {wanted.address}.", "Nothing is to be done.")
        note(tx, call.actor, "me.list_leave", account.address, before={"list": wanted.address})
        return wanted

    return await call.context.database.run(op)


@use("me.list_members", right="view", open_to="user", about=own)
async def members(call: Call, wanted: MemberPage) -> Members:
    """Show who is on a list you look after."""

    def op(tx: Transaction) -> Members:
        return shown_page(tx, _mine(call)(tx, wanted.address), wanted)

    return await call.context.database.scan(op)


@use("me.list_member_add", right="change", open_to="user", about=own)
async def member_add(call: Call, wanted: ListMember) -> ListMember:
    """Put an address onto a list you own or moderate. Groups and other lists are for administrators."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListMember:
        info = _mine(call)(tx, wanted.address)
        member = parse_address_of(wanted.member)
        if lists.find(tx, member.lower()) is not None:
            raise ManageError(
                "refused", f"{member} is a list.", "Ask your administrator to put it onto this one."
            )
        lists.add_members(tx, info, [member], feed=feed)
        note(tx, call.actor, "me.list_member_add", info.address, after={"member": member})
        return ListMember(info.address, member)

    return await call.context.database.run(op)


@use("me.list_member_remove", right="change", open_to="user", about=own)
async def member_remove(call: Call, wanted: ListMember) -> ListMember:
    """Take an address off a list you own or moderate."""
    feed = call.context.feed

    def op(tx: Transaction) -> ListMember:
        info = _mine(call)(tx, wanted.address)
        lists.remove_member(tx, info, wanted.member.strip(), feed=feed)
        note(tx, call.actor, "me.list_member_remove", info.address, before={"member": wanted.member.strip()})
        return ListMember(info.address, wanted.member.strip())

    return await call.context.database.run(op)


@use("me.list_held", right="view", open_to="user", about=own)
async def held(call: Call, wanted: PostPage) -> Posts:
    """Show the posts that wait for you as a moderator of a list."""
    return await waiting(call, wanted, _mine(call))


@use("me.list_approve", right="change", open_to="user", about=own)
async def approve(call: Call, wanted: Post) -> Post:
    """Let a post that waits for you go to the members."""
    return await decide(
        call, "me.list_approve", Verdict(wanted.address, wanted.post), "approved", _mine(call)
    )


@use("me.list_reject", right="change", open_to="user", about=own)
async def reject(call: Call, wanted: Verdict) -> Post:
    """Refuse a post that waits for you; its sender is told, with the reason if one is given."""
    return await decide(call, "me.list_reject", wanted, "rejected", _mine(call))


def parse_address_of(text: str) -> str:
    """A member's address. Raises ManageError for what is none (a group's name, say)."""
    try:
        address = parse_address(text.strip())
    except ValueError as problem:
        raise ManageError(
            "invalid", f"{text[:80]!r} is no mail address: {problem}.", "Give a mail address."
        ) from None
    return str(address)
