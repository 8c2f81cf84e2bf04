"""Groups of accounts, for rights on shared folders and for lists. All functions are ops.

A group is named plainly (``staff``) or like an address (``staff@example.org``); the latter belongs to that domain, so
that its administrators may look after it. Groups may be in groups; a group never comes to be in itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Row, Transaction
from posthouse.directory import group_records as records
from posthouse.directory import list_records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.group_records import ACCOUNT, GROUP
from posthouse.directory.names import own_address
from posthouse.directory.records import SELECT_ACCOUNT, SELECT_DOMAIN
from posthouse.directory.versions import DIRECTORY, bump

MOST_MEMBERS = 100_000
"""Most direct members of one group."""

MAX_NAME, MAX_DESCRIPTION = 255, 1000

_AT_ONCE = 500
"""Groups asked for by one statement."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group. ``domain_id`` is None for one of the whole server."""

    id: int
    name: str
    domain_id: int | None = None
    description: str = ""

    @property
    def domain(self) -> str:
        """The domain it belongs to, "" for one of the whole server."""
        return self.name.rpartition("@")[2] if self.domain_id is not None else ""


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The direct members of a group: addresses of accounts, names of groups."""

    accounts: tuple[str, ...]
    groups: tuple[str, ...]


# ---------------------------------------------------------------- asking


def find(tx: Transaction, name: str) -> Group | None:
    """The group of this name, however it is capitalised; None where there is none."""
    rows = tx.execute(records.SELECT_BY_NAME, {"name": _key(name)})
    return _group(rows[0]) if rows else None


def by_id(tx: Transaction, group_id: int) -> Group | None:
    """The group of this id; None where there is none (any more)."""
    rows = tx.execute(records.SELECT_BY_ID, {"of_id": group_id})
    return _group(rows[0]) if rows else None


def wanted(tx: Transaction, name: str) -> Group:
    """The group of this name. Raises DirectoryError where there is none."""
    found = find(tx, name)
    if found is None:
        raise DirectoryError(
            f"there is no group {_shown(name)}", "list groups to see those there are", "missing"
        )
    return found


def all_groups(tx: Transaction) -> list[Group]:
    """All groups by name."""
    return [_group(row) for row in tx.execute(records.SELECT_ALL)]


def counts(tx: Transaction) -> dict[int, int]:
    """How many direct members each group has; empty ones are left out."""
    return {int(group_id): int(count) for group_id, count in tx.execute(records.COUNT_MEMBERS)}


def names_of(tx: Transaction, group_ids: Iterable[int]) -> dict[int, str]:
    """The names of some hundred groups by id."""
    ids = list(group_ids)
    return {int(row[0]): row[1] for row in tx.execute(records.SELECT_NAMES, {"ids": ids})} if ids else {}


def ids_of_domain(tx: Transaction, domain_id: int) -> list[int]:
    """The ids of the groups of a domain."""
    return [int(row[0]) for row in tx.execute(records.SELECT_IDS_OF_DOMAIN, {"domain_id": domain_id})]


def direct_members(tx: Transaction, group: Group) -> GroupMembers:
    """Who was put into a group, by name."""
    key = {"of_group": group.id}
    accounts = tuple(row[0] for row in tx.execute(records.SELECT_ACCOUNT_MEMBERS, key))
    return GroupMembers(accounts, tuple(row[0] for row in tx.execute(records.SELECT_GROUP_MEMBERS, key)))


def groups_of(tx: Transaction, account_id: int) -> frozenset[int]:
    """The ids of all groups an account is in, directly or by other groups."""
    return _holding(tx, ACCOUNT, account_id)


def members_of(tx: Transaction, group_id: int) -> frozenset[int]:
    """The ids of all accounts in a group, directly or by other groups, active or not."""
    found: set[int] = set()
    seen, waiting = {group_id}, [group_id]
    while waiting:
        asked, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for _, kind, member_id in tx.execute(records.SELECT_MEMBERS_OF, {"ids": asked}):
            if kind == ACCOUNT:
                found.add(int(member_id))
            elif member_id not in seen:
                seen.add(int(member_id))
                waiting.append(int(member_id))
    return frozenset(found)


def _holding(tx: Transaction, kind: str, member_id: int) -> frozenset[int]:
    """All groups that hold a member, directly or by other groups."""
    found: set[int] = set()
    waiting = [member_id]
    while waiting:
        asked, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for (group_id,) in tx.execute(records.SELECT_WITH, {"of_kind": kind, "ids": asked}):
            if group_id not in found:
                found.add(int(group_id))
                waiting.append(int(group_id))
        if kind == ACCOUNT:  # from here on it is groups that are looked for
            kind = GROUP
    return frozenset(found)


# ---------------------------------------------------------------- changing


def add(tx: Transaction, name: str, description: str = "", *, feed: Feed | None = None) -> Group:
    """Make a group. Raises DirectoryError for a name that is taken or no name."""
    key, domain_id = _checked(tx, name)
    words = _words(description)
    known = DirectoryError(f"group {key} exists already", "list groups to see it", "exists")
    if find(tx, key) is not None:
        raise known
    values = {"name": key, "domain_id": domain_id, "description": words, "created_at": time()}
    try:
        group_id = tx.insert(records.INSERT, values)
    except DuplicateKey:
        raise known from None  # someone else made it at this very moment
    bump(tx, DIRECTORY, feed)
    return Group(group_id, key, domain_id, words)


def change(
    tx: Transaction,
    name: str,
    *,
    new_name: str | None = None,
    description: str | None = None,
    feed: Feed | None = None,
) -> Group:
    """Rename a group or describe it anew; it stays in its domain. Raises DirectoryError."""
    group = wanted(tx, name)
    key = group.name
    if new_name is not None and _key(new_name) != group.name:
        key, domain_id = _checked(tx, new_name)
        if domain_id != group.domain_id:
            raise DirectoryError(
                f"group {group.name} cannot move to another domain", "make a new group there", "refused"
            )
        if find(tx, key) is not None:
            raise DirectoryError(f"group {key} exists already", "choose another name", "exists")
    words = group.description if description is None else _words(description)
    tx.change(records.UPDATE, {"of_id": group.id, "new_name": key, "new_description": words})
    bump(tx, DIRECTORY, feed)
    return Group(group.id, key, group.domain_id, words)


def remove(tx: Transaction, name: str, *, feed: Feed | None = None) -> Group:
    """Remove a group; returns what it was. It is gone from other groups, too."""
    group = wanted(tx, name)
    _remove(tx, group.id)
    bump(tx, DIRECTORY, feed)
    return group


def add_member(tx: Transaction, name: str, member: str, *, feed: Feed | None = None) -> Group:
    """Put an account (by address) or a group (by name) into a group. Where both are named alike it is the account.
    Raises DirectoryError."""
    group = wanted(tx, name)
    bump(tx, DIRECTORY, feed)  # first, so that two who put groups into one another take turns
    kind, member_id = _member(tx, member)
    if kind == GROUP and (member_id == group.id or member_id in _holding(tx, GROUP, group.id)):
        raise DirectoryError(
            f"group {_shown(member)} would be in itself", "leave one of the two out of the other", "refused"
        )
    here = tx.execute(records.SELECT_MEMBERS, {"of_group": group.id})
    if (kind, member_id) in {(row[0], int(row[1])) for row in here}:
        raise DirectoryError(
            f"{_shown(member)} is in group {group.name} already", "nothing is to be done", "exists"
        )
    if len(here) >= MOST_MEMBERS:
        raise DirectoryError(f"group {group.name} is full", "make another group and put it into this one")
    tx.execute(records.INSERT_MEMBER, {"group_id": group.id, "kind": kind, "member_id": member_id})
    return group


def remove_member(tx: Transaction, name: str, member: str, *, feed: Feed | None = None) -> Group:
    """Take an account or a group out of a group. Raises DirectoryError where it is not in it."""
    group = wanted(tx, name)
    kind, member_id = _member(tx, member)
    key = {"of_group": group.id, "of_kind": kind, "of_member": member_id}
    if not tx.change(records.DELETE_MEMBER, key):
        raise DirectoryError(
            f"{_shown(member)} is not in group {group.name}", "show the group to see who is", "missing"
        )
    bump(tx, DIRECTORY, feed)
    return group


def forget_account(tx: Transaction, account_id: int) -> None:
    """An account that goes is in no group any more."""
    tx.change(records.DELETE_EVERYWHERE, {"of_kind": ACCOUNT, "of_member": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """The groups of a domain go with it, and its accounts leave the others. Before its accounts are removed."""
    for group_id in ids_of_domain(tx, domain_id):
        _remove(tx, group_id)
    tx.change(records.DELETE_ACCOUNTS_OF_DOMAIN, {"domain_id": domain_id})


def _remove(tx: Transaction, group_id: int) -> None:
    tx.change(list_records.DELETE_MEMBER_EVERYWHERE, {"of_kind": GROUP, "of_address": str(group_id)})
    tx.change(records.DELETE_EVERYWHERE, {"of_kind": GROUP, "of_member": group_id})
    tx.change(records.DELETE_MEMBERS, {"of_group": group_id})
    tx.change(records.DELETE, {"of_id": group_id})


def _member(tx: Transaction, text: str) -> tuple[str, int]:
    key = _key(text)
    if "@" in key:
        try:
            rows = tx.execute(SELECT_ACCOUNT, {"address": own_address(key).key})
        except DirectoryError:
            rows = []
        if rows:
            return ACCOUNT, int(rows[0][0])
    group = find(tx, key)
    if group is None:
        raise DirectoryError(
            f"there is neither an account nor a group {_shown(text)}",
            "give the address of an account of this server, or the name of a group",
            "missing",
        )
    return GROUP, group.id


def _checked(tx: Transaction, name: str) -> tuple[str, int | None]:
    """A name as it is kept, and the domain it says."""
    if "@" in name:
        address = own_address(name)
        rows = tx.lock(SELECT_DOMAIN, {"name": address.domain})
        if not rows:
            raise DirectoryError(
                f"{address} is not in a domain of ours", f"add the domain {address.domain} first", "missing"
            )
        return address.key, int(rows[0][0])
    key = _key(name)
    if not key:
        raise DirectoryError("no name was given", "give the group a name like staff")
    if len(key) > MAX_NAME or not all(each.isalnum() or each in "-_. " for each in key):
        raise DirectoryError(
            f"{_shown(name)} is no name for a group",
            f"use letters, digits, dots, dashes, underscores and blanks, {MAX_NAME} at most",
        )
    return key, None


def _words(text: str) -> str:
    text = text.strip()
    if len(text) > MAX_DESCRIPTION or any(unicodedata.category(each) == "Cc" for each in text):
        raise DirectoryError(
            "the description is not one line of text",
            f"write one line of {MAX_DESCRIPTION} characters at most",
        )
    return text


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).lower().split())


def _shown(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= 80 else name[:80] + "…"


def _group(row: Row) -> Group:
    return Group(int(row[0]), row[1], None if row[2] is None else int(row[2]), row[3])
