"""Lists. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """Members as CSV, with a heading."""

    text: str


class ImportedMembers(msgspec.Struct, frozen=True, kw_only=True):
    """How many members are new; the others were there before."""

    new: int
    lines: int


class ListAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A list by its address."""

    address: str


class ListMember(msgspec.Struct, frozen=True, kw_only=True):
    """An address, the name of a group, or the address of another list."""

    address: str
    member: str


class ListView(msgspec.Struct, frozen=True, kw_only=True):
    """A list. `mode`: who may write (public: anybody; members; announcements: the addresses in senders;
    domain: addresses of its domain; server: whoever has an account here). `signed_in`: only after a sign-in.
    `moderation`: whose posts wait for a moderator. `joining`: who may join by writing to it. `tag` stands
    before the subject. `replies`: whom answers go to. `max_size` in bytes, 0: no limit of its own.
    `own_from`: mail goes out with the list's address in From. `members` counts addresses, groups and lists
    on it."""

    address: str
    name: str
    description: str
    active: bool
    mode: Literal["public", "members", "announcements", "domain", "server"]
    signed_in: bool
    moderation: Literal["none", "strangers", "all"]
    joining: Literal["closed", "confirm", "open"]
    tag: str
    replies: Literal["sender", "list"]
    max_size: int
    own_from: bool
    owners: list[str] = []
    moderators: list[str] = []
    senders: list[str] = []
    members: int = 0


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    lists: list[ListView]
    next: str = ""
    total: int = 0


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on a list. `kind`: an address or a group. `away` not "": gets no mail, because too much came
    back (bounces), by hand (hand), or because they left (left). `bounces` counts mail that came back lately.
    """

    kind: Literal["address", "group"]
    name: str
    away: str = ""
    bounces: int = 0


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """`next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    members: list[MemberView]
    next: str = ""
    total: int = 0


class OwnLists(msgspec.Struct, frozen=True, kw_only=True):
    """`joined`: the addresses of lists you are on yourself. `owned`: the lists you own or moderate."""

    joined: list[str]
    owned: list[ListView]


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A post of a list by its number."""

    address: str
    post: int


class PostView(msgspec.Struct, frozen=True, kw_only=True):
    """A post that waits. `at` in seconds since 1970, `size` in bytes; `reason`: why it waits."""

    post: int
    sender: str
    subject: str
    size: int
    at: float
    reason: str
    trace: str


class Posts(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest first, the first two hundred."""

    posts: list[PostView]


class ListsCalls(Topic):
    """Calls of the topic Lists."""

    def list_list(
        self, *, domain: str | None = None, search: str = "", limit: int = 200, after: str = ""
    ) -> Lists:
        """List the distribution lists, of one domain or of all. Right: view."""
        return self._link.ask(
            "GET",
            "/lists",
            Lists,
            query=given(
                {},
                ("domain", domain, None),
                ("search", search, ""),
                ("limit", limit, 200),
                ("after", after, ""),
            ),
        )

    def list_add(
        self,
        *,
        address: str,
        name: str = "",
        description: str = "",
        active: bool = True,
        mode: Literal["public", "members", "announcements", "domain", "server"] = "members",
        signed_in: bool = False,
        moderation: Literal["none", "strangers", "all"] = "none",
        joining: Literal["closed", "confirm", "open"] = "closed",
        tag: str = "",
        replies: Literal["sender", "list"] = "sender",
        max_size: int = 0,
        own_from: bool = False,
        owners: Sequence[str] = (),
        moderators: Sequence[str] = (),
        senders: Sequence[str] = (),
        idempotency_key: str = "",
    ) -> ListView:
        """Make a distribution list. Right: change."""
        return self._link.ask(
            "POST",
            "/lists",
            ListView,
            body=given(
                {"address": address},
                ("name", name, ""),
                ("description", description, ""),
                ("active", active, True),
                ("mode", mode, "members"),
                ("signed_in", signed_in, False),
                ("moderation", moderation, "none"),
                ("joining", joining, "closed"),
                ("tag", tag, ""),
                ("replies", replies, "sender"),
                ("max_size", max_size, 0),
                ("own_from", own_from, False),
                ("owners", owners, ()),
                ("moderators", moderators, ()),
                ("senders", senders, ()),
            ),
            key=idempotency_key,
        )

    def list_remove(self, address: str, *, if_match: str = "") -> ListView:
        """Remove a distribution list; mail for it is refused from then on. Right: change. `if_match`: only
        if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/lists/{}", address), ListView, if_match=if_match)

    def list_show(self, address: str) -> Tagged[ListView]:
        """Show a distribution list. Right: view."""
        return self._link.tagged("GET", path_of("/lists/{}", address), ListView)

    def list_change(
        self,
        address: str,
        *,
        name: str | None = None,
        description: str | None = None,
        active: bool | None = None,
        mode: Literal["public", "members", "announcements", "domain", "server"] | None = None,
        signed_in: bool | None = None,
        moderation: Literal["none", "strangers", "all"] | None = None,
        joining: Literal["closed", "confirm", "open"] | None = None,
        tag: str | None = None,
        replies: Literal["sender", "list"] | None = None,
        max_size: int | None = None,
        own_from: bool | None = None,
        owners: Sequence[str] | None = None,
        moderators: Sequence[str] | None = None,
        senders: Sequence[str] | None = None,
        if_match: str = "",
    ) -> ListView:
        """Change a distribution list. Right: change. `if_match`: only if it is still the version with this
        `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/lists/{}", address),
            ListView,
            body=given(
                {},
                ("name", name, None),
                ("description", description, None),
                ("active", active, None),
                ("mode", mode, None),
                ("signed_in", signed_in, None),
                ("moderation", moderation, None),
                ("joining", joining, None),
                ("tag", tag, None),
                ("replies", replies, None),
                ("max_size", max_size, None),
                ("own_from", own_from, None),
                ("owners", owners, None),
                ("moderators", moderators, None),
                ("senders", senders, None),
            ),
            if_match=if_match,
        )

    def list_export(self, address: str) -> Exported:
        """Give the members of a list as CSV, as an import reads it. Right: view."""
        return self._link.ask("GET", path_of("/lists/{}/export", address), Exported)

    def list_held(self, address: str) -> Posts:
        """Show the posts that wait for a moderator of a list. Right: view."""
        return self._link.ask("GET", path_of("/lists/{}/held", address), Posts)

    def list_approve(self, address: str, post: int, *, idempotency_key: str = "") -> Post:
        """Let a post that waits go to the members. Right: change."""
        return self._link.ask(
            "POST", path_of("/lists/{}/held/{}/approve", address, post), Post, key=idempotency_key
        )

    def list_reject(self, address: str, post: int, *, reason: str = "", idempotency_key: str = "") -> Post:
        """Refuse a post that waits; its sender is told, with the reason if one is given. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/lists/{}/held/{}/reject", address, post),
            Post,
            body=given({}, ("reason", reason, "")),
            key=idempotency_key,
        )

    def list_import(self, address: str, *, text: str, idempotency_key: str = "") -> ImportedMembers:
        """Put many members onto a list, from CSV; those that are on it already stay. In units of some
        hundred lines; a line that is wrong ends it, and what stands before it is done. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/lists/{}/import", address),
            ImportedMembers,
            body=given({"text": text}),
            key=idempotency_key,
        )

    def list_members(self, address: str, *, limit: int = 200, after: str = "") -> Members:
        """Show who is on a list. Right: view."""
        return self._link.ask(
            "GET",
            path_of("/lists/{}/members", address),
            Members,
            query=given({}, ("limit", limit, 200), ("after", after, "")),
        )

    def list_member_add(self, address: str, *, member: str, idempotency_key: str = "") -> ListMember:
        """Put an address, a group or another list onto a list. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/lists/{}/members", address),
            ListMember,
            body=given({"member": member}),
            key=idempotency_key,
        )

    def list_member_remove(self, address: str, *, member: str, idempotency_key: str = "") -> ListMember:
        """Take an address, a group or another list off a list. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/lists/{}/members/remove", address),
            ListMember,
            body=given({"member": member}),
            key=idempotency_key,
        )

    def list_member_switch(
        self, address: str, *, member: str, active: bool, idempotency_key: str = ""
    ) -> ListMember:
        """Let a member get no mail for a while, or get it again after too much came back. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/lists/{}/members/switch", address),
            ListMember,
            body=given({"member": member, "active": active}),
            key=idempotency_key,
        )

    def me_lists(self) -> OwnLists:
        """Show the distribution lists you are on, and those you look after. Right: view."""
        return self._link.ask("GET", "/me/lists", OwnLists)

    def me_list_held(self, address: str) -> Posts:
        """Show the posts that wait for you as a moderator of a list. Right: view."""
        return self._link.ask("GET", path_of("/me/lists/{}/held", address), Posts)

    def me_list_approve(self, address: str, post: int, *, idempotency_key: str = "") -> Post:
        """Let a post that waits for you go to the members. Right: change."""
        return self._link.ask(
            "POST", path_of("/me/lists/{}/held/{}/approve", address, post), Post, key=idempotency_key
        )

    def me_list_reject(self, address: str, post: int, *, reason: str = "", idempotency_key: str = "") -> Post:
        """Refuse a post that waits for you; its sender is told, with the reason if one is given. Right:
        change."""
        return self._link.ask(
            "POST",
            path_of("/me/lists/{}/held/{}/reject", address, post),
            Post,
            body=given({}, ("reason", reason, "")),
            key=idempotency_key,
        )

    def me_list_leave(self, address: str, *, idempotency_key: str = "") -> ListAddress:
        """Leave a distribution list. Right: change."""
        return self._link.ask(
            "POST", path_of("/me/lists/{}/leave", address), ListAddress, key=idempotency_key
        )

    def me_list_members(self, address: str, *, limit: int = 200, after: str = "") -> Members:
        """Show who is on a list you look after. Right: view."""
        return self._link.ask(
            "GET",
            path_of("/me/lists/{}/members", address),
            Members,
            query=given({}, ("limit", limit, 200), ("after", after, "")),
        )

    def me_list_member_add(self, address: str, *, member: str, idempotency_key: str = "") -> ListMember:
        """Put an address onto a list you own or moderate. Groups and other lists are for administrators.
        Right: change."""
        return self._link.ask(
            "POST",
            path_of("/me/lists/{}/members", address),
            ListMember,
            body=given({"member": member}),
            key=idempotency_key,
        )

    def me_list_member_remove(self, address: str, *, member: str, idempotency_key: str = "") -> ListMember:
        """Take an address off a list you own or moderate. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/me/lists/{}/members/remove", address),
            ListMember,
            body=given({"member": member}),
            key=idempotency_key,
        )
