"""What was deleted and may come back: kept within the unit that deletes it, listed, restored, forgotten.

EXPUNGE, POP3's DELE and the deletion of a mailbox keep; MOVE does not (nothing is lost by it). A kept message refers
to its body, so the body stays. It does not count towards a quota; what limits it is its age and, for each account, a
size (:func:`trim`). A restored message is a new one: a new UID, the flags it had except \\Deleted, its internal date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Row, Transaction
from posthouse.store.append import copy_line
from posthouse.store.boxes import CHUNK, lock_box
from posthouse.store.contract import DELETED, Message, StoreRefusal
from posthouse.store.deleted_records import (
    COUNT_OF_MAILBOX,
    DELETE_DELETED,
    DELETE_KEPT_MAILBOX,
    DELETE_KEPT_MAILBOXES,
    SELECT_ACCOUNTS,
    SELECT_DELETED,
    SELECT_EXPIRED,
    SELECT_EXPIRED_MAILBOXES,
    SELECT_KEPT_MAILBOX,
    SELECT_KEPT_MAILBOXES,
    SELECT_NAMES_OF,
    SELECT_OF_MAILBOX,
    SELECT_OLDEST,
    SELECT_PAGE,
    SELECT_PLACES,
    SELECT_SINCE,
    SELECT_TOTAL_OF,
    SET_RESTORED,
)
from posthouse.store.keywords import ensure_keywords
from posthouse.store.naming import mailbox_id_in, make_in
from posthouse.store.records import INSERT_MESSAGE, SELECT_NAMES, UID_BITS, message_id, subscriptions
from posthouse.store.rows import keyword_set

RESTORED = "Restored"
"""Where messages go whose mailbox is not known any more."""

_UID = (1 << UID_BITS) - 1


@dataclass(frozen=True, slots=True)
class DeletedMessage:
    """A deleted message. ``mailbox`` is where it was, by its name of now, "" when that is not known any more;
    ``gone``: that mailbox was deleted too. ``message`` as it was (``modseq`` 0)."""

    id: int
    mailbox: str
    gone: bool
    deleted_at: int
    message: Message


@dataclass(frozen=True, slots=True)
class DeletedMailbox:
    """A deleted mailbox and what went with it."""

    id: int
    name: str
    deleted_at: int
    messages: int
    size: int


@dataclass(frozen=True, slots=True)
class Held:
    """How much of an account is kept: messages, bytes, and the oldest deletion (0: none)."""

    messages: int
    size: int
    oldest: int


def held_in(tx: Transaction, account_id: int) -> Held:
    """How much of an account is kept."""
    count, size, oldest = tx.execute(SELECT_TOTAL_OF, {"account_id": account_id})[0]
    return Held(int(count), int(size), int(oldest or 0))


def list_in(
    tx: Transaction, account_id: int, before: tuple[int, int] | None, limit: int
) -> list[DeletedMessage]:
    """The messages deleted last; ``before`` is (deleted_at, id) of the last one of the page before."""
    moment, number = before or (1 << 60, 0)
    values = {"account_id": account_id, "before": moment, "before_id": number, "count": limit}
    rows = tx.execute(SELECT_PAGE, values)
    names, gone = _names(tx, account_id, {row[1] for row in rows})
    return [
        DeletedMessage(row[0], names.get(row[1], ""), row[1] in gone, row[14], _message(row)) for row in rows
    ]


def mailboxes_in(tx: Transaction, account_id: int) -> list[DeletedMailbox]:
    """The deleted mailboxes of an account, the last one first."""
    rows = [row for row in tx.execute(SELECT_KEPT_MAILBOXES, {"account_id": account_id}) if not row[5]]
    counts: dict[int, tuple[int, int]] = {}
    for start in range(0, len(rows), CHUNK):
        ids = [row[0] for row in rows[start : start + CHUNK]]
        counts |= {row[0]: (int(row[1]), int(row[2])) for row in tx.execute(COUNT_OF_MAILBOX, {"ids": ids})}
    return [DeletedMailbox(row[0], row[2], row[4], *counts.get(row[0], (0, 0))) for row in rows]


def ids_since(tx: Transaction, account_id: int, since: int, after: int) -> list[int]:
    """The next ids of what was deleted since a moment, ascending, at most CHUNK."""
    values = {"account_id": account_id, "since": since, "after": after, "count": CHUNK}
    return [row[0] for row in tx.execute(SELECT_SINCE, values)]


def ids_of_mailbox(tx: Transaction, account_id: int, mailbox_id: int) -> list[int]:
    """The next ids of what went with a mailbox."""
    values = {"account_id": account_id, "mailbox_id": mailbox_id, "count": CHUNK}
    return [row[0] for row in tx.execute(SELECT_OF_MAILBOX, values)]


def places_in(tx: Transaction, account_id: int, ids: Sequence[int]) -> dict[int, list[int]]:
    """These messages, as far as they are there, by the mailbox they were in."""
    found: dict[int, list[int]] = {}
    for number, mailbox_id in tx.execute(SELECT_PLACES, {"account_id": account_id, "ids": ids}):
        found.setdefault(mailbox_id, []).append(number)
    return found


def home_in(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    most: int,
    feed: Feed,
    side: SideRecord | None,
    *,
    now: int,
) -> int:
    """The mailbox that messages of a mailbox go back to: itself; else one of the name it had, made again if need be;
    else "Restored"."""
    names = {row[0]: (row[1], row[2]) for row in tx.execute(SELECT_NAMES, {"account_id": account_id})}
    if mailbox_id in names:
        return mailbox_id
    rows = tx.execute(SELECT_KEPT_MAILBOX, {"of_id": mailbox_id})
    name, use = (rows[0][2], rows[0][3]) if rows and rows[0][1] == account_id else (RESTORED, "")
    found = mailbox_id_in(tx, account_id, name)
    if found is not None:
        return found
    if any(each[1] == use for each in names.values()):
        use = ""  # another mailbox has taken it over
    made = make_in(tx, account_id, name, use, most, feed, side, now=now)
    tx.insert_ignore(subscriptions, {"account_id": account_id, "name": made.name})
    return made.id


def restore_in(
    tx: Transaction,
    account_id: int,
    ids: Sequence[int],
    target_id: int,
    feed: Feed,
    side: SideRecord | None,
    *,
    now: int,
) -> list[int]:
    """Put deleted messages (at most CHUNK) into a mailbox of their account; returns their new UIDs. What is not there
    any more is passed over."""
    box = lock_box(tx, target_id)
    if box.mailbox.account_id != account_id:
        raise StoreRefusal("NOPERM", "The mailbox is another account's")
    found = tx.execute(SELECT_DELETED, {"ids": ids, "account_id": account_id})
    if not found:
        return []
    add = _take_keywords(tx, target_id, found)
    rows = []
    for row in found:
        flags = row[2] & ~DELETED  # or the next EXPUNGE would take it again
        uid = box.take_uid()
        box.count(flags, row[6], 1)
        rows.append(
            {
                "id": message_id(target_id, uid),
                "mailbox_id": target_id,
                "modseq": box.modseq,
                "flags": flags,
                "zone": row[3],
                "internal_date": row[4],
                "save_date": now,
                "size": row[6],
                "prefix_size": row[7],
                "thread": row[8],
                "body": row[9],
                "email": row[10],
                "keywords": " ".join(ensure_keywords(tx, target_id, keyword_set(row[11]), add=add)),
                "prefix": row[12],
            }
        )
    tx.execute_many(INSERT_MESSAGE, rows)
    tx.execute(DELETE_DELETED, {"ids": [row[0] for row in found]})
    box.save(tx, feed)
    if side is not None:
        tx.after_commit(lambda: side.notes([copy_line(target_id, row) for row in rows]))
    return [row["id"] & _UID for row in rows]


def _take_keywords(tx: Transaction, target_id: int, found: list[Row]) -> bool:
    """Enter the keywords of some rows; False where the mailbox has no room for all: then the others are lost."""
    try:
        ensure_keywords(tx, target_id, sorted({word for row in found for word in keyword_set(row[11])}))
    except StoreRefusal:
        return False
    return True


def size_in(tx: Transaction, account_id: int, ids: Sequence[int]) -> tuple[int, int]:
    """(bytes, messages) of deleted messages, as far as they are there."""
    rows = tx.execute(SELECT_DELETED, {"ids": ids, "account_id": account_id})
    return sum(row[6] for row in rows), len(rows)


def set_restored(tx: Transaction, mailbox_id: int) -> None:
    """A mailbox came back."""
    tx.execute(SET_RESTORED, {"of_id": mailbox_id})


def forget_in(tx: Transaction, account_id: int, ids: Sequence[int]) -> int:
    """Let deleted messages go for good; returns how many."""
    there = [number for some in places_in(tx, account_id, ids).values() for number in some]
    if there:
        tx.execute(DELETE_DELETED, {"ids": there})
    return len(there)


def forget_mailboxes_in(tx: Transaction, account_id: int) -> None:
    """Forget the deleted mailboxes of an account; what of theirs is not removed yet will not be kept."""
    tx.execute(DELETE_KEPT_MAILBOXES, {"account_id": account_id})


async def forget_account(database: Database, account_id: int) -> int:
    """Let everything go that is kept of an account, in units of bounded size; returns how many messages."""
    await database.run(forget_mailboxes_in, account_id)
    count = 0
    while gone := await database.run(_forget_oldest, account_id, 0):
        count += gone
    return count


async def expire(database: Database, before: int) -> int:
    """Let go what was deleted before a moment, in units of bounded size; returns how many messages."""
    count = 0
    while gone := await database.run(_expire_some, before):
        count += gone
    while await database.run(_expire_mailboxes, before):
        pass
    return count


async def trim(database: Database, most: int) -> int:
    """Let the oldest go of accounts that hold more than ``most`` bytes of deleted messages; returns how many."""
    count = after = 0
    while found := await database.scan(_next_account, after):
        after = found
        if (await database.scan(held_in, after)).size <= most:
            continue
        while gone := await database.run(_forget_oldest, after, most):
            count += gone
    return count


def _next_account(tx: Transaction, after: int) -> int:
    rows = tx.execute(SELECT_ACCOUNTS, {"after": after})
    return int(rows[0][0]) if rows else 0


def _forget_oldest(tx: Transaction, account_id: int, most: int) -> int:
    """Delete some of the oldest, until no more than ``most`` bytes are left."""
    over = held_in(tx, account_id).size - most
    if over <= 0 and most:
        return 0
    ids = []
    for number, size in tx.execute(SELECT_OLDEST, {"account_id": account_id, "count": CHUNK}):
        if over <= 0 and most:
            break
        ids.append(number)
        over -= size
    if ids:
        tx.execute(DELETE_DELETED, {"ids": ids})
    return len(ids)


def _expire_some(tx: Transaction, before: int) -> int:
    ids = [row[0] for row in tx.execute(SELECT_EXPIRED, {"before": before, "count": CHUNK})]
    if ids:
        tx.execute(DELETE_DELETED, {"ids": ids})
    return len(ids)


def _expire_mailboxes(tx: Transaction, before: int) -> int:
    rows = tx.execute(SELECT_EXPIRED_MAILBOXES, {"before": before, "count": CHUNK})
    for row in rows:
        tx.execute(DELETE_KEPT_MAILBOX, {"of_id": row[0]})
    return len(rows)


def _names(tx: Transaction, account_id: int, ids: set[int]) -> tuple[dict[int, str], set[int]]:
    """The names of mailboxes that are there or were, and which of them are not there any more."""
    if not ids:
        return {}, set()
    names = {
        row[0]: row[1] for row in tx.execute(SELECT_NAMES_OF, {"account_id": account_id, "ids": sorted(ids)})
    }
    gone = ids - set(names)
    for number in gone:
        rows = tx.execute(SELECT_KEPT_MAILBOX, {"of_id": number})
        if rows and rows[0][1] == account_id:
            names[number] = rows[0][2]
    return names, gone


def _message(row: Row) -> Message:
    return Message(
        id=row[0],
        uid=row[0] & _UID,
        modseq=0,
        flags=row[2],
        keywords=keyword_set(row[11]),
        internal_date=row[4],
        zone=row[3],
        save_date=row[5],
        size=row[6],
        body=bytes(row[9]).hex(),
        prefix_size=row[7],
        email_id="e" + bytes(row[10]).hex(),
        thread_id="t" + bytes(row[8]).hex(),
    )
