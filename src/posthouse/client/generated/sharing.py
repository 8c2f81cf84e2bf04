"""Sharing. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.topic import Topic, given, path_of


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who has which rights."""

    who: str
    rights: str


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with its entries. `own_marks`: everybody has their own read marks there. `size` in bytes."""

    of: str
    name: str
    messages: int
    size: int
    own_marks: bool
    entries: list[Entry]


class Folders(msgspec.Struct, frozen=True, kw_only=True):
    """By name. Of an account all folders, shared or not."""

    folders: list[Folder]


class SharedMailbox(msgspec.Struct, frozen=True, kw_only=True):
    """A shared mailbox; `members` as its inbox has them."""

    address: str
    members: list[Entry]
    own_marks: bool
    keep_sent: bool


class SharedMailboxes(msgspec.Struct, frozen=True, kw_only=True):
    """By address."""

    mailboxes: list[SharedMailbox]


class SharedWith(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of somebody else under the name it has for this account, with this account's rights."""

    name: str
    rights: str


class SharedWithAll(msgspec.Struct, frozen=True, kw_only=True):
    """By name."""

    folders: list[SharedWith]


class SharingCalls(Topic):
    """Calls of the topic Sharing."""

    def folder_remove(self, *, name: str, of: str = "") -> Folder:
        """Remove a public folder with its messages; not while there are folders below it. Right: change."""
        return self._link.ask("DELETE", "/folders", Folder, query=given({"name": name}, ("of", of, "")))

    def folder_list(self, *, of: str = "") -> Folders:
        """List the public folders, or those of an account, and who may do what there. Right: view."""
        return self._link.ask("GET", "/folders", Folders, query=given({}, ("of", of, "")))

    def folder_add(self, *, name: str, of: str = "", idempotency_key: str = "") -> Folder:
        """Make a public folder, in which everybody has their own read marks. Nobody sees it until rights are
        given; one below another gets the entries of that. Right: change."""
        return self._link.ask(
            "POST", "/folders", Folder, body=given({"name": name}, ("of", of, "")), key=idempotency_key
        )

    def folder_leave(self, *, of: str, name: str, idempotency_key: str = "") -> SharedWith:
        """Give up what an account may do in a folder of somebody else. What it may do there by a group, or
        because everybody may, is taken from it by an entry of its own, which the folder's owner can take
        back. Right: change."""
        return self._link.ask(
            "POST", "/folders/leave", SharedWith, body=given({"of": of, "name": name}), key=idempotency_key
        )

    def folder_set_marks(self, *, name: str, own: bool, of: str = "") -> Folder:
        """Let everybody have their own read marks in a folder, or keep them in common. Right: change."""
        return self._link.ask(
            "PUT", "/folders/marks", Folder, body=given({"name": name, "own": own}, ("of", of, ""))
        )

    def folder_show(self, *, name: str, of: str = "") -> Folder:
        """Show a public folder, or one of an account, and who may do what there. Right: view."""
        return self._link.ask("GET", "/folders/one", Folder, query=given({"name": name}, ("of", of, "")))

    def folder_set_rights(self, *, name: str, who: str, rights: str, of: str = "") -> Folder:
        """Say what somebody may do in a folder, in place of what was said before. Right: change."""
        return self._link.ask(
            "PUT",
            "/folders/rights",
            Folder,
            body=given({"name": name, "who": who, "rights": rights}, ("of", of, "")),
        )

    def folder_shared_with(self, of: str) -> SharedWithAll:
        """List the folders of others that an account sees, and what it may do there. Right: view."""
        return self._link.ask("GET", path_of("/folders/shared-with/{}", of), SharedWithAll)

    def shared_mailbox_list(self) -> SharedMailboxes:
        """List the shared mailboxes with their members. Right: view."""
        return self._link.ask("GET", "/shared-mailboxes", SharedMailboxes)

    def shared_mailbox_add(
        self,
        *,
        address: str,
        members: Sequence[str] = (),
        send_as: bool = True,
        own_marks: bool = False,
        idempotency_key: str = "",
    ) -> SharedMailbox:
        """Make an address whose mail several people read and answer together, with its members, in one step.
        Right: change."""
        return self._link.ask(
            "POST",
            "/shared-mailboxes",
            SharedMailbox,
            body=given(
                {"address": address},
                ("members", members, ()),
                ("send_as", send_as, True),
                ("own_marks", own_marks, False),
            ),
            key=idempotency_key,
        )

    def shared_mailbox_show(self, address: str) -> SharedMailbox:
        """Show a shared mailbox and who its members are. Right: view."""
        return self._link.ask("GET", path_of("/shared-mailboxes/{}", address), SharedMailbox)

    def shared_mailbox_set(
        self, address: str, *, own_marks: bool | None = None, keep_sent: bool | None = None
    ) -> SharedMailbox:
        """Change whose read marks count in a shared mailbox, and whether it keeps what is sent in its name.
        Right: change."""
        return self._link.ask(
            "PATCH",
            path_of("/shared-mailboxes/{}", address),
            SharedMailbox,
            body=given({}, ("own_marks", own_marks, None), ("keep_sent", keep_sent, None)),
        )

    def shared_mailbox_set_member(
        self, address: str, *, who: str, rights: str = "member", send_as: bool = True
    ) -> SharedMailbox:
        """Make somebody a member of a shared mailbox, change what they may do there, or take them out.
        Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/shared-mailboxes/{}/members", address),
            SharedMailbox,
            body=given({"who": who}, ("rights", rights, "member"), ("send_as", send_as, True)),
        )
