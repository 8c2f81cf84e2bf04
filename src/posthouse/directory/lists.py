"""Distribution lists as units of work. All functions are ops; those that change something raise DirectoryError.

Members are addresses, groups of accounts, or other lists (by their addresses). A list never comes to be in itself, and
who is on it by several ways is on it once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import time
from typing import Literal, cast, get_args

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Row, Transaction
from posthouse.directory import domain_limits, domain_records, groups, naming
from posthouse.directory import list_records as records
from posthouse.directory.contract import Target
from posthouse.directory.errors import DirectoryError
from posthouse.directory.list_records import ADDRESS, GROUP
from posthouse.directory.names import own_address, target_address
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.address import Address

Mode = Literal["public", "members", "announcements", "domain", "server"]
"""Who may write: anybody; members; named senders; whoever has an address in the list's domain; accounts here."""
Moderation = Literal["none", "strangers", "all"]
"""Whose posts wait for a moderator: nobody's; those of people who are no members; all."""
Joining = Literal["closed", "confirm", "open"]
"""Who comes onto the list by writing to it: nobody; who confirms it by mail; like it, and leaving asks nothing."""
Replies = Literal["sender", "list"]
Role = Literal["owner", "moderator", "sender"]
Away = Literal["", "bounces", "hand", "left"]

MOST_MEMBERS = 100_000
MOST_PEOPLE = 100
MAX_NAME, MAX_DESCRIPTION, MAX_TAG = 200, 1000, 60
MAX_LOCAL = 40
"""Bytes of a list's name before the @: what is after it in return paths needs the rest."""
_DEEP = 200
"""Lists within one another that are looked at."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list. ``max_size`` in bytes, 0: none of its own. ``own_from``: mail leaves with the list's address in From."""

    id: int
    domain_id: int
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

    @property
    def domain(self) -> str:
        """The domain it belongs to."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a list: an address, or a group by its name."""

    kind: Literal["address", "group"]
    name: str
    away: Away = ""
    bounces: int = 0
    bounced_at: float = 0.0


# ---------------------------------------------------------------- asking


def find(tx: Transaction, key: str) -> int | None:
    """The id of the list with this address key; None where there is none."""
    rows = tx.execute(records.SELECT_ID, {"address": key})
    return int(rows[0][0]) if rows else None


def leads_to(tx: Transaction, key: str) -> Target | None:
    """Where an address key leads if it is that of a list, or one of those a list has besides (``list+owner``, return
    paths): the detail is what stands after the plus, whatever the domain says of plus addresses."""
    local, _, domain = key.rpartition("@")
    name, _, detail = local.partition("+")
    list_id = find(tx, f"{name}@{domain}")
    return None if list_id is None else Target("list", list_id=list_id, detail=detail)


def by_id(tx: Transaction, list_id: int) -> MailingList | None:
    """The list of an id; None where there is none (any more)."""
    rows = tx.execute(records.SELECT_BY_ID, {"of_id": list_id})
    return _list(rows[0]) if rows else None


def wanted(tx: Transaction, address: str) -> MailingList:
    """The list of this address. Raises DirectoryError where there is none."""
    rows = tx.execute(records.SELECT_BY_ADDRESS, {"address": _real(tx, own_address(address))})
    if not rows:
        raise DirectoryError(
            f"there is no list {address}", "show the lists to see those there are", "missing"
        )
    return _list(rows[0])


def all_lists(tx: Transaction) -> list[MailingList]:
    """All lists by address."""
    return [_list(row) for row in tx.execute(records.SELECT_ALL)]


def counts(tx: Transaction) -> dict[int, int]:
    """How many direct members each list has; empty ones are left out."""
    return {int(list_id): int(count) for list_id, count in tx.execute(records.COUNT_MEMBERS)}


def count_of_domain(tx: Transaction, domain_id: int) -> int:
    """How many lists a domain has."""
    return int(tx.execute(records.COUNT_OF_DOMAIN, {"domain_id": domain_id})[0][0])


def people(tx: Transaction, list_id: int) -> dict[Role, tuple[str, ...]]:
    """Owners, moderators and named senders of a list."""
    found: dict[Role, list[str]] = {each: [] for each in get_args(Role)}
    for role, address in tx.execute(records.SELECT_PEOPLE, {"of_list": list_id}):
        found[cast(Role, role)].append(address)
    return {role: tuple(addresses) for role, addresses in found.items()}


