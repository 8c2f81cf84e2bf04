"""What the store asks of the jobs around it: who refers to a body, what is left of deleted mailboxes, old
tombstones."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.database.contract import Database, Transaction
from posthouse.observe import steps
from posthouse.store import acl, kept, metadata, seen
from posthouse.store.boxes import CHUNK
from posthouse.store.records import (
    COUNT_TOMBSTONES,
    DELETE_ALL_KEYWORDS,
    DELETE_ALL_TOMBSTONES,
    DELETE_FACTS,
    DELETE_MAILBOX,
    DELETE_SOME,
    DELETE_TOMBSTONES,
    SELECT_ALL_IDS,
    SELECT_DETACHED,
    SELECT_HELD,
    SELECT_IDS,
    SELECT_MAILBOX,
    SELECT_REFERRED,
    SELECT_TOMBSTONE_MODSEQ,
    SET_TOMBSTONES_FROM,
    message_id,
)

_MAILBOXES = 200


def referred_in(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Which of these bodies a message has, or a deleted one that may come back (a Referrer of
    ``bodies.removal``)."""
    rows = tx.execute(SELECT_REFERRED, {"digests": [bytes.fromhex(digest) for digest in digests]})
    found = {bytes(row[0]).hex() for row in rows}
    rest = [digest for digest in digests if digest not in found]
    return found | kept.referred_in(tx, rest) if rest else found


def holds_in(tx: Transaction, account_id: int, digest: str) -> bool:
    """Whether any mailbox of an account has a message with this body."""
    return bool(tx.execute(SELECT_HELD, {"of_body": bytes.fromhex(digest), "of_account": account_id}))


def forget_in(tx: Transaction, digest: str) -> None:
    """Drop the facts of a body that goes away (a Forgetter of ``bodies.removal``)."""
    tx.execute(DELETE_FACTS, {"digest": bytes.fromhex(digest)})


async def purge(database: Database, mailbox_id: int) -> None:
    """Remove the rows of one deleted mailbox, in units of bounded size. Harmless when repeated."""
    while not await database.run(_purge_some, mailbox_id):
        pass


async def purge_all(database: Database) -> int:
    """Remove what an interrupted deletion left; returns the number of mailboxes."""
    purged = 0
    while rows := await database.read(_detached):
        for mailbox_id in rows:
            await purge(database, mailbox_id)
            purged += 1
    return purged


async def sweep_marks(database: Database) -> None:
    """Remove readers' marks of messages that are gone."""
    while await database.run(seen.sweep):
        pass


async def prune_tombstones(database: Database, keep: int) -> int:
    """Leave at most ``keep`` tombstones in each mailbox, the newest; returns how many mailboxes were
    pruned."""
    pruned = after = 0
    while ids := await database.scan(_some_ids, after):
        after = ids[-1]
        for mailbox_id in await database.scan(_crowded, ids, keep):
            await database.run(_prune, mailbox_id, keep)
            pruned += 1
    return pruned


def _detached(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.execute(SELECT_DETACHED, {"count": _MAILBOXES})]


def _purge_some(tx: Transaction, mailbox_id: int) -> bool:
    """Remove some rows; True once the mailbox itself is gone."""
    found = tx.lock(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not found or found[0][1] >= 0:
        return True
    span = {"after": message_id(mailbox_id, 0), "last": message_id(mailbox_id + 1, 0) - 1}
    rows = tx.execute(SELECT_IDS, {**span, "count": CHUNK})
    if rows:
        ids = [row[0] for row in rows]
        owner = kept.kept_mailbox(tx, mailbox_id)
        if owner is not None:
            kept.keep_in(tx, owner[0], ids, owner[1], whole=True)
        tx.execute(DELETE_SOME, {"ids": ids})
        tx.after_commit(_purged)
        return False
    tx.execute(DELETE_ALL_TOMBSTONES, {"mailbox_id": mailbox_id})
    tx.execute(DELETE_ALL_KEYWORDS, {"mailbox_id": mailbox_id})
    acl.forget_mailbox(tx, mailbox_id)
    seen.forget_mailbox(tx, mailbox_id)
    metadata.forget_mailbox(tx, mailbox_id)
    tx.execute(DELETE_MAILBOX, {"of_id": mailbox_id})
    return True


def _purged() -> None:
    steps.step("mailbox.purged")


def _some_ids(tx: Transaction, after: int) -> list[int]:
    return [row[0] for row in tx.execute(SELECT_ALL_IDS, {"after": after, "count": _MAILBOXES})]


def _crowded(tx: Transaction, ids: list[int], keep: int) -> list[int]:
    # (a tenth above the limit, so that a busy mailbox is not pruned each time by a few)
    most = keep + keep // 10
    return [number for number in ids if tx.execute(COUNT_TOMBSTONES, {"mailbox_id": number})[0][0] > most]


def _prune(tx: Transaction, mailbox_id: int, keep: int) -> None:
    if not tx.lock(SELECT_MAILBOX, {"of_id": mailbox_id}):
        return
    count = tx.execute(COUNT_TOMBSTONES, {"mailbox_id": mailbox_id})[0][0]
    if count <= keep:
        return
    key = {"mailbox_id": mailbox_id}
    upto = tx.execute(SELECT_TOMBSTONE_MODSEQ, {**key, "skip": count - keep - 1})[0][0]
    tx.execute(DELETE_TOMBSTONES, {**key, "upto": upto})
    tx.execute(SET_TOMBSTONES_FROM, {"of_id": mailbox_id, "to": upto})
