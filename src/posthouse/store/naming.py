"""The set of mailboxes of an account: create, delete, rename, subscribe, as parts of a unit.

UIDVALIDITY comes from one counter that never goes back, and is at least the time: a database restored from
yesterday does not give out yesterday's numbers again.
"""

from __future__ import annotations

import time
from typing import Any

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.acl import inherit_in, renamed_or_gone
from posthouse.store.contract import Mailbox, StoreRefusal
from posthouse.store.kept import keep_mailbox_in
from posthouse.store.records import (
    DETACH_MAILBOX,
    INSERT_MAILBOX,
    RENAME_MAILBOX,
    SELECT_COUNTER,
    SELECT_MAILBOX,
    SELECT_MAILBOX_ID,
    SELECT_MAILBOX_NAMED,
    SELECT_NAMES,
    UPDATE_COUNTER,
    counters,
    subscriptions,
)
from posthouse.store.rows import mailbox_from
from posthouse.store.sharing_records import SELECT_SHARED_MAILBOX
from posthouse.wire.imap.names import INBOX, SEPARATOR, canonical, complaint

SPECIAL_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
"""RFC 6154 uses a mailbox may be created with; \\All, \\Flagged and \\Important are no real mailboxes
here."""

STANDARD = (
    (INBOX, ""),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)
"""What a new account gets."""

_COUNTER = {"name": "uidvalidity"}


def mailbox_id_in(tx: Transaction, account_id: int, name: str) -> int | None:
    """The id of a mailbox by name."""
    name = canonical(name)
    if complaint(name):
        return None
    rows = tx.execute(SELECT_MAILBOX_ID, {"account_id": account_id, "name": name})
    return rows[0][0] if rows else None


def next_uidvalidity(tx: Transaction, now: int) -> int:
    """A UIDVALIDITY no mailbox ever had; the counter's row stays locked until the unit ends."""
    rows = tx.lock(SELECT_COUNTER, _COUNTER)
    if not rows:
        tx.insert_ignore(counters, {**_COUNTER, "value": 0})
        rows = tx.lock(SELECT_COUNTER, _COUNTER)
    value: int = max(rows[0][0] + 1, now)
    tx.execute(UPDATE_COUNTER, {"of_name": "uidvalidity", "to": value})
    return value


def create_in(
    tx: Transaction,
    account_id: int,
    name: str,
    special_use: str,
    feed: Feed,
    side: SideRecord | None,
    *,
    now: int,
) -> Mailbox:
    """Make one mailbox of a good, canonical name; the existing one if another unit was quicker."""
    uidvalidity = next_uidvalidity(tx, now)
    found = mailbox_id_in(tx, account_id, name)  # asked again under the counter's lock: creations queue there
    if found is not None:
        return mailbox_from(tx.execute(SELECT_MAILBOX, {"of_id": found})[0])
    row: dict[str, Any] = {
        "account_id": account_id,
        "name": name,
        "object_id": f"m{uidvalidity:x}",
        "uidvalidity": uidvalidity,
        "uidnext": 1,
        "highest_modseq": 1,
        "tombstones_from": 0,
        "special_use": special_use,
        "messages": 0,
        "unseen": 0,
        "deleted": 0,
        "deleted_size": 0,
        "size": 0,
        "recent_from": 1,
    }
    number = tx.insert(INSERT_MAILBOX, row)
    above = _nearest_above(tx, account_id, name)
    if above is not None:
        inherit_in(tx, above, number, feed)
    changed(tx, feed, account_id)
    if side is not None:
        line = mailbox_line(number, account_id, name, uidvalidity, special_use)
        tx.after_commit(lambda: side.note(line))
    return Mailbox(number, account_id, name, row["object_id"], uidvalidity, 1, 1, special_use)


def _nearest_above(tx: Transaction, account_id: int, name: str) -> Mailbox | None:
    for parent in reversed(parents(name)):
        rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account_id, "name": parent})
        if rows:
            return mailbox_from(rows[0])
    if name != INBOX and tx.execute(SELECT_SHARED_MAILBOX, {"account_id": account_id}):
        # What stands at the top of a shared mailbox is its members', as the Inbox is.
        rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account_id, "name": INBOX})
        return mailbox_from(rows[0]) if rows else None
    return None


def mailbox_line(
    number: int, account_id: int, name: str, uidvalidity: int, special_use: str
) -> dict[str, Any]:
    """The side record's line for a mailbox."""
    return {"t": "mailbox", "m": number, "a": account_id, "n": name, "v": uidvalidity, "s": special_use}


def provision_in(tx: Transaction, account_id: int, feed: Feed, side: SideRecord | None, *, now: int) -> None:
    """Make the standard mailboxes, subscribed; nothing if the account has any mailbox beside INBOX."""
    existing = {row[1] for row in tx.execute(SELECT_NAMES, {"account_id": account_id})}
    if existing - {INBOX}:
        return
    for name, use in STANDARD:
        if name not in existing:
            create_in(tx, account_id, name, use, feed, side, now=now)
        tx.insert_ignore(subscriptions, {"account_id": account_id, "name": name})