def owned_by(tx: Transaction, address: str) -> list[MailingList]:
    """The lists that the account of this address owns or moderates."""
    rows: dict[int, Row] = {}
    for role in ("owner", "moderator"):
        for row in tx.execute(records.SELECT_LISTS_WITH, {"address": address, "role": role}):
            rows[int(row[0])] = row
    return sorted((_list(row) for row in rows.values()), key=lambda each: each.address)


def joined_by(tx: Transaction, address: str) -> list[MailingList]:
    """The lists that this address is on itself."""
    return [_list(row) for row in tx.execute(records.SELECT_LISTS_OF_MEMBER, {"address": address})]


def page_members(tx: Transaction, list_id: int, after: str, limit: int) -> tuple[list[Member], str, int]:
    """Members by address after ``after``, where the next page begins ("": nowhere), and how many there are."""
    rows = tx.execute(records.SELECT_PAGE, {"of_list": list_id, "after": after, "count": limit})
    names = groups.names_of(tx, [int(row[1]) for row in rows if row[0] == GROUP])
    members = [_member(row, names) for row in rows]
    total = int(tx.execute(records.COUNT_OF, {"of_list": list_id})[0][0])
    return members, rows[-1][1] if len(rows) == limit else "", total


def nested(tx: Transaction, list_id: int) -> list[int]:
    """The lists that mail of a list goes through: itself, and those on it, once each."""
    return _within(tx, list_id, live=False)


def nested_live(tx: Transaction, list_id: int) -> list[int]:
    """The same, but for lists that are switched off or in a domain that is (or was removed), and what is on those
    alone. The list itself is not asked."""
    return _within(tx, list_id, live=True)


def readers(tx: Transaction, list_id: int) -> dict[str, str]:
    """Everybody who reads a list, by address key (as each address is written): its members, those of its groups and of
    lists on it, once each. Who is away from the list through which they come is left out, and whose account is removed:
    it may come back."""
    found: dict[str, str] = {}
    for each in nested_live(tx, list_id):
        found.update(_readers_of_one(tx, each))
    for (address,) in tx.execute(records.SELECT_REMOVED):
        found.pop(address, None)
    return found


def _readers_of_one(tx: Transaction, list_id: int) -> dict[str, str]:
    inner = {row[1] for row in tx.execute(records.SELECT_NESTED, {"of_list": list_id})}
    found: dict[str, str] = {}
    away: set[str] = set()
    group_ids: list[int] = []
    for kind, address, shown, gone in tx.execute(records.SELECT_MEMBERS, {"of_list": list_id}):
        if kind == GROUP:
            group_ids += [] if gone else [int(address)]
        elif gone:
            away.add(address)
        elif address not in inner:
            found[address] = shown
    ids = sorted(frozenset().union(*(groups.members_of(tx, each) for each in group_ids)))
    for at in range(0, len(ids), _AT_ONCE):
        for (address,) in tx.execute(records.SELECT_ADDRESSES, {"ids": ids[at : at + _AT_ONCE]}):
            if address not in away:
                found.setdefault(address, address)
    return found


def is_reader(tx: Transaction, list_id: int, key: str) -> bool:
    """Whether an address (its key, in the real name of its domain) is on a list, directly or by groups and lists; also
    while mail to it is suspended."""
    in_groups = _groups_of(tx, key)
    for each in nested(tx, list_id):
        rows = tx.execute(records.SELECT_MEMBER, {"of_list": each, "of_kind": ADDRESS, "of_address": key})
        if rows and rows[0][3] != "left":
            return True
        if not rows and _holds_any(tx, each, in_groups):
            return True
    return False


# ---------------------------------------------------------------- changing


