"""Rights on mailboxes as IMAP tells and takes them (RFC 4314).

Identifiers: the address of an account here, ``$`` and the name of a group, ``anyone``; with ``-`` in front the rights
are taken away. Entries of accounts and groups that are gone are not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.access.imap.contract import BadCommand, ImapSession, No
from posthouse.access.imap.mailboxes import Place, locate
from posthouse.access.imap.sharing import Sharing
from posthouse.database.contract import Transaction
from posthouse.directory import groups
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.records import SELECT_ACCOUNT, SELECT_ACCOUNT_BY_ID
from posthouse.store import acl

GROUP = "$"
"""Before the name of a group."""


@dataclass(frozen=True, slots=True)
class Administered:
    """A mailbox whose rights somebody may look at and change."""

    place: Place
    sharing: Sharing


async def administered(session: ImapSession, name: str) -> Administered:
    """The mailbox of this name, if its rights are this account's to administer. Raises No."""
    place = await locate(session, name, "a")
    if session.sharing is None:
        raise No("Folders are not shared here", b"CANNOT")
    return Administered(place, session.sharing)


def identifier_key(tx: Transaction, text: str) -> str | None:
    """The key of an identifier as somebody wrote it, None where nobody is called so."""
    minus = text.startswith("-")
    name = text.removeprefix("-")
    key: str | None = None
    if name.lower() == acl.ANYONE:
        key = acl.ANYONE
    elif name.startswith(GROUP):
        group = groups.find(tx, name[1:])
        key = acl.of_group(group.id) if group is not None else None
    else:
        try:
            rows = tx.execute(SELECT_ACCOUNT, {"address": own_address(name).key})
        except DirectoryError:
            rows = []
        key = acl.of_account(int(rows[0][0])) if rows else None
    return None if key is None else ("-" if minus else "") + key


def identifier_name(tx: Transaction, key: str) -> str:
    """What an identifier is called, "" when it is gone."""
    minus, bare = ("-", key[1:]) if key.startswith("-") else ("", key)
    if bare == acl.ANYONE:
        return minus + bare
    if bare.startswith("g"):
        group = groups.by_id(tx, int(bare[1:]))
        return f"{minus}{GROUP}{group.name}" if group is not None else ""
    rows = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": int(bare[1:])})
    return minus + str(rows[0][2]) if rows else ""


def named_entries(tx: Transaction, mailbox_id: int) -> list[tuple[str, str]]:
    """The entries of a mailbox by name, as far as those they are about are there."""
    named = [(identifier_name(tx, key), rights) for key, rights in acl.entries_in(tx, mailbox_id)]
    return [(name, rights) for name, rights in named if name]


def change_entry(
    tx: Transaction, sharing: Sharing, mailbox_id: int, owner: int, text: str, wanted: str
) -> None:
    """SETACL: set rights, or add (``+``) or take (``-``) some. Raises No and BadCommand."""
    key = identifier_key(tx, text)
    if key is None:
        raise No("Nobody is called so here", b"NONEXISTENT")
    if key.removeprefix("-") == acl.of_account(owner):
        raise No("The owner always has all rights", b"CANNOT")
    sign = wanted[:1] if wanted[:1] in ("+", "-") else ""
    try:
        rights = acl.parse(wanted[len(sign) :])
    except ValueError as problem:
        raise BadCommand(str(problem)) from None
    before = dict(acl.entries_in(tx, mailbox_id)).get(key, "")
    if sign == "+":
        rights = acl.in_order(before + rights)
    elif sign == "-":
        rights = acl.in_order(set(before) - set(rights))
    acl.set_entry(tx, mailbox_id, key, rights, sharing.feed)