def make_in(
    tx: Transaction,
    account_id: int,
    name: str,
    special_use: str,
    most: int,
    feed: Feed,
    side: SideRecord | None,
    *,
    now: int,
) -> Mailbox:
    """CREATE: the mailbox and its missing parents."""
    name = canonical(name)
    refuse_bad(name)
    next_uidvalidity(tx, now)  # (its lock lets one change of names happen at a time)
    rows = tx.execute(SELECT_NAMES, {"account_id": account_id})
    names = {row[1] for row in rows}
    if name in names or name == INBOX:
        raise StoreRefusal("ALREADYEXISTS", "A mailbox of that name exists")
    if special_use:
        known = {use.lower(): use for use in SPECIAL_USES}
        if special_use.lower() not in known:
            raise StoreRefusal("USEATTR", f"The special use {special_use} is not supported")
        special_use = known[special_use.lower()]
        if any(row[2] == special_use for row in rows):
            raise StoreRefusal("USEATTR", f"Another mailbox has the special use {special_use}")
    missing = [parent for parent in parents(name) if parent not in names]
    if len(names) + len(missing) + 1 > most:
        raise StoreRefusal("LIMIT", f"An account may have {most} mailboxes")
    for parent in missing:
        create_in(tx, account_id, parent, "", feed, side, now=now)
    return create_in(tx, account_id, name, special_use, feed, side, now=now)


def rename_in(
    tx: Transaction,
    account_id: int,
    old: str,
    new: str,
    most: int,
    feed: Feed,
    side: SideRecord | None,
    *,
    now: int,
) -> None:
    """RENAME of anything but INBOX: the mailbox and its children; missing parents of the new name are
    made."""
    old, new = canonical(old), canonical(new)
    refuse_bad(new)
    next_uidvalidity(tx, now)  # (its lock lets one change of names happen at a time)
    ids = {row[1]: row[0] for row in tx.execute(SELECT_NAMES, {"account_id": account_id})}
    if old not in ids:
        raise StoreRefusal("NONEXISTENT", "The mailbox does not exist")
    if new in ids or new == INBOX:
        raise StoreRefusal("ALREADYEXISTS", "A mailbox of that name exists")
    if new.startswith(old + SEPARATOR):
        raise StoreRefusal("CANNOT", "A mailbox cannot move below itself")
    moving = {name: new + name[len(old) :] for name in ids if name == old or name.startswith(old + SEPARATOR)}
    for target in moving.values():
        refuse_bad(target)
        if target in ids and target not in moving:
            raise StoreRefusal("ALREADYEXISTS", f"A mailbox {target} exists")
    missing = [parent for parent in parents(new) if parent not in ids]
    if len(ids) + len(missing) > most:
        raise StoreRefusal("LIMIT", f"An account may have {most} mailboxes")
    for parent in missing:
        create_in(tx, account_id, parent, "", feed, side, now=now)
    for name, target in sorted(moving.items()):
        tx.execute(RENAME_MAILBOX, {"of_id": ids[name], "to": target})
        if side is not None:
            _note_name(tx, side, ids[name], account_id, target)
    renamed_or_gone(tx, [ids[name] for name in moving], feed)
    changed(tx, feed, account_id)


def detach_in(
    tx: Transaction, account_id: int, name: str, feed: Feed, side: SideRecord | None, keep: int = 0
) -> int:
    """DELETE: the mailbox is gone for everyone at once; its rows are removed after, or kept as deleted at ``keep``
    (seconds since 1970; 0: not kept). Returns its id."""
    name = canonical(name)
    if name == INBOX:
        raise StoreRefusal("CANNOT", "INBOX cannot be deleted")
    ids = {row[1]: row[0] for row in tx.execute(SELECT_NAMES, {"account_id": account_id})}
    if name not in ids:
        raise StoreRefusal("NONEXISTENT", "The mailbox does not exist")
    if any(other.startswith(name + SEPARATOR) for other in ids):
        raise StoreRefusal("HASCHILDREN", "The mailbox has mailboxes below it")
    mailbox_id: int = ids[name]
    detach_id(tx, account_id, mailbox_id, feed, side, keep)
    return mailbox_id


def detach_id(
    tx: Transaction, account_id: int, mailbox_id: int, feed: Feed, side: SideRecord | None, keep: int = 0
) -> None:
    """Take one mailbox away from its account; ``keep`` as for :func:`detach_in`."""
    rows = tx.lock(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not rows or rows[0][1] < 0:
        return
    if keep:
        keep_mailbox_in(tx, account_id, mailbox_id, rows[0][2], rows[0][7], keep)
    tx.execute(DETACH_MAILBOX, {"of_id": mailbox_id, "to_account": -1 - account_id})
    renamed_or_gone(tx, [mailbox_id], feed)
    changed(tx, feed, account_id)
    modseq = rows[0][6] + 1
    tx.after_commit(lambda: feed.publish("mailbox", mailbox_id, modseq))
    if side is not None:
        tx.after_commit(lambda: side.note({"t": "gone", "m": mailbox_id}))


def refuse_bad(name: str) -> None:
    """Raise StoreRefusal CANNOT for a name no mailbox may have."""
    reason = complaint(name)
    if not reason and name != name.rstrip(" "):
        reason = "The mailbox name ends with a blank"  # (MySQL would not tell it from the name without)
    if reason:
        raise StoreRefusal("CANNOT", reason)


def parents(name: str) -> list[str]:
    """The names above a name, outermost first."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:count]) for count in range(1, len(levels))]


def changed(tx: Transaction, feed: Feed, account_id: int) -> None:
    """Tell after the commit that the account's set of mailboxes is another."""
    tx.after_commit(lambda: feed.publish("account", account_id, time.time_ns() // 1000))


def _note_name(tx: Transaction, side: SideRecord, mailbox_id: int, account_id: int, name: str) -> None:
    row = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})[0]
    line = {"t": "mailbox", "m": mailbox_id, "a": account_id, "n": name, "v": row[4], "s": row[7]}
    tx.after_commit(lambda: side.note(line))