def add(
    tx: Transaction, address: str, values: Mapping[str, object], *, feed: Feed | None = None
) -> MailingList:
    """Make a list; ``values`` by the names of :class:`MailingList`. Raises DirectoryError."""
    source = own_address(address)
    if "+" in source.local or len(source.local.encode()) > MAX_LOCAL:
        raise DirectoryError(
            f"{address} is no name for a list",
            f"use up to {MAX_LOCAL} characters without a plus before the @",
        )
    domain_id = naming.domain_of(tx, source.domain, address)
    naming.check_free(tx, source.key, address)
    held = int(tx.execute(records.COUNT_OF_DOMAIN, {"domain_id": domain_id})[0][0])
    domain_limits.check_count(tx, domain_id, "lists", held)
    made = _checked(replace(MailingList(0, domain_id, source.key), **values))  # type: ignore[arg-type]
    row = {**_values(made), "domain_id": domain_id, "address": source.key, "created_at": time()}
    try:
        list_id = tx.insert(records.INSERT, row)
    except DuplicateKey:
        raise DirectoryError(
            f"{address} is a mailing list already", "choose another address", "exists"
        ) from None
    bump(tx, DIRECTORY, feed)
    return replace(made, id=list_id)


def change(
    tx: Transaction, address: str, values: Mapping[str, object], *, feed: Feed | None = None
) -> MailingList:
    """Change a list; ``values`` by the names of :class:`MailingList`."""
    changed = _checked(replace(wanted(tx, address), **values))  # type: ignore[arg-type]
    row = {f"new_{name}": value for name, value in _values(changed).items()}
    tx.change(records.UPDATE, {"of_id": changed.id, **row})
    bump(tx, DIRECTORY, feed)
    return changed


def remove(tx: Transaction, address: str, *, feed: Feed | None = None) -> MailingList:
    """Remove a list; returns what it was."""
    found = wanted(tx, address)
    _remove(tx, found)
    bump(tx, DIRECTORY, feed)
    return found


def set_people(
    tx: Transaction, list_id: int, role: Role, addresses: Iterable[str], *, feed: Feed | None = None
) -> tuple[str, ...]:
    """Say who has a role on a list."""
    keys = sorted({_real(tx, target_address(each)) for each in addresses if each.strip()})
    if len(keys) > MOST_PEOPLE:
        raise DirectoryError(f"{len(keys)} addresses are too many", f"give {MOST_PEOPLE} at most")
    tx.change(records.DELETE_PEOPLE, {"of_list": list_id, "of_role": role})
    tx.execute_many(
        records.INSERT_PERSON, [{"list_id": list_id, "role": role, "address": each} for each in keys]
    )
    bump(tx, DIRECTORY, feed)
    return tuple(keys)


def add_members(tx: Transaction, info: MailingList, names: Sequence[str], *, feed: Feed | None = None) -> int:
    """Put addresses, lists (by address) and groups (by name) onto a list; returns how many were not there before. Who
    was away is back. A few hundred in one unit."""
    bump(tx, DIRECTORY, feed)  # first, so that two who put lists into one another take turns
    now, new = time(), 0
    room = MOST_MEMBERS - int(tx.execute(records.COUNT_OF, {"of_list": info.id})[0][0])
    for name in names:
        kind, key, shown = _named(tx, name)
        if kind == ADDRESS:
            _check_circle(tx, info, key, shown)
        one = {"of_list": info.id, "of_kind": kind, "of_address": key}
        if tx.execute(records.SELECT_MEMBER, one):
            tx.change(records.UPDATE_AWAY, {**one, "new_away": "", "new_bounces": 0, "new_at": 0.0})
            continue
        if new >= room:
            raise DirectoryError(f"list {info.address} is full", "make another list and put it onto this one")
        tx.execute(records.INSERT_MEMBER, _row(info.id, kind, key, shown, now))
        new += 1
    return new


def group_meant(tx: Transaction, name: str) -> str:
    """The name of the group that a member's name means, "" where it is an address. Raises DirectoryError."""
    kind, _, shown = _named(tx, name)
    return shown if kind == GROUP else ""


def remove_member(tx: Transaction, info: MailingList, name: str, *, feed: Feed | None = None) -> None:
    """Take an address, list or group off a list."""
    kind, key, shown = _named(tx, name)
    if not tx.change(records.DELETE_MEMBER, {"of_list": info.id, "of_kind": kind, "of_address": key}):
        raise DirectoryError(
            f"{shown} is not on list {info.address}", "show the list to see who is", "missing"
        )
    bump(tx, DIRECTORY, feed)


