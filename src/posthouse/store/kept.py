"""Keeping what is deleted, within the unit that deletes it; ``deleted`` gives it back."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.database.contract import Transaction
from posthouse.store.deleted_records import (
    INSERT_MAILBOX,
    KEEP_SOME,
    SELECT_DELETED_REFERRED,
    SELECT_KEPT_MAILBOX,
)


def keep_in(tx: Transaction, account_id: int, ids: Sequence[int], now: int, *, whole: bool = False) -> None:
    """Keep messages (at most CHUNK, by their rows' ids) that the unit is about to delete."""
    tx.execute(KEEP_SOME, {"of_account": account_id, "now": now, "is_whole": int(whole), "ids": ids})


def keep_mailbox_in(
    tx: Transaction, account_id: int, mailbox_id: int, name: str, special_use: str, now: int
) -> None:
    """Remember a mailbox that the unit takes away from its account; :func:`is_kept` then tells whoever removes its
    rows."""
    row = {
        "mailbox_id": mailbox_id,
        "account_id": account_id,
        "name": name,
        "special_use": special_use,
        "deleted_at": now,
        "restored": 0,
    }
    tx.execute(INSERT_MAILBOX, row)


def kept_mailbox(tx: Transaction, mailbox_id: int) -> tuple[int, int] | None:
    """The account of a deleted mailbox and when it was deleted, None when its messages are not to be kept."""
    rows = tx.execute(SELECT_KEPT_MAILBOX, {"of_id": mailbox_id})
    return (int(rows[0][1]), int(rows[0][4])) if rows else None


def referred_in(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Which of these bodies a deleted message has (a Referrer of ``bodies.removal``)."""
    rows = tx.execute(SELECT_DELETED_REFERRED, {"digests": [bytes.fromhex(digest) for digest in digests]})
    return {bytes(row[0]).hex() for row in rows}
