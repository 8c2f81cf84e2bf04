"""Rights on mailboxes by RFC 4314, as parts of a unit.

Here an identifier is a short key (``u12`` an account, ``g3`` a group, ``anyone``, ``@`` and an address that nobody
had when rights were given to it); what it is called, and in which groups somebody is, the directory knows. The
rights of all entries that are about somebody are united, then those of entries that take away (``-`` before the
identifier) are taken away. A mailbox made below another one gets a copy of the entries of the nearest one above;
later changes above do not reach it. The owner has every right, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.contract import Mailbox, StoreRefusal
from posthouse.store.records import SELECT_COUNTER, SELECT_MAILBOX_NAMED, UPDATE_COUNTER, counters
from posthouse.store.sharing_records import (
    DELETE_ACL,
    DELETE_ENTRY,
    DELETE_IDENTIFIER,
    SELECT_ACL,
    SELECT_GRANTS,
    SELECT_SHARED_OF,
    SET_OWN_SEEN,
    folder_acl,
)

ALL = "lrswipkxtea"
"""Every right, in the order in which they are told: lookup, read, keep \\Seen, write other flags, insert, post, create
mailboxes below, delete the mailbox, \\Deleted, expunge, administer."""

PUBLIC = 0
"""The owner of the public folders: the server itself. No account has this id."""

ANYONE = "anyone"
TOPIC = "acl"
"""The feed's topic, and the counter's name, of all rights together."""

NAMED = "@"
"""Before an address in an identifier."""
MOST_IDENTIFIER = 255
"""Octets of an identifier."""
MOST_ENTRIES = 1000
"""Entries of one mailbox."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A mailbox of somebody else, and what one may do there."""

    mailbox_id: int
    owner: int
    name: str
    rights: str


def of_account(account_id: int) -> str:
    """The identifier of an account."""
    return f"u{account_id}"


def of_group(group_id: int) -> str:
    """The identifier of a group."""
    return f"g{group_id}"


def of_address(key: str) -> str:
    """The identifier of whoever has an address, by the key of the address; "" when that is too long for one."""
    identifier = NAMED + quote(key, safe="@+=")
    return identifier if len(identifier) < MOST_IDENTIFIER else ""  # one octet is left for a minus


def address_in(identifier: str) -> str:
    """The key of the address that an identifier is made of."""
    return unquote(identifier.removeprefix(NAMED))


def in_order(rights: Iterable[str]) -> str:
    """Rights once each, in the usual order."""
    there = set(rights)
    return "".join(right for right in ALL if right in there)


def parse(text: str) -> str:
    """Rights as a client wrote them: ``c`` is ``k`` and ``x``, ``d`` is ``t`` and ``e``; ``x`` belongs to one of them
    only (RFC 4314 2.1.1). Raises ValueError for letters that are no rights."""
    found: set[str] = set()
    for letter in text:
        if letter == "c":
            found |= {"k", "x"}
        elif letter == "d":
            found |= {"t", "e"}
        elif letter in ALL:
            found.add(letter)
        else:
            raise ValueError(f"{letter!r} is no right")
    return in_order(found)


def shown(rights: str) -> str:
    """Rights as clients are told them: the old ``c`` and ``d`` come along where one of their parts is there (RFC 4314
    2.1.1)."""
    extra = ("c" if set("kx") & set(rights) else "") + ("d" if set("te") & set(rights) else "")
    return rights + extra


def united(entries: Iterable[tuple[str, str]]) -> str:
    """What (identifier, rights) pairs, all about the same person, come to."""
    given: set[str] = set()
    taken: set[str] = set()
    for identifier, rights in entries:
        (taken if identifier.startswith("-") else given).update(rights)
    return in_order(given - taken)


def entries_in(tx: Transaction, mailbox_id: int) -> list[tuple[str, str]]:
    """The (identifier, rights) pairs of a mailbox."""
    return [(row[0], row[1]) for row in tx.execute(SELECT_ACL, {"mailbox_id": mailbox_id})]


def set_entry(tx: Transaction, mailbox_id: int, identifier: str, rights: str, feed: Feed | None) -> None:
    """Put an entry in place of the one there was; no rights at all remove it."""
    put_entry(tx, mailbox_id, identifier, rights)
    bump(tx, feed)