def leave(tx: Transaction, list_id: int, address: Address, *, feed: Feed | None = None) -> bool:
    """Somebody wants to be off a list, whichever way they came onto it. Whether anything changed."""
    key = _real(tx, address)
    in_groups = _groups_of(tx, key)
    changed = False
    for each in nested(tx, list_id):
        one = {"of_list": each, "of_kind": ADDRESS, "of_address": key}
        rows = tx.execute(records.SELECT_MEMBER, one)
        if rows and rows[0][3] == "left":
            continue
        if _holds_any(tx, each, in_groups):  # it stays in the group, and off the list
            tx.change(records.DELETE_MEMBER, one)
            left = {**_row(each, ADDRESS, key, str(address), time()), "away": "left"}
            tx.execute(records.INSERT_MEMBER, left)
            changed = True
        elif rows:
            tx.change(records.DELETE_MEMBER, one)
            changed = True
    if changed:
        bump(tx, DIRECTORY, feed)
    return changed


def set_away(tx: Transaction, info: MailingList, name: str, away: Away, *, feed: Feed | None = None) -> None:
    """Suspend mail to a member, or let it go there again."""
    kind, key, shown = _named(tx, name)
    one = {"of_list": info.id, "of_kind": kind, "of_address": key}
    if not tx.change(records.UPDATE_AWAY, {**one, "new_away": away, "new_bounces": 0, "new_at": 0.0}):
        raise DirectoryError(
            f"{shown} is not on list {info.address}", "show the list to see who is", "missing"
        )
    bump(tx, DIRECTORY, feed)


def note_bounce(
    tx: Transaction,
    list_id: int,
    address: Address,
    now: float,
    most: int,
    forget: float,
    *,
    feed: Feed | None = None,
) -> bool:
    """Mail to a member came back for good. Whether the member is suspended now because of it: at ``most`` bounces
    (0: never) with less than ``forget`` seconds between them. Who came by a list on it is counted there; those on a
    list by a group get a line of their own."""
    key = _real(tx, address)
    one: dict[str, object] = {"of_list": list_id, "of_kind": ADDRESS, "of_address": key}
    rows: list[Row] = []
    for each in nested(tx, list_id):
        rows = tx.lock(records.SELECT_MEMBER, {**one, "of_list": each})
        if rows:
            one["of_list"] = each
            break
    if not rows and is_reader(tx, list_id, key) and tx.execute(records.SELECT_GROUPS, {"of_list": list_id}):
        tx.execute(records.INSERT_MEMBER, _row(list_id, ADDRESS, key, str(address), now))
        rows = tx.execute(records.SELECT_MEMBER, one)
    if not rows or rows[0][3]:
        return False
    count = int(rows[0][4]) + 1 if now - float(rows[0][5]) < forget else 1
    stop = bool(most) and count >= most
    tx.change(
        records.UPDATE_AWAY,
        {**one, "new_away": "bounces" if stop else "", "new_bounces": count, "new_at": now},
    )
    if stop:
        bump(tx, DIRECTORY, feed)
    return stop


def forget_address(tx: Transaction, key: str) -> None:
    """Nobody has this address any more: it is on no list, and has nothing to say there."""
    tx.change(records.DELETE_MEMBERS_WITH, {"address": key})
    tx.change(records.DELETE_PEOPLE_WITH, {"address": key})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """The lists of a domain go with it."""
    for row in tx.execute(records.SELECT_OF_DOMAIN, {"domain_id": domain_id}):
        _remove(tx, _list(row))


# ---------------------------------------------------------------- inside


def _within(tx: Transaction, list_id: int, *, live: bool) -> list[int]:
    statement = records.SELECT_NESTED_LIVE if live else records.SELECT_NESTED
    found = {list_id: None}
    waiting = [list_id]
    while waiting and len(found) < _DEEP:
        for inner, _ in tx.execute(statement, {"of_list": waiting.pop()}):
            if int(inner) not in found:
                found[int(inner)] = None
                waiting.append(int(inner))
    return list(found)


