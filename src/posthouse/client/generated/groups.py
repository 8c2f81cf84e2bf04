"""Groups. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A group. `domain` "" for one of the whole server; `accounts` and `groups` are its direct members, and
    `members` counts them."""

    name: str
    description: str = ""
    domain: str = ""
    members: int = 0
    accounts: list[str] = []
    groups: list[str] = []


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """By name, without who is in them. `next` is the `after` of the page that follows, "" on the last;
    `total` counts all."""

    groups: list[GroupView]
    next: str = ""
    total: int = 0


class GroupsCalls(Topic):
    """Calls of the topic Groups."""

    def group_list(
        self, *, domain: str | None = None, search: str = "", limit: int = 200, after: str = ""
    ) -> Groups:
        """List the groups, of one domain or of all. Right: view."""
        return self._link.ask(
            "GET",
            "/groups",
            Groups,
            query=given(
                {},
                ("domain", domain, None),
                ("search", search, ""),
                ("limit", limit, 200),
                ("after", after, ""),
            ),
        )

    def group_add(self, *, name: str, description: str = "", idempotency_key: str = "") -> GroupView:
        """Make a group of accounts. Right: change."""
        return self._link.ask(
            "POST",
            "/groups",
            GroupView,
            body=given({"name": name}, ("description", description, "")),
            key=idempotency_key,
        )

    def group_remove(self, name: str, *, if_match: str = "") -> GroupView:
        """Remove a group; its accounts stay. Right: change. `if_match`: only if it is still the version with
        this `etag`."""
        return self._link.ask("DELETE", path_of("/groups/{}", name), GroupView, if_match=if_match)

    def group_show(self, name: str) -> Tagged[GroupView]:
        """Show who is in a group. Right: view."""
        return self._link.tagged("GET", path_of("/groups/{}", name), GroupView)

    def group_change(
        self, name: str, *, new_name: str | None = None, description: str | None = None, if_match: str = ""
    ) -> GroupView:
        """Rename a group or describe it anew. Right: change. `if_match`: only if it is still the version
        with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/groups/{}", name),
            GroupView,
            body=given({}, ("new_name", new_name, None), ("description", description, None)),
            if_match=if_match,
        )

    def group_member_add(self, name: str, *, member: str, idempotency_key: str = "") -> GroupView:
        """Put an account or another group into a group. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/groups/{}/members", name),
            GroupView,
            body=given({"member": member}),
            key=idempotency_key,
        )

    def group_member_remove(self, name: str, *, member: str, idempotency_key: str = "") -> GroupView:
        """Take an account or another group out of a group. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/groups/{}/members/remove", name),
            GroupView,
            body=given({"member": member}),
            key=idempotency_key,
        )