def put_entry(tx: Transaction, mailbox_id: int, identifier: str, rights: str) -> None:
    """:func:`set_entry` for many mailboxes in one unit: the caller says at the end that rights changed (``bump``)."""
    if not rights:
        tx.change(DELETE_ENTRY, {"of_mailbox": mailbox_id, "of_identifier": identifier})
        return
    known = {name for name, _ in entries_in(tx, mailbox_id)}
    if identifier not in known and len(known) >= MOST_ENTRIES:
        raise StoreRefusal("LIMIT", f"A mailbox may have {MOST_ENTRIES} entries")
    tx.upsert(folder_acl, {"mailbox_id": mailbox_id, "identifier": identifier}, {"rights": rights})


def grants_in(
    tx: Transaction,
    identifiers: Iterable[str],
    reader: int,
    strangers: Callable[[int], bool] | None = None,
) -> dict[int, Grant]:
    """The mailboxes of others that somebody with these identifiers has rights to, by id. For the owners that are
    ``strangers`` to them they are not ``anyone``."""
    names = list(identifiers)
    rows = tx.execute(SELECT_GRANTS, {"identifiers": names + ["-" + name for name in names]})
    found: dict[int, list[tuple[str, str]]] = {}
    about: dict[int, tuple[int, str]] = {}
    for number, owner, name, identifier, rights in rows:
        if identifier.removeprefix("-") == ANYONE and strangers is not None and strangers(owner):
            continue
        if owner != reader:
            found.setdefault(number, []).append((identifier, rights))
            about[number] = (owner, name)
    grants = {number: Grant(number, *about[number], united(entries)) for number, entries in found.items()}
    return {number: grant for number, grant in grants.items() if grant.rights}


def shared_of(tx: Transaction, account_id: int) -> list[tuple[int, str, str, str]]:
    """(mailbox, its name, identifier, rights) of every entry on the mailboxes of an owner."""
    return [tuple(row) for row in tx.execute(SELECT_SHARED_OF, {"account_id": account_id})]


def inherit_in(tx: Transaction, parent: Mailbox, mailbox_id: int, feed: Feed | None) -> None:
    """Give a new mailbox what the one above it has."""
    entries = entries_in(tx, parent.id)
    for identifier, rights in entries:
        tx.insert_ignore(folder_acl, {"mailbox_id": mailbox_id, "identifier": identifier, "rights": rights})
    if parent.own_seen:
        tx.execute(SET_OWN_SEEN, {"of_id": mailbox_id, "to_own_seen": 1})
    if entries:
        bump(tx, feed)


def renamed_or_gone(tx: Transaction, mailbox_ids: Iterable[int], feed: Feed | None) -> None:
    """These mailboxes have other names now, or are gone: those who see them ask again. Nobody does where nothing is
    shared."""
    if any(entries_in(tx, number) for number in mailbox_ids):
        bump(tx, feed)


def forget_mailbox(tx: Transaction, mailbox_id: int) -> None:
    """A mailbox is gone for good."""
    tx.change(DELETE_ACL, {"of_mailbox": mailbox_id})


def forget_identifier(tx: Transaction, identifier: str, feed: Feed | None) -> None:
    """An account or a group is gone."""
    if tx.change(DELETE_IDENTIFIER, {"identifiers": [identifier, "-" + identifier]}):
        bump(tx, feed)


def named(tx: Transaction, owner: int, name: str) -> int | None:
    """The id of a mailbox by owner and name."""
    rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": owner, "name": name})
    return int(rows[0][0]) if rows else None


def version(tx: Transaction) -> int:
    """Counts the changes of rights."""
    rows = tx.execute(SELECT_COUNTER, {"name": TOPIC})
    return int(rows[0][0]) if rows else 0


def bump(tx: Transaction, feed: Feed | None) -> None:
    """Rights changed: whoever keeps some in memory asks again."""
    rows = tx.lock(SELECT_COUNTER, {"name": TOPIC})
    if not rows:
        tx.insert_ignore(counters, {"name": TOPIC, "value": 0})
        rows = tx.lock(SELECT_COUNTER, {"name": TOPIC})
    value = int(rows[0][0]) + 1
    tx.execute(UPDATE_COUNTER, {"of_name": TOPIC, "to": value})
    if feed is not None:
        tx.after_commit(lambda: feed.publish(TOPIC, 0, value))