def _remove(tx: Transaction, found: MailingList) -> None:
    tx.change(records.DELETE_ALL_PEOPLE, {"of_list": found.id})
    tx.change(records.DELETE_MEMBERS, {"of_list": found.id})
    tx.change(records.DELETE_MEMBER_EVERYWHERE, {"of_kind": ADDRESS, "of_address": found.address})
    tx.change(records.DELETE, {"of_id": found.id})


def _groups_of(tx: Transaction, key: str) -> set[str]:
    """The ids of the groups that the account of an address is in, as lists keep them."""
    account = tx.execute(records.SELECT_ACCOUNT_ID, {"address": key})
    return {str(each) for each in groups.groups_of(tx, int(account[0][0]))} if account else set()


def _holds_any(tx: Transaction, list_id: int, group_ids: set[str]) -> bool:
    """Whether one of these groups is on a list itself."""
    if not group_ids:
        return False
    return any(row[0] in group_ids for row in tx.execute(records.SELECT_GROUPS, {"of_list": list_id}))


def _named(tx: Transaction, name: str) -> tuple[str, str, str]:
    """A member as it is kept: kind, key and how it is written. What is an address of somebody here is no group."""
    if "@" not in name:
        group = groups.wanted(tx, name)
        return GROUP, str(group.id), group.name
    address = target_address(name)
    key, found = _real(tx, address), groups.find(tx, name)
    if found is None or naming.taken_by(tx, key):
        return ADDRESS, key, str(address)
    return GROUP, str(found.id), found.name


def _check_circle(tx: Transaction, info: MailingList, key: str, shown: str) -> None:
    inner = find(tx, key)
    if inner is not None and info.id in nested(tx, inner):
        raise DirectoryError(
            f"list {shown} would get its own mail", "leave one of the two off the other", "refused"
        )


def _real(tx: Transaction, address: Address) -> str:
    """The key of an address in the real name of its domain."""
    rows = tx.execute(domain_records.SELECT_NAME, {"name": address.domain})
    return Address(address.local, rows[0][1]).key if rows else address.key


def _checked(info: MailingList) -> MailingList:
    info = replace(info, name=info.name.strip(), description=info.description.strip(), tag=info.tag.strip())
    for field, kind in (
        ("mode", Mode),
        ("moderation", Moderation),
        ("joining", Joining),
        ("replies", Replies),
    ):
        if getattr(info, field) not in get_args(kind):
            raise DirectoryError(
                f"{field} cannot be {str(getattr(info, field))[:40]!r}",
                f"choose one of {', '.join(get_args(kind))}",
            )
    for text, most in ((info.name, MAX_NAME), (info.description, MAX_DESCRIPTION), (info.tag, MAX_TAG)):
        if len(text) > most or any(unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs") for each in text):
            raise DirectoryError(
                "a text is too long, or not one line", f"write one line of {most} characters at most"
            )
    if not 0 <= info.max_size <= 2**40:
        raise DirectoryError("such a size is not possible", "give bytes, or 0 for no limit of its own")
    return info


def _values(info: MailingList) -> dict[str, object]:
    return {
        "name": info.name,
        "description": info.description,
        "active": int(info.active),
        "mode": info.mode,
        "signed_in": int(info.signed_in),
        "moderation": info.moderation,
        "joining": info.joining,
        "tag": info.tag,
        "replies": info.replies,
        "max_size": info.max_size,
        "own_from": int(info.own_from),
    }


def _row(list_id: int, kind: str, key: str, shown: str, now: float) -> dict[str, object]:
    return {
        "list_id": list_id,
        "kind": kind,
        "address": key,
        "shown": shown,
        "away": "",
        "bounces": 0,
        "bounced_at": 0.0,
        "joined_at": now,
    }


def _member(row: Row, names: Mapping[int, str]) -> Member:
    name = names.get(int(row[1]), "") if row[0] == GROUP else row[2]
    return Member(row[0], name, row[3], int(row[4]), float(row[5]))


def _list(row: Row) -> MailingList:
    return MailingList(
        id=int(row[0]),
        domain_id=int(row[1]),
        address=row[2],
        name=row[3],
        description=row[4],
        active=bool(row[5]),
        mode=row[6],
        signed_in=bool(row[7]),
        moderation=row[8],
        joining=row[9],
        tag=row[10],
        replies=row[11],
        max_size=int(row[12]),
        own_from=bool(row[13]),
    )
